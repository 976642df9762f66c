// Keeps parts of a page of staff equal to the database: a socket says what kind of thing has changed, and the page loads
// the parts that show it again. What is told is about nobody; what each may see is for the address of the part to say.
//
//   <section id="grid" data-staff-live="/admin/day/?day=2026-03-10">               on any change of the day or of requests
//   <ul id="requests" data-staff-live="/admin/requests/" data-staff-on="requests">   "day", "requests", or "any": whatever
//                                                                                 of the organisation, on whatever day
//
// The address answers with a page or a fragment in which an element has the same id. It is not put in place while
// somebody types in a form or a field of the part, has ticked rows or a dialog of it open, or it says data-busy; it is
// then as soon as that is over. data-staff-every="5": so many seconds at least from one loading to the next.
// Elements with data-keep stay as they are. Afterwards the part gets the event "staff-live:swapped".

const BEAT_SECONDS = 5; // bookings/live/hub.py sends one that often
const SILENCE_SECONDS = 3 * BEAT_SECONDS + 4 * Math.random();
const POLL_SECONDS = 8 + 4 * Math.random();
const FIRST_FINAL_CODE = 3000; // codes of bookings/live/consumers.py from which on dialling again helps nobody
const TOO_MANY_SOCKETS = 4429;

const root = document.documentElement;
const place = document.querySelector("[data-staff-socket]");
const parts = () => [...document.querySelectorAll("[data-staff-live]")];
const kindsOf = (part) => (part.dataset.staffOn ?? "day requests").split(" ");

// ---------- What the page should show ----------

let known = JSON.parse(place.dataset.keys || "{}");
const due = new Set(); // ids of parts
const loading = new Map(); // id -> what ends the loading
const mayLoadAt = new Map(); // id -> from when on: what is a whole page is not loaded for each change of a busy day

function hear(keys) {
  // "any" is not known before the first message, and what was shown before is as old as the other keys.
  const changed = Object.keys(keys).filter((kind) => kind in known && keys[kind] !== known[kind]);
  known = { ...known, ...keys };
  ask((part) => kindsOf(part).some((kind) => changed.includes(kind)));
}

function ask(which = () => true) {
  for (const part of parts().filter(which)) due.add(part.id);
  loadDue();
}

function loadDue() {
  if (document.hidden) return; // it is when the page is shown
  for (const id of due) {
    const part = document.getElementById(id);
    if (!part?.dataset.staffLive) due.delete(id); // closed meanwhile
    else if (!isBusy(part) && Date.now() >= (mayLoadAt.get(id) ?? 0)) load(part);
  }
}

// The newest answer wins: an older one that is still on its way may have been read before the change.
async function load(part) {
  const { id } = part;
  const url = part.dataset.staffLive;
  due.delete(id);
  mayLoadAt.set(id, Date.now() + 1000 * (part.dataset.staffEvery ?? 0));
  loading.get(id)?.abort();
  const control = new AbortController();
  loading.set(id, control);
  try {
    const headers = { "X-By-Itself": "1" }; // no sign that anybody is there
    const answer = await fetch(url, { headers, signal: control.signal });
    if (answer.redirected || answer.status === 403 || answer.status === 404) return stop(); // they may not look any more
    if (!answer.ok) throw new Error(answer.status);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const shown = document.getElementById(id);
    const fresh = page.getElementById(id);
    if (!shown || !fresh) return;
    // Somebody has opened something meanwhile, and the part shows another address.
    if (isBusy(shown) || shown.dataset.staffLive !== url) due.add(id);
    else {
      become(shown, fresh);
      shown.dispatchEvent(new CustomEvent("staff-live:swapped", { bubbles: true }));
    }
  } catch (error) {
    if (error.name !== "AbortError") due.add(id); // again with the next sign of life
  } finally {
    if (loading.get(id) === control) loading.delete(id);
  }
}

// ---------- Without disturbing anybody ----------

