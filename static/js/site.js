// What HTML and htmx do not do by themselves. Every page works without it. The other modules are loaded from here.

import { setCookie } from "./cookies.js";
import "./dialog.js";
import { root, toasts } from "./elements.js";
import "./live.js";
import "./opened.js";
import "./holds.js";
import "./seats.js";
import "./types.js";
import "./focus.js";
import "./sending.js";
import "./grid.js";
import "./loading.js";
import "./work.js";
import { toast } from "./toast.js";

root.classList.add("js");

// ---------- Errors of a form ----------

// A page that was sent after a form without htmx: read the errors first.
const errorSummary = document.querySelector("#main :is(.error-summary, .question)");
if (errorSummary) errorSummary.focus();

// The links of an error summary lead to their field, not only near it.
document.addEventListener("click", (event) => {
  const link = event.target.closest(".error-links a");
  const field = link && document.getElementById(link.hash.slice(1));
  if (!field) return;
  event.preventDefault();
  field.focus();
});

// ---------- Requests that fail ----------

// What a page asks for by itself, while it is not live, is asked for again anyway: its pill says so already.
function isPoll({ sourceElement }) {
  return Boolean(sourceElement?.matches?.("[data-resync]"));
}

// An error page is a whole page: it must not land in a part of this one. Its own words say what happened.
document.addEventListener("htmx:before:swap", (event) => {
  const { response, text } = event.detail.ctx;
  if (!(response?.status >= 400) || !/<html/i.test(text ?? "")) return;
  event.preventDefault();
  if (isPoll(event.detail.ctx)) return;
  const page = new DOMParser().parseFromString(text, "text/html");
  const reason = page.querySelector("main [data-message]") ?? page.querySelector("main h1");
  toast(reason?.textContent.trim() || toasts.dataset.failed);
});

document.addEventListener("htmx:response:error", (event) => {
  const { response, text } = event.detail.ctx;
  if (response.status >= 500 && !isPoll(event.detail.ctx) && !/class="booking|<html/i.test(text ?? "")) toast(toasts.dataset.failed);
});

document.addEventListener("htmx:error", (event) => {
  if (event.detail.error instanceof TypeError && !isPoll(event.detail.ctx)) toast(toasts.dataset.offline);
});

// ---------- Links and forms ----------

// htmx would swallow a click that asks for a new tab or window.
document.addEventListener(
  "click",
  (event) => {
    if ((event.ctrlKey || event.metaKey || event.shiftKey) && event.target.closest("a[href][hx-get]")) {
      event.stopPropagation();
    }
  },
  true,
);

// A filter applies as soon as it is chosen; without script the Search button does it.
document.addEventListener("change", (event) => {
  // A date is not yet one while its year is being typed.
  if (event.target.matches("[data-submits]") && event.target.validity.valid) event.target.form.requestSubmit();
});

// Addresses that people share carry no empty filters.
document.addEventListener("htmx:config:request", (event) => {
  const { sourceElement, request } = event.detail.ctx;
  if (sourceElement.id !== "search") return;
  const given = [...request.body].filter(([name, value]) => value && !(name === "sort" && value === "soonest"));
  for (const name of new Set(request.body.keys())) request.body.delete(name);
  for (const [name, value] of given) request.body.append(name, value);
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    toast(toasts.dataset.copied, "done");
  } catch {
    getSelection().selectAllChildren(button.parentNode.querySelector(".reference-code")); // at least marked, ready for Ctrl-C
  }
});

// ---------- Menus ----------

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

// The page may have changed its address (another day, another filter) since its menus were written.
document.addEventListener("submit", (event) => {
  const next = event.target.closest(".menu") && event.target.elements.next;
  if (next) next.value = location.pathname + location.search;
});

// ---------- Theme ----------

document.addEventListener("submit", (event) => {
  if (event.target.id !== "theme-form") return;
  event.preventDefault();
  const theme = event.submitter.value;
  setCookie("theme", theme);
  root.dataset.theme = theme === "dark" ? "expertbook-dark" : "expertbook";
  event.target.querySelector(theme === "dark" ? "[value=light]" : "[value=dark]").focus();
});

// ---------- Time zone and clock ----------

function tick() {
  const { zone, hourCycle } = document.getElementById("zone-menu")?.dataset ?? {};
  if (!zone) return;
  for (const clock of document.querySelectorAll("[data-clock]")) {
    const format = { hour: "2-digit", minute: "2-digit", hourCycle, timeZone: zone };
    clock.textContent = new Intl.DateTimeFormat(root.lang, format).format();
  }
}

// First visit: zone.js has found that other clocks lead on this page, or stand beside, than the server could know. The
// part with the times is asked for once more.
let isSearching = false;
document.addEventListener("input", (event) => (isSearching ||= Boolean(event.target.closest("#search"))));

async function showByZone() {
  const part = "zoneLearnt" in root.dataset && document.querySelector("[data-by-zone]");
  if (!part) return;
  const response = await fetch(location.href, { headers: { "HX-Request": "true", "HX-Request-Type": "partial" } });
  const text = await response.text();
  // What was searched for meanwhile comes by the right clock.
  if (response.ok && !isSearching) await htmx.swap({ text, sourceElement: part, target: part, swap: part.dataset.byZone });
}

showByZone()
  .catch(() => {}) // the page stays right, by the clock that it names
  .finally(() => root.classList.remove("awaits-zone"));
setInterval(tick, 5000);
tick();

// ---------- The day strip on a small screen ----------

function showChosenDay() {
  const day = document.querySelector(".day[aria-current]");
  const strip = day?.closest(".day-strip");
  if (strip) strip.scrollLeft = day.offsetLeft - strip.clientWidth / 2 + day.offsetWidth / 2;
}
showChosenDay();
document.addEventListener("htmx:after:swap", (event) => {
  if (event.detail.ctx.target?.id === "day" && event.detail.ctx.sourceElement?.id !== "") showChosenDay();
});
