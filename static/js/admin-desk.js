// Pages of the staff's day that are lists with actions. All of it works without this script, with a page for each step:
// here links and forms of a part fetch that part alone, what is selected and focused stays, and keys do what buttons do.

import { isTyping } from "./admin-keys.js";
import { countDown } from "./admin-undo.js";

document.documentElement.classList.add("eb-scripted");
const part = document.querySelector("[data-part]");
const selected = new Set();
let busy = null;
let next = null; // what is to be looked at when that is done

// One step after another: what is done twice is done once, and whatever is looked at meanwhile comes after it.
async function load(url, options = {}) {
  if (busy) {
    if (options.method !== "POST") next = url;
    return;
  }
  busy = new AbortController();
  part.setAttribute("aria-busy", "true");
  const before = whereFocusIs();
  try {
    const response = await fetch(url, { ...options, headers: { "X-Part": part.dataset.part }, signal: busy.signal });
    if (response.redirected && !new URL(response.url).pathname.startsWith(location.pathname)) {
      location.assign(response.url); // logged out, or on to another page
      return;
    }
    if (!response.ok && response.status !== 422) throw new Error(`the page answered ${response.status}`);
    part.innerHTML = await response.text();
    const shown = new URL(response.url);
    shown.searchParams.delete("undo"); // a page that is loaded again offers what it still can
    if (options.method !== "POST" || response.redirected) history.replaceState(null, "", shown);
    settle(before);
    if (options.method !== "POST") part.querySelector(".eb-opened, .eb-read")?.scrollIntoView({ block: "nearest" });
  } catch {
    document.dispatchEvent(new Event("admin:lost")); // what is typed stays
  } finally {
    busy = null;
    part.removeAttribute("aria-busy");
    const following = next;
    next = null;
    if (following) load(following);
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || !part.contains(link) || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (link.hasAttribute("data-close")) {
    event.preventDefault();
    link.closest("dialog").close();
  } else if (link.hasAttribute("data-in-place")) {
    event.preventDefault();
    load(link.href);
  }
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!part.contains(form)) return;
  event.preventDefault();
  const data = new FormData(form, event.submitter);
  if (form.method === "post") load(form.action, { method: "POST", body: new URLSearchParams(data) });
  else load(`${form.action}?${new URLSearchParams([...data].filter(([, value]) => value))}`);
});

// Whatever is new in the part, by a step of ours or because something changed for somebody else.
function settle(before) {
  const dialog = part.querySelector("dialog[open]");
  if (dialog && !dialog.matches(":modal")) {
    dialog.open = false; // without the event of closing, which comes later
    dialog.addEventListener("close", () => {
      const back = dialog.querySelector("[data-close]")?.href;
      if (back) history.replaceState(null, "", back);
      dialog.remove();
      focusAgain(before);
    });
    dialog.showModal();
    dialog.querySelector("textarea")?.focus();
  } else if (before) focusAgain(before);
  startCounting();
  const said = [...part.querySelectorAll("[data-said]")].map((element) => element.textContent.trim()).join(" ");
  const status = document.querySelector("[data-say]");
  if (said && status.textContent !== said) status.textContent = said;
  count();
}

// The same button of the same row; where that is gone, of the one that took its place.
function whereFocusIs() {
  const element = document.activeElement;
  const row = element?.closest("li");
  if (!row || !part.contains(row)) return element?.id ? { id: element.id } : null;
  const rows = [...part.querySelectorAll(".eb-lines > li")];
  return { id: element.id, row: row.id, number: rows.indexOf(row), name: element.name || "" };
}

function focusAgain(before) {
  if (!before) return;
  if (before.id && document.getElementById(before.id)) return document.getElementById(before.id).focus({ preventScroll: true });
  const rows = [...part.querySelectorAll(".eb-lines > li")];
  const row = document.getElementById(before.row) ?? rows[Math.min(before.number, rows.length - 1)];
  const target = row && ((before.name && row.querySelector(`[name="${before.name}"]`)) || row.querySelector("[data-row]"));
  (target ?? part.querySelector(".eb-undo"))?.focus({ preventScroll: true });
}

// What is chosen from a menu of the search needs no button.
part.addEventListener("change", ({ target }) => target.matches("[role=search] select") && target.form.requestSubmit());

// What is selected

part.addEventListener("change", (event) => {
  const box = event.target;
  if (box.matches("[data-all]")) for (const each of boxes()) each.checked = box.checked;
  else if (box.name !== "booking") return;
  for (const each of boxes()) selected[each.checked ? "add" : "delete"](each.value);
  count();
});

function boxes() {
  return [...part.querySelectorAll(".eb-lines input[name=booking]")];
}

function count() {
  const all = boxes();
  for (const box of all) box.checked = selected.has(box.value);
  for (const key of selected) if (!all.some((box) => box.value === key)) selected.delete(key);
  const number = selected.size;
  for (const place of part.querySelectorAll("[data-count]")) place.textContent = place.textContent.replace(/\d+/, number);
  for (const place of part.querySelectorAll("[data-number]")) place.textContent = number || "";
  for (const button of part.querySelectorAll(".eb-bulk button")) button.toggleAttribute("disabled", !number);
  const every = part.querySelector("[data-all]");
  if (every) [every.checked, every.indeterminate] = [number > 0 && number === all.length, number > 0 && number < all.length];
}

// Rows that came and went because something changed for somebody else (staff-live.js).
part.addEventListener("staff-live:swapped", count);

// The seconds in which a decision can be taken back

let stopCounting = () => {};
function startCounting() {
  stopCounting();
  const toast = part.querySelector("[data-seconds]");
  if (!toast) return;
  stopCounting = countDown(toast, () => {
    if (toast.contains(document.activeElement)) part.querySelector("[data-row]")?.focus({ preventScroll: true });
    toast.remove();
  });
}

// Keys: J and K go from row to row, A and R answer the row, or all that are selected, O offers other times.

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !part.querySelector(".eb-requests")) return;
  if (isTyping(event)) return;
  const key = event.key.toLowerCase();
  const rows = [...part.querySelectorAll(".eb-requests > li")];
  const here = rows.findIndex((row) => row.contains(document.activeElement));
  if (key === "j" || key === "k") {
    const next = rows[Math.min(Math.max(here + (key === "j" ? 1 : -1), 0), rows.length - 1)];
    next?.querySelector("[data-row]").focus();
  } else if (key === "a" || key === "r") {
    const name = key === "a" ? "approve" : "reject";
    const place = selected.size ? part.querySelector(".eb-bulk") : rows[here];
    place?.querySelector(`[name=${name}]`)?.click();
  } else if (key === "o" && here >= 0) {
    rows[here].querySelector("[name=offer]")?.click();
  } else if (key === "x" && here >= 0) {
    rows[here].querySelector("input").click();
  } else return;
  event.preventDefault();
});

settle(null);
