// Rescue: selecting several rows, and doing things without loading the page. Without it the page is one form.

import { isTyping } from "./admin-keys.js";

const form = document.getElementById("rescue");
const bulk = document.getElementById("rescue-bulk");
const TOAST_SECONDS = 8;
const live = () => document.getElementById("rescue-live");
const message = () => document.getElementById("rescue-message");
const until = () => document.getElementById("id_until");
const boxes = () => [...live().querySelectorAll('input[name="row"]')];

// ---------- What is selected ----------

function count() {
  message().hidden = !live().querySelector(".ebr-row:not(.is-moved)");
  const chosen = boxes().filter((box) => box.checked);
  const movable = chosen.filter((box) => !("without" in box.dataset));
  bulk.hidden = chosen.length === 0;
  const words = document.documentElement.lang || "en";
  const number = new Intl.NumberFormat(words);
  bulk.querySelector("[data-selected]").textContent = bulk.dataset.selected.replace("{n}", number.format(chosen.length));
  const move = bulk.querySelector('[value="move"]');
  move.disabled = movable.length === 0;
  move.querySelector("[data-label]").textContent =
    movable.length === 1 ? move.dataset.one : move.dataset.many.replace("{n}", number.format(movable.length));
  const all = document.getElementById("rescue-all");
  if (all) {
    all.checked = chosen.length > 0 && chosen.length === boxes().length;
    all.indeterminate = chosen.length > 0 && !all.checked;
  }
}

document.addEventListener("change", ({ target }) => {
  if (target.matches?.("[data-all]")) for (const box of boxes()) box.checked = target.checked;
  if (target.closest?.("#rescue")) count();
});
document.addEventListener("staff-live:swapped", count);
for (const link of document.querySelectorAll("[data-no-script]")) link.remove();

// ---------- Doing something ----------

// One after another: no click is lost while an answer is on its way.
let before = Promise.resolve();
form?.addEventListener("submit", (event) => {
  const button = event.submitter;
  // Cancelling asks first, on a page of its own.
  if (!button || button.value.startsWith("cancel")) return;
  event.preventDefault();
  if (button.getAttribute("aria-busy")) return;
  const sent = new FormData(form, button);
  // Of many only those for which there is a time.
  if (button.value === "move") {
    sent.delete("row");
    for (const box of boxes()) if (box.checked && !("without" in box.dataset)) sent.append("row", box.value);
  }
  button.setAttribute("aria-busy", "true");
  const next = byKey ? rows().indexOf(button.closest(".ebr-row")) : -1;
  before = before.then(() => send(sent, next)).finally(() => button.removeAttribute("aria-busy"));
});

// ``next``: the place of the row that has the focus afterwards, where a key was pressed; else it stays where it is.
async function send(sent, next = -1) {
  let answer;
  try {
    answer = await fetch(form.dataset.url, { method: "POST", body: sent, headers: { "X-By-Script": "1" } });
  } catch {
    return say(form.dataset.failed);
  }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("rescue-live");
  if (answer.redirected) return location.assign(form.dataset.url); // logged out
  if (!fresh || !(answer.ok || answer.status === 422)) return say(form.dataset.failed);
  const kept = new Set(boxes().filter((box) => box.checked).map((box) => box.value));
  const times = [...live().querySelectorAll(".ebr-select")].map((list) => list.selectedOptions[0].id);
  const focused = document.activeElement?.closest(".ebr-row")?.id;
  live().replaceWith(document.importNode(fresh, true));
  for (const box of boxes()) box.checked = kept.has(box.value);
  for (const id of times) if (document.getElementById(id)) document.getElementById(id).selected = true;
  count();
  if (!answer.ok) return refused(page);
  nameEnds(page);
  const row = focused && document.getElementById(focused);
  if (next >= 0) focusRow(row && rows().indexOf(row) === next && row.matches(TO_DO) ? next : firstToDo(next));
  else (row ?? document).querySelector(".ebr-actions button, .ebr-actions a")?.focus({ preventScroll: true });
  say(document.getElementById("rescue-toast").textContent);
}

// The message as it was sent, with what is wrong about it.
function refused(page) {
  message().replaceWith(document.importNode(page.getElementById("rescue-message"), true));
  nameUntil();
  message().querySelector(":has(> [role=alert]) :is(textarea, select)")?.focus();
}

// An hour that has passed meanwhile can be chosen no more.
function nameEnds(page) {
  const chosen = until().value;
  until().replaceChildren(...document.importNode(page.getElementById("id_until"), true).children);
  until().value = chosen;
  if (until().selectedIndex < 0) until().selectedIndex = 0;
  nameUntil();
}

// ---------- By keyboard ----------

const TO_DO = ".is-todo, .is-phone";
const STEPS = { j: 1, arrowdown: 1, k: -1, arrowup: -1 };
let byKey = false; // while a key presses a button
const rows = () => [...live().querySelectorAll(".ebr-row")].filter((row) => !row.closest("details:not([open])"));

function focusRow(place) {
  const all = rows();
  all[Math.min(Math.max(place, 0), all.length - 1)]?.querySelector("[data-row]").focus();
}

// The next of which something is to do, from where the last was; else the one that is there now.
function firstToDo(place) {
  const all = rows();
  const later = all.findIndex((row, at) => at >= place && row.matches(TO_DO));
  return later >= 0 ? later : Math.max(all.findLastIndex((row) => row.matches(TO_DO)), 0);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
  const key = event.key.toLowerCase();
  const here = rows().findIndex((row) => row.contains(document.activeElement));
  if (key in STEPS) {
    // Without a row in hand arrows scroll the page.
    if (here < 0 && key.startsWith("arrow")) return;
    focusRow(here + STEPS[key]);
  } else if ("mohc".includes(key) && key.length === 1 && here >= 0) {
    const button = rows()[here].querySelector(`[data-key="${key}"]`);
    if (!button) return say(form.dataset.cannot);
    byKey = true;
    button.click();
    byKey = false;
  } else return;
  event.preventDefault();
});

// A live region speaks only what changes.
let toastEnds = 0;
function say(text) {
  const toast = document.getElementById("rescue-toast");
  toast.textContent = "";
  toast.classList.toggle("is-shown", Boolean(text));
  requestAnimationFrame(() => (toast.textContent = text));
  clearTimeout(toastEnds);
  toastEnds = setTimeout(() => toast.classList.remove("is-shown"), TOAST_SECONDS * 1000);
}

function nameUntil() {
  const words = bulk.querySelector("[data-until]");
  words.textContent = words.dataset.until.replace("{when}", until().selectedOptions[0].textContent);
}
document.addEventListener("change", ({ target }) => target.id === "id_until" && nameUntil());

// One menu at a time, and none after a click elsewhere or Escape.
document.addEventListener("click", ({ target }) => {
  for (const menu of document.querySelectorAll(".ebr-menu[open]")) if (!menu.contains(target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector(".ebr-menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

count();
nameUntil();
