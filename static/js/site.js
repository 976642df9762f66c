// What HTML and htmx do not do by themselves. Every page works without it. The other modules are loaded from here.

import { rememberZone, setCookie } from "./cookies.js";
import "./dialog.js";
import { root, toasts } from "./elements.js";
import "./live.js";
import "./holds.js";
import "./seats.js";
import "./focus.js";
import "./grid.js";
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
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});

// Addresses that people share carry no empty filters.
document.addEventListener("htmx:config:request", (event) => {
  const { sourceElement, request } = event.detail.ctx;
  if (sourceElement.id !== "search") return;
  for (const [name, value] of [...request.body]) {
    if (!value || (name === "sort" && value === "soonest")) request.body.delete(name);
  }
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
  const zone = document.getElementById("zone-menu")?.dataset.zone;
  if (!zone) return;
  for (const clock of document.querySelectorAll("[data-clock]")) {
    clock.textContent = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: zone }).format();
  }
}

// First visit: show this page's times in the zone that the server knows from now on.
let isTouched = false;
for (const kind of ["input", "submit"]) {
  document.addEventListener(kind, (event) => (isTouched ||= Boolean(event.target.closest?.("#main"))), true);
}

// A press ends where it began: a tile that moves to another part of the day in between would not be clicked.
let press = Promise.resolve();
document.addEventListener(
  "pointerdown",
  () => {
    press = new Promise((ended) => {
      // The click comes after the pointer is up, and before anything that waits.
      for (const kind of ["pointerup", "pointercancel"]) {
        document.addEventListener(kind, () => setTimeout(ended), { once: true, capture: true });
      }
    });
  },
  true,
);

async function learnZone() {
  if (!rememberZone()) return;
  const response = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!response.ok) return;
  const text = await response.text();
  const sourceElement = document.body;
  for (const target of ["#zone-menu", "#main"]) {
    await press;
    if (target === "#main" && isTouched) continue; // what somebody has begun is worth more than the zone
    if (document.querySelector(target)) await htmx.swap({ text, sourceElement, target, select: target, swap: "outerMorph" });
  }
}

learnZone().catch(() => {}); // the page stays right, in the zone that it names
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
