// The staff's day made smooth: the panel opens beside the day, what is done is done at once, keys do what the mouse does.
// Each link and form of the page works without this, too.

import { isTyping } from "./admin-keys.js";
import { countDown } from "./admin-undo.js";

const day = document.getElementById("day");
const body = () => document.getElementById("day-body");
const panel = () => document.getElementById("day-panel");
const toast = () => document.getElementById("day-toast");
const MINUTE = 60_000;

// ---------- What is shown ----------

const BLOCKS = ".ebd-block[href], .ebd-row[href]";
const blocks = () => [...body().querySelectorAll(BLOCKS)];
let opened = null; // the address of what the panel shows
let current = null; // the id of the block that the keys are at
let openedBy = null; // the id of the block to come back to

const at = (value) => Number(value.style.getPropertyValue("--at"));

function started() {
  const scroll = body().querySelector(".ebd-scroll");
  if (scroll?.dataset.now) {
    const line = scroll.querySelector(".ebd-hours b");
    scroll.scrollTop = line.offsetTop - scroll.clientHeight / 3;
  }
  const next = document.getElementById("row-now");
  if (next) next.parentElement.scrollTop = next.offsetTop - next.parentElement.offsetTop - next.parentElement.clientHeight / 4;
  if (panel().querySelector(".ebd-panel")) opened = new URL(location.href);
  shown();
}

// After the day was drawn: what the server does not know of this page.
function shown() {
  const all = blocks();
  const stop = all.find((block) => block.id === current) ?? all.find((block) => isAhead(block)) ?? all[0];
  for (const block of all) {
    block.tabIndex = block === stop ? 0 : -1;
    block.classList.toggle("is-open", isOpened(block));
  }
  drawnAt = Date.now();
}

function isAhead(block) {
  const now = body().querySelector(".ebd-scroll")?.dataset.now;
  return now === undefined || at(block) >= Number(now);
}

const idsOf = (url) => ["booking", "slot"].map((name) => url.searchParams.get(name) ?? "").join("/");
const isOpened = (block) => opened !== null && !("freeSlot" in block.dataset) && idsOf(new URL(block.href)) === idsOf(opened);

