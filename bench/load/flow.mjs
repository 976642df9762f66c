// Visitors who book through pages, without a browser: they keep cookies, follow redirects, and send the forms of the
// pages with what stands in their hidden fields, the CSRF token among it. Takes its orders as JSON on standard input and
// prints what came of it as JSON:
//
//   port, connections        where to, and how many visitors there are at a time
//   seconds                  how long new flows are begun
//   flow                     which one, below
//   items                    what each flow in turn is about; the load is over when they are used up
//   start                    a number from which the e-mail and the client's address of each visitor are made
//
// Answers: flows (those that came to their end), seconds, requests, p50/p95/p99/max of a whole flow in ms, errors (what
// went wrong: count), made (what the flows ended with, in turn).
import http from "node:http";

import { spansOf } from "./spans.mjs";

class Visitor {
  constructor(port, number, cookies = {}) {
    Object.assign(this, { port, number, cookies });
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  }

  get(path, headers) {
    return this.ask("GET", path, undefined, headers);
  }

  post(path, fields, headers) {
    return this.ask("POST", path, new URLSearchParams(fields).toString(), headers);
  }

  // Gives {path, status, text} of the page at the end of all redirects.
  async ask(method, path, body, headers = {}) {
    requests += 1;
    const { number } = this;
    const sent = {
      Cookie: Object.entries(this.cookies)
        .map(([name, value]) => `${name}=${value}`)
        .join("; "),
      "X-Forwarded-For": `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`,
      ...(body === undefined ? {} : { "Content-Type": "application/x-www-form-urlencoded" }),
      ...(body === undefined ? {} : { "Content-Length": Buffer.byteLength(body) }),
      ...headers,
    };
    const { response, text } = await new Promise((resolve, reject) => {
      const options = { host: "127.0.0.1", port: this.port, method, path, headers: sent, agent: this.agent };
      const request = http.request(options, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (part) => (text += part));
        response.on("end", () => resolve({ response, text }));
        response.on("error", reject);
      });
      request.setTimeout(30_000, () => request.destroy(new Error("no answer within 30 s")));
      request.on("error", reject);
      request.end(body);
    });
    for (const cookie of response.headers["set-cookie"] ?? []) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
      this.cookies[name] = value;
    }
    if (response.statusCode >= 300 && response.statusCode < 400) return this.get(response.headers.location);
    if (response.statusCode >= 400) throw new Error(`${response.statusCode} at ${path.replace(/\/\w*\d\w*/g, "/…")}`);
    return { path, status: response.statusCode, text };
  }

  leave() {
    this.agent.destroy();
  }
}