const typedIn = new WeakSet(); // forms, and fields of them
document.addEventListener("input", ({ target }) => {
  if (!target.form) return;
  typedIn.add(target.form);
  // What is only ticked stays as it is when the rest of the part is loaded again.
  if (!target.matches("[type=checkbox], [type=radio]")) typedIn.add(target);
});
for (const type of ["submit", "reset"]) {
  document.addEventListener(type, ({ target }) => {
    for (const each of [target, ...target.elements]) typedIn.delete(each);
  });
}

const BUSY = "[data-busy], dialog[open], :popover-open, .action-select:checked"; // ticked rows are meant as they stand

function isBusy(part) {
  if (part.matches("[data-busy]") || part.querySelector(BUSY)) return true;
  // Fields by themselves, too: the form of all may be around the part.
  const places = [...part.querySelectorAll("form, select, input, textarea")];
  return places.some((each) => typedIn.has(each) && !each.closest("[data-keep]"));
}

setInterval(loadDue, 1000);
document.addEventListener("visibilitychange", loadDue);

// Make an element what another one is, and leave all that stays the same untouched: focus, scrolling and what scripts hang
// on an element survive. Children are known by their id.
function become(old, fresh) {
  if (old.isEqualNode(fresh) || old.dataset?.keep !== undefined) return;
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  let next = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const same = findSame(old, next, child);
    if (!same) old.insertBefore(document.importNode(child, true), next);
    else {
      if (same === next) next = next.nextSibling;
      else old.insertBefore(same, next);
      if (same.nodeType === Node.ELEMENT_NODE) become(same, child);
      else same.nodeValue = child.nodeValue;
    }
  }
  while (next) {
    const rest = next.nextSibling;
    next.remove();
    next = rest;
  }
}

function findSame(old, next, child) {
  if (child.id) {
    const same = [...old.children].find((each) => each.id === child.id);
    return same?.nodeName === child.nodeName ? same : null;
  }
  return next?.nodeName === child.nodeName && !next.id ? next : null;
}

// ---------- The socket ----------

let socket = null;
let heardAt = Date.now();
let dialing = 0;
let failures = 0;
let poll = 0; // while nothing is heard the page looks by itself

function show(state) {
  root.dataset.staffLive = state;
  if (state === "waiting") poll ||= setInterval(ask, POLL_SECONDS * 1000);
  else {
    clearInterval(poll);
    poll = 0;
  }
}

function dial() {
  clearTimeout(dialing);
  heardAt = Date.now();
  const url = new URL(place.dataset.staffSocket, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const mine = (socket = new WebSocket(url));
  mine.addEventListener("message", ({ data }) => {
    if (mine !== socket) return;
    heardAt = Date.now();
    failures = 0;
    const { staff, fresh } = JSON.parse(data);
    show(fresh ? "on" : "waiting");
    hear(staff);
  });
  mine.addEventListener("close", ({ code }) => {
    if (mine !== socket) return;
    if (code >= FIRST_FINAL_CODE && code !== TOO_MANY_SOCKETS) return stop();
    show("waiting");
    dialLater(code === TOO_MANY_SOCKETS ? 30 : Math.min(failures, 10));
  });
}

// When a server goes all its pages notice at once, and need not come back at once.
function dialLater(seconds) {
  failures += 1;
  clearTimeout(dialing);
  dialing = setTimeout(dial, (seconds + (failures > 1 ? 4 : 1) * Math.random()) * 1000);
}

function redial() {
  const old = socket;
  socket = null;
  old?.close();
  dial();
}

// Logged out, or no longer working there. What is shown stays, and the next click says so.
function stop() {
  const old = socket;
  socket = null;
  old?.close();
  clearTimeout(dialing);
  due.clear();
  show("stopped");
}

setInterval(() => {
  if (root.dataset.staffLive === "stopped" || document.hidden) return;
  if (Date.now() - heardAt > SILENCE_SECONDS * 1000) {
    show("waiting"); // a server that hangs closes nothing; neither does a laptop that slept
    redial();
  }
}, 1000);
addEventListener("online", () => root.dataset.staffLive !== "stopped" && redial());
addEventListener("pageshow", ({ persisted }) => {
  if (!persisted) return;
  redial();
  ask();
});

dial();

// For scripts of pages: load the parts again now, as after something that was done here.
document.addEventListener("staff-live:refresh", () => ask());
