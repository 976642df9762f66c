// Choosing a stretch of a day: by dragging over its hours, or by keyboard. Arrows walk through the times and days, with
// Shift the stretch grows, Enter shows what it means; so does the form in the panel, which works without this.

import { countDown } from "./admin-undo.js";

const STEP = 15; // minutes, as in the lists
const DRAG_FROM = 6; // pixels: less is a click

const panel = () => document.getElementById("week-panel");
const pickOf = (column) => column.querySelector(".ebw-pick");
const columns = () => [...document.querySelectorAll(".ebd-column[data-day]")];
const shown = () => Number(getComputedStyle(document.getElementById("week-scroll")).getPropertyValue("--shown"));

let picked = null; // { day, from, to }: minutes from the top of the axis

function pick(day, from, to) {
  picked = { day, from: Math.min(from, to), to: Math.max(from, to) };
  draw();
}

function draw() {
  for (const column of columns()) {
    const place = pickOf(column);
    const mine = picked?.day === column.dataset.day;
    place.classList.toggle("is-picked", mine);
    // One stop for Tab; arrows lead on from there.
    place.tabIndex = (picked ? mine : "first" in place.dataset) ? 0 : -1;
    place.setAttribute("role", "slider");
    place.setAttribute("aria-orientation", "vertical");
    place.setAttribute("aria-label", place.dataset.label);
    place.setAttribute("aria-valuemin", 0);
    place.setAttribute("aria-valuemax", shown());
    place.setAttribute("aria-valuenow", mine ? picked.from : 0);
    if (!mine) continue;
    place.style.setProperty("--from", picked.from);
    place.style.setProperty("--length", picked.to - picked.from);
    place.setAttribute("aria-valuetext", `${words(column, picked.from)} – ${words(column, picked.to)}`);
  }
}