const unescaped = (text) =>
  text.replace(/&(amp|quot|#x27|#39|lt|gt);/g, (_all, name) => ({ amp: "&", quot: '"', lt: "<", gt: ">" })[name] ?? "'");

// What a form would send as it stands: the first form of the page whose tag matches.
function fieldsOf(page, tag) {
  const form = [...page.text.matchAll(/<form\b([^>]*)>([^]*?)<\/form>/g)].find(([, attributes]) => tag.test(attributes));
  if (!form) throw new Error(`no form like ${tag}`);
  const attribute = (text, name) => unescaped(new RegExp(`\\s${name}="([^"]*)"`).exec(text)?.[1] ?? "");
  const fields = {};
  for (const [, input] of form[2].matchAll(/<input\b([^>]*)>/g)) {
    const kind = attribute(input, "type");
    if (["checkbox", "radio"].includes(kind) && !/\schecked\b/.test(input)) continue;
    if (attribute(input, "name")) fields[attribute(input, "name")] = attribute(input, "value");
  }
  for (const [, area, text] of form[2].matchAll(/<textarea\b([^>]*)>([^]*?)<\/textarea>/g)) {
    fields[attribute(area, "name")] = unescaped(text).trim();
  }
  return fields;
}

// As the tile's own script asks: the answers are parts for the dialog, without redirects.
const PARTIAL = { "HX-Request": "true", "HX-Request-Type": "partial" };

async function held(visitor, { slot, cookies, token }) {
  Object.assign(visitor.cookies, cookies);
  const page = await visitor.post(`/slots/${slot}/hold/`, { csrfmiddlewaretoken: token }, PARTIAL);
  if (!page.text.includes(`action="/slots/${slot}/book/`)) throw new Error("not held");
  return page;
}

const detailsOf = ({ number }) => ({ name: "Lena Fischer", email: `p${number}@example.com`, agree: "on" });

const FLOWS = {
  // Opens an expert's page: what a visitor has who is about to choose a time.
  async visit(visitor, { slug, day }) {
    const page = await visitor.get(`/experts/${slug}/?day=${day}`);
    return { cookies: visitor.cookies, token: fieldsOf(page, /grid-form/).csrfmiddlewaretoken };
  },

  // Chooses a time on a page that is open already (`visit`), and stops at what is answered: the seat is held.
  async hold(visitor, item) {
    await held(visitor, item);
    return item.slot;
  },

  // From the tile on a page that is open already (`visit`) to "You're booked", in the page's dialog.
  async dialog(visitor, item) {
    let page = await held(visitor, item);
    const path = `/slots/${item.slot}/book/`;
    page = await visitor.post(path, { ...fieldsOf(page, /booking-main/), ...detailsOf(visitor), step: "review" }, PARTIAL);
    page = await visitor.post(path, { ...fieldsOf(page, /booking-main/), step: "confirm" }, PARTIAL);
    const reference = /EB-[A-Z0-9]{4}-[A-Z0-9]{4}/.exec(page.text)?.[0];
    if (!reference) throw new Error("not booked");
    return reference;
  },

  // From the tile to the last page, without script: every step a page of its own.
  async book(visitor, { slug, day, slot }) {
    let page = await visitor.get(`/experts/${slug}/?day=${day}`);
    page = await visitor.post(`/slots/${slot}/hold/`, fieldsOf(page, /grid-form/));
    page = await visitor.post(page.path, { ...fieldsOf(page, /booking-main/), ...detailsOf(visitor), step: "review" });
    page = await visitor.post(page.path, { ...fieldsOf(page, /booking-main/), step: "confirm" });
    const reference = /[?&]booking=([^&]+)/.exec(page.path)?.[1];
    if (!reference || !page.text.includes(reference)) throw new Error("not booked");
    return reference;
  },

  // As `book`, through the pages of django-appointment, by somebody who is logged in.
  async appointment(visitor, item) {
    await appointmentChosen(visitor, item);
    return appointmentBooked(visitor, item);
  },

  // Two visitors of django-appointment who both see a time free, and then both ask for it. Gives how many got it.
  async appointmentTwice(visitor, item) {
    const other = new Visitor(visitor.port, visitor.number + 1, item.other);
    await appointmentChosen(visitor, item);
    await appointmentChosen(other, item);
    const both = await Promise.allSettled([appointmentBooked(visitor, item), appointmentBooked(other, item)]);
    other.leave();
    return both.filter(({ status }) => status === "fulfilled").length;
  },
};

// Opens the page of a service and its free times of a day, as the page's script does when a day is chosen.
async function appointmentChosen(visitor, { service, staff, day, time, cookies }) {
  Object.assign(visitor.cookies, visitor.cookies.sessionid ? {} : cookies);
  visitor.page = await visitor.get(`/appointment/request/${service}/`);
  const asked = new URLSearchParams({ selected_date: day, staff_member: staff, service_id: service });
  const free = await visitor.get(`/appointment/ajax/available_slots/?${asked}`, { "X-Requested-With": "XMLHttpRequest" });
  if (!JSON.parse(free.text).available_slots.some(([slot]) => slot === `${day}T${time}`)) throw new Error("not free");
}

async function appointmentBooked(visitor, { service, staff, day, time, end }) {
  const chosen = { date: day, start_time: time, end_time: end, service, staff_member: staff };
  let page = await visitor.post("/appointment/request-submit/", { ...fieldsOf(visitor.page, /booking-form/), ...chosen });
  const details = { name: "Lena Fischer", email: `p${visitor.number}@example.com`, phone_0: "US", phone_1: "2015550123" };
  details.payment_type = "full"; // what the button says
  page = await visitor.post(page.path, { ...fieldsOf(page, /client-form/), ...details });
  const id = /\/thank-you\/(\d+)/.exec(page.path)?.[1];
  if (!id) throw new Error("not booked");
  return id;
}

let text = "";
for await (const part of process.stdin) text += part;
const { port, connections, seconds, flow, items, start } = JSON.parse(text);
let requests = 0;
let next = 0;
const spans = [];
const errors = {};
const made = [];
const began = performance.now();

async function keepComing() {
  while (next < items.length && performance.now() - began < seconds * 1000) {
    const number = next++;
    const visitor = new Visitor(port, start + 2 * number);
    const opened = performance.now();
    try {
      made.push(await FLOWS[flow](visitor, items[number]));
      spans.push(performance.now() - opened);
    } catch (error) {
      errors[error.message] = (errors[error.message] ?? 0) + 1;
    }
    visitor.leave();
  }
}

await Promise.all(Array.from({ length: connections }, keepComing));
const took = (performance.now() - began) / 1000;
const result = { flows: spans.length, seconds: took, requests, ...spansOf(spans), errors, made };
process.stdout.write(JSON.stringify(result), () => process.exit(0));