// The line of now goes on by itself.
let drawnAt = Date.now();
setInterval(() => {
  const passed = (Date.now() - drawnAt) / MINUTE;
  const now = Number(body().querySelector(".ebd-scroll")?.dataset.now);
  for (const line of body().querySelectorAll(".ebd-now, .ebd-hours b")) line.style.setProperty("--at", now + passed);
  const { zone, hours } = body().dataset;
  const format = new Intl.DateTimeFormat(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", hourCycle: hours, timeZone: zone });
  for (const clock of day.querySelectorAll("[data-clock]")) clock.textContent = format.format();
}, MINUTE / 2);

// ---------- The panel ----------

async function open(url, by) {
  const wanted = (opened = new URL(url, location.href));
  openedBy = by ?? openedBy;
  const part = `${day.dataset.panelUrl}${wanted.search}`;
  let answer;
  try {
    answer = await fetch(part);
  } catch {
    answer = null;
  }
  if (!answer?.ok || answer.redirected) return location.assign(wanted);
  const text = await answer.text();
  if (opened !== wanted) return; // something else was opened meanwhile
  place(text);
  history.replaceState(null, "", wanted);
  shown();
  document.getElementById("panel-name")?.focus({ preventScroll: true });
}

function close() {
  if (!panel().firstElementChild) return false;
  const url = new URL(location.href);
  for (const name of ["booking", "slot"]) url.searchParams.delete(name);
  history.replaceState(null, "", url);
  panel().replaceWith(Object.assign(document.createElement("div"), { id: "day-panel" }));
  opened = null;
  shown();
  focus(document.getElementById(openedBy) ?? blocks().find((block) => block.tabIndex === 0));
  return true;
}

// Put parts of an answer in place. The element of the toast stays, as what is written into it is read out.
function place(text) {
  const page = new DOMParser().parseFromString(text, "text/html");
  const newPanel = page.getElementById("day-panel");
  const newToast = page.getElementById("day-toast");
  if (newPanel) panel().replaceWith(document.importNode(newPanel, true));
  if (newToast) {
    toast().replaceChildren(...document.importNode(newToast, true).childNodes);
    startCounting();
  }
}

// ---------- What is done ----------

async function send(action, data) {
  const focused = document.activeElement?.closest?.("form")?.dataset.act;
  let answer;
  try {
    answer = await fetch(action, { method: "POST", body: data, headers: { "X-Day-Part": "1" } });
  } catch {
    answer = null;
  }
  if (answer?.redirected) return location.reload(); // logged out
  if (![200, 409].includes(answer?.status)) return document.dispatchEvent(new Event("admin:lost"));
  const block = document.activeElement?.closest?.(BLOCKS);
  place(await answer.text());
  if (!block && !document.activeElement?.closest("#day-panel, #day-body")) {
    const again = focused && panel().querySelector(`form[data-act="${focused}"] button`);
    (again ?? document.getElementById("panel-name"))?.focus({ preventScroll: true });
  }
  refresh();
}

async function refresh() {
  if (document.documentElement.dataset.staffLive) {
    document.dispatchEvent(new CustomEvent("staff-live:refresh"));
    return;
  }
  const answer = await fetch(body().dataset.staffLive);
  if (!answer.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("day-body");
  const scroll = body().querySelector(".ebd-scroll, .ebd-list");
  const [left, top, focused] = [scroll?.scrollLeft, scroll?.scrollTop, body().contains(document.activeElement)];
  body().replaceWith(document.importNode(fresh, true));
  body().querySelector(".ebd-scroll, .ebd-list")?.scrollTo({ left, top });
  shown();
  if (focused) focus(document.getElementById(current));
}

function arrive() {
  const block = document.activeElement?.closest?.(BLOCKS);
  const booking = block ? block.dataset.booking : panel().dataset.opened;
  if (!booking) return;
  const data = new FormData(document.getElementById("day-arrive"));
  const { opened: person, openedSlot } = panel().dataset;
  if (person) data.set("booking", person);
  if (openedSlot) data.set("slot", openedSlot);
  send(document.getElementById("day-arrive").action.replace("/0/", `/${booking}/`), data);
}

function startCounting() {
  const shownToast = toast().querySelector(".ebd-toast");
  if (!shownToast) return;
  countDown(shownToast, () => {
    if (shownToast.contains(document.activeElement)) focus(document.getElementById(current) ?? document.getElementById("panel-name"));
    toast().replaceChildren();
  });
}

// ---------- Mouse and keys ----------

document.addEventListener("click", (event) => {
  if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.defaultPrevented) return;
  const link = event.target.closest("a");
  if (!link || !day.contains(link)) return;
  if (link.matches("[data-close]")) {
    event.preventDefault();
    close();
  } else if (link.matches("[data-opens], .ebd-block:not([data-free-slot]), .ebd-row:not([data-free-slot])")) {
    event.preventDefault();
    if (link.id) current = link.id;
    open(link.href, link.id || link.closest(BLOCKS)?.id);
  }
});

day.addEventListener("submit", (event) => {
  const form = event.target.closest("[data-act]");
  if (!form) return;
  event.preventDefault();
  send(form.action, new FormData(form, event.submitter));
});

document.addEventListener("keydown", (event) => {
  if (event.metaKey || event.ctrlKey || event.altKey || event.defaultPrevented) return;
  const { target, key } = event;
  if (key === "Escape") {
    const menu = target.closest?.(".ebd-experts[open], .ebd-ask[open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    } else if (target.matches?.("#day-search")) target.blur();
    else if (!document.querySelector("dialog[open]") && close()) event.preventDefault();
    return;
  }
  if (isTyping(event) || target.closest?.("details")) return;
  if (key === "/") {
    event.preventDefault();
    document.getElementById("day-search").focus();
  } else if (key === "a" || key === "A") arrive();
  else if (key.startsWith("Arrow") && !target.closest?.("#day-panel, details, .ebd-bar, #nav-sidebar")) {
    const next = neighbour(target.closest?.(BLOCKS), key);
    if (!next) return;
    event.preventDefault();
    focus(next);
  }
});

document.addEventListener("focusin", ({ target }) => {
  const block = target.closest?.(BLOCKS);
  if (!block || block.id === current) return;
  current = block.id;
  for (const other of blocks()) if (other.tabIndex === 0) other.tabIndex = -1;
  block.tabIndex = 0;
});

function focus(block) {
  block?.focus();
  block?.scrollIntoView?.({ block: "nearest", inline: "nearest" });
}

// Up and down in a column, left and right to what is beside; without a block the one that Tab would lead to.
function neighbour(block, key) {
  if (!block) return blocks().find((each) => each.tabIndex === 0);
  const column = block.closest(".ebd-column");
  const own = column ? [...column.querySelectorAll(BLOCKS)] : blocks();
  if (key === "ArrowDown") return own[own.indexOf(block) + 1];
  if (key === "ArrowUp") return own[own.indexOf(block) - 1];
  const step = key === (getComputedStyle(day).direction === "rtl" ? "ArrowLeft" : "ArrowRight") ? "nextElementSibling" : "previousElementSibling";
  for (let next = column?.[step]; next?.matches(".ebd-column"); next = next[step]) {
    const there = [...next.querySelectorAll(BLOCKS)];
    if (there.length) return there.reduce((a, b) => (Math.abs(at(b) - at(block)) < Math.abs(at(a) - at(block)) ? b : a));
  }
  return undefined;
}

document.addEventListener("click", ({ target }) => {
  for (const menu of document.querySelectorAll(".ebd-experts[open]")) if (!menu.contains(target)) menu.open = false;
});
document.getElementById("day-organization")?.form.classList.add("is-quick");
document.getElementById("day-organization")?.addEventListener("change", ({ target }) => target.form.requestSubmit());
document.addEventListener("staff-live:swapped", ({ target }) => target.id === "day-body" && shown());

started();
startCounting();