// The time of day at so many minutes from the top, as the lists have and name it.
function clock(column, minutes) {
  const minute = (Number(column.dataset.opens) + minutes) % 1440;
  return `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;
}

function words(column, minutes) {
  return panel().querySelector(`[name=until] option[value="${clock(column, minutes)}"]`)?.textContent ?? "";
}

// ---------- By mouse ----------

let drag = null;

function minutesAt(column, event) {
  const box = column.querySelector(".ebd-times").getBoundingClientRect();
  const minute = Number.parseFloat(getComputedStyle(column).getPropertyValue("--minute")) || 1.4;
  return Math.max(0, Math.min((event.clientY - box.top) / minute, shown()));
}

document.addEventListener("dragstart", (event) => event.target.closest?.("#week") && event.preventDefault());

document.addEventListener("pointerdown", (event) => {
  const column = event.target.closest(".ebd-times")?.closest(".ebd-column");
  if (!column || event.button !== 0 || event.pointerType === "touch") return;
  const at = Math.floor(minutesAt(column, event) / STEP) * STEP;
  drag = { column, at, y: event.clientY, onBlock: event.target.closest("a"), moved: false };
});

document.addEventListener("pointermove", (event) => {
  if (!drag || (!drag.moved && Math.abs(event.clientY - drag.y) < DRAG_FROM)) return;
  drag.moved = true;
  const at = minutesAt(drag.column, event);
  const until = at >= drag.at ? Math.ceil(at / STEP) * STEP : Math.floor(at / STEP) * STEP;
  pick(drag.column.dataset.day, until > drag.at ? drag.at : drag.at + STEP, until === drag.at ? drag.at : until);
});

document.addEventListener("pointerup", () => {
  const { column, at, onBlock, moved } = drag ?? {};
  drag = null;
  if (!column || (!moved && onBlock)) return; // a click on a block follows its link
  if (!moved) pick(column.dataset.day, at, Math.min(at + 2 * STEP, shown()));
  else if (onBlock) suppressClick();
  pickOf(column).focus({ preventScroll: true });
  ask();
});
document.addEventListener("pointercancel", () => (drag = null));

function suppressClick() {
  const stop = (event) => event.preventDefault();
  addEventListener("click", stop, { capture: true, once: true });
  setTimeout(() => removeEventListener("click", stop, { capture: true }));
}

// ---------- By keyboard ----------

let anchor = null; // where a stretch that grows by Shift began

document.addEventListener("keydown", (event) => {
  const place = event.target.closest?.(".ebw-pick");
  if (!place || event.ctrlKey || event.metaKey || event.altKey) return;
  const column = place.closest(".ebd-column");
  const here = picked?.day === column.dataset.day ? picked : { from: 0, to: 2 * STEP };
  const length = here.to - here.from;
  if (event.key === "Enter" || event.key === " ") {
    if (!picked) pick(column.dataset.day, here.from, here.to);
    ask(true);
  } else if (event.key === "Escape" && picked) {
    picked = null;
    draw();
  } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
    const by = event.key === "ArrowDown" ? STEP : -STEP;
    if (event.shiftKey) {
      anchor ??= by > 0 ? here.from : here.to;
      const edge = anchor === here.from ? here.to + by : here.from + by;
      if (edge < 0 || edge > shown() || edge === anchor) return event.preventDefault();
      pick(column.dataset.day, anchor, edge);
    } else {
      anchor = null;
      const from = Math.max(0, Math.min(here.from + (picked ? by : 0), shown() - length));
      pick(column.dataset.day, from, from + length);
    }
    reveal(place);
  } else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
    const all = columns();
    const next = all[all.indexOf(column) + (event.key === "ArrowRight" ? 1 : -1)];
    anchor = null;
    if (next) {
      pick(next.dataset.day, here.from, here.to);
      pickOf(next).focus({ preventScroll: true });
    }
  } else return;
  event.preventDefault();
});

function reveal(place) {
  const scroll = document.getElementById("week-scroll");
  const minute = place.offsetHeight / shown() || 1.4;
  const top = place.getBoundingClientRect().top - scroll.getBoundingClientRect().top + picked.from * minute;
  const bottom = top + (picked.to - picked.from) * minute;
  if (top < 80) scroll.scrollTop += top - 80;
  else if (bottom > scroll.clientHeight - 8) scroll.scrollTop += bottom - scroll.clientHeight + 8;
}

// ---------- What it means ----------

let asking = null;

async function ask(moves = false) {
  const column = columns().find((each) => each.dataset.day === picked.day);
  const form = panel().querySelector("[data-choose]");
  form.elements.on.value = picked.day;
  form.elements.since.value = clock(column, picked.from);
  form.elements.until.value = clock(column, picked.to);
  const url = `${form.action}?${new URLSearchParams(new FormData(form))}`;
  asking?.abort();
  asking = new AbortController();
  let answer;
  try {
    answer = await fetch(url, { signal: asking.signal });
  } catch (error) {
    if (error.name !== "AbortError") location.assign(url);
    return;
  }
  if (answer.redirected || !(answer.ok || answer.status === 422)) return location.assign(url);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  panel().replaceWith(document.importNode(page.getElementById("week-panel"), true));
  history.replaceState(null, "", url);
  if (moves) document.getElementById("panel-name").focus();
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-choose]")) return;
  event.preventDefault();
  fromForm(event.target);
  ask(true);
});
document.getElementById("week-expert")?.form.classList.add("is-quick"); // no button is needed
document.getElementById("week-expert")?.addEventListener("change", ({ target }) => target.form.requestSubmit());

function fromForm(form) {
  const column = columns().find((each) => each.dataset.day === form.elements.on.value);
  const minutes = (text) => {
    const [hours, rest] = text.split(":").map(Number);
    return hours * 60 + rest - Number(column.dataset.opens);
  };
  const to = minutes(form.elements.until.value);
  pick(form.elements.on.value, minutes(form.elements.since.value), form.elements.until.value === "00:00" ? to + 1440 : to);
}

document.addEventListener("staff-live:swapped", draw);
const first = panel().querySelector("[data-choose]");
if (new URLSearchParams(location.search).has("on") && first) fromForm(first);
else draw();

// What was done is written into the page again, so that it is read out, and once: it is in the address.
const toast = document.getElementById("day-toast");
if (toast.firstElementChild) {
  const url = new URL(location.href);
  for (const name of ["blocked", "undone"]) url.searchParams.delete(name);
  history.replaceState(null, "", url);
  const said = [...toast.children];
  toast.replaceChildren();
  requestAnimationFrame(() => {
    toast.replaceChildren(...said);
    countDown(toast.firstElementChild, () => {
      if (toast.contains(document.activeElement)) panel().querySelector("#panel-name").focus();
      toast.replaceChildren();
    });
  });
}
