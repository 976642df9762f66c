// Moves a booking on the day, by dragging its block or by keyboard: M picks it up, arrows go to where it may be dropped,
// Enter drops it and asks, Esc puts it back. Where it may go, and every word, comes from /admin/day/moves/.
//
// Blocks are links with data-booking, in columns with data-expert; anything with data-move="<booking>" picks up, too. What
// is picked up is in the address (?moving=), so that links to other days, and whatever loads the page again, go on.

import { isTyping } from "./admin-keys.js";
import { countDown } from "./admin-undo.js";

const URL_OF_MOVES = "/admin/day/moves/";
const DRAG_FROM = 6; // pixels: less is a click

const page = document.getElementById("day"); // what is laid over the day is part of it, for its colours
const day = () => document.getElementById("day-body");
const blockOf = (booking) => document.querySelector(`.ebd-block[data-booking="${booking}"]`);

// What is picked up: { booking, block, near, from, bar, spots }. block: its own, null in a class and on another day; near:
// where it is now, which a class may be.
let move = null;
const narrow = matchMedia("(max-width: 47.99rem)"); // there are no columns
const canLift = () => Boolean(document.querySelector(".ebd-column")) && !narrow.matches;

// An address of the day as it leads on: with what is in hand, or without.
function goingOn(url) {
  const there = new URL(url, location.href);
  if (move) there.searchParams.set("moving", move.booking);
  else there.searchParams.delete("moving");
  return there;
}

// ---------- Picking up and putting back ----------

async function pickUp(booking, from) {
  if (move) putBack();
  const block = blockOf(booking);
  const mine = (move = { booking, block, near: block, from: from ?? block, bar: null, spots: [] });
  history.replaceState(null, "", goingOn(location.href));
  day().dataset.busy = ""; // nothing is loaded again under somebody's hand
  const query = new URLSearchParams({ part: 1, booking, day: day().dataset.day });
  for (const column of document.querySelectorAll(".ebd-column")) query.append("experts", column.dataset.expert);
  const answer = await ask(`${URL_OF_MOVES}?${query}`);
  if (move !== mine) return false; // put back meanwhile
  if (!answer?.ok) {
    putBack();
    if (answer?.html) toast(answer.html);
    else lost();
    return false;
  }
  show(mine, answer.html);
  return true;
}

// In the middle of the day, beside the menu.
function centre() {
  const box = page.getBoundingClientRect();
  page.style.setProperty("--day-middle", `${box.left + box.width / 2}px`);
  page.style.setProperty("--day-width", `${box.width}px`);
}
addEventListener("resize", centre);

function show(mine, html) {
  centre();
  page.append(html);
  mine.bar = document.getElementById("moving");
  document.body.classList.add("is-lifting");
  mine.near ??= document.querySelector(`.ebd-block[data-slot="${mine.bar.dataset.slot}"]`);
  if (!mine.block) mine.near?.classList.add("is-source");
  if (mine.block) {
    mine.block.classList.add("is-origin");
    const was = mine.bar.querySelector("[data-origin]").cloneNode(true);
    was.hidden = false;
    was.className = "ebm-was";
    mine.block.append(was);
  }
  for (const why of mine.bar.querySelectorAll("[data-why]")) {
    const header = document.querySelector(`.ebd-column[data-expert="${why.dataset.why}"] header`);
    if (!header) continue;
    why.hidden = false;
    why.classList.add("ebm-why");
    header.append(why);
  }
  const opens = Date.parse(document.querySelector(".ebd-scroll").dataset.opens);
  for (const spot of mine.bar.querySelectorAll("[data-to]")) {
    const times = document.querySelector(`.ebd-column[data-expert="${spot.dataset.expert}"] .ebd-times`);
    if (!times) continue;
    const start = times.querySelector(`[data-slot="${spot.dataset.to}"]:not([data-booking])`);
    spot.style.setProperty("--at", (Date.parse(spot.dataset.starts) - opens) / 60000);
    // A session that is longer than its first slot glows where it begins.
    spot.style.setProperty("--for", start?.style.getPropertyValue("--for") || spot.dataset.minutes);
    spot.hidden = false;
    times.append(spot);
    mine.spots.push(spot);
  }
}

// As it was before, with the focus where it was.
function putBack({ focus = true, said = "" } = {}) {
  const mine = move;
  move = null;
  if (!mine) return;
  history.replaceState(null, "", goingOn(location.href));
  endDrag();
  document.querySelector(".ebm-question")?.remove();
  for (const part of [...mine.spots, ...document.querySelectorAll(".ebm-why, .ebm-was")]) part.remove();
  mine.bar?.remove();
  mine.block?.classList.remove("is-origin");
  mine.near?.classList.remove("is-source");
  document.body.classList.remove("is-lifting");
  delete day().dataset.busy;
  if (focus) (mine.from?.isConnected ? mine.from : blockOf(mine.booking))?.focus();
  if (said) speak(said);
}

// For those who hear the page.
function speak(text) {
  let place = document.getElementById("move-said");
  if (!place) {
    place = Object.assign(document.createElement("p"), { id: "move-said", className: "eb-unseen" });
    place.setAttribute("role", "status");
    page.append(place);
  }
  place.textContent = text;
}

// ---------- By keyboard ----------

// Before the page's own keys, which mean other blocks.
addEventListener(
  "keydown",
  (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector(".ebm-question")) return;
    if (move ? steer(event) : event.key.toLowerCase() === "m" && !isTyping(event) && pickUpFocused(event.target)) {
      event.preventDefault();
      event.stopPropagation();
    }
  },
  true,
);

// The block that has the focus, else what is open beside the day. Whether there is any. In the list there is nowhere to
// carry it: there the key leads where the link leads.
function pickUpFocused(target) {
  const booking = target.closest("[data-booking]")?.dataset.booking ?? document.querySelector("[data-move]")?.dataset.move;
  if (!booking) return false;
  if (canLift()) lift(booking, target.closest("a, button"));
  else location.assign(`${URL_OF_MOVES}?${new URLSearchParams({ booking })}`);
  return true;
}

async function lift(booking, from) {
  if (await pickUp(booking, from)) aim(nearest(move));
}

function steer(event) {
  const { key } = event;
  if (key === "Escape") stays();
  else if (isTyping(event)) return false;
  else if (key.startsWith("Arrow")) aim(next(key));
  else if (key === "PageUp" || key === "PageDown") move.bar?.querySelector(`[data-turn="${key}"]`)?.click();
  else return key.length === 1 && key !== " "; // letters mean the page behind it
  return true;
}

// From another day it leads back to where the booking is.
function stays() {
  const back = move.bar?.dataset.back;
  putBack({ said: move.bar?.querySelector("[data-stays]").textContent.trim() });
  if (back) location.assign(back);
}

function aim(spot) {
  if (!spot) return; // nothing is free
  spot.focus({ preventScroll: true });
  spot.scrollIntoView({ block: "nearest", inline: "nearest" });
  move.bar.querySelector("[data-said]").textContent = spot.getAttribute("aria-label");
}

const at = (spot) => Number(spot.style.getPropertyValue("--at"));

function nearest({ spots, near }) {
  const own = spots.filter((spot) => spot.dataset.expert === near?.dataset.expert);
  const from = near ? at(near) : 0;
  return byDistance(own.length ? own : spots, from)[0];
}

function byDistance(spots, from) {
  return [...spots].sort((one, other) => Math.abs(at(one) - from) - Math.abs(at(other) - from));
}

function next(key) {
  const { spots } = move;
  if (!spots.length) return null;
  const here = spots.includes(document.activeElement) ? document.activeElement : null;
  if (!here) return nearest(move);
  const columns = [...document.querySelectorAll(".ebd-column")].map((column) => column.dataset.expert);
  const inColumn = (expert) => spots.filter((spot) => spot.dataset.expert === expert).sort((a, b) => at(a) - at(b));
  if (key === "ArrowUp" || key === "ArrowDown") {
    const column = inColumn(here.dataset.expert);
    return column[column.indexOf(here) + (key === "ArrowDown" ? 1 : -1)] ?? here;
  }
  const step = key === "ArrowRight" ? 1 : -1;
  for (let place = columns.indexOf(here.dataset.expert) + step; columns[place]; place += step) {
    const column = inColumn(columns[place]);
    if (column.length) return byDistance(column, at(here))[0];
  }
  return here;
}

// ---------- By mouse, pen and finger ----------

let drag = null; // { block, x, y, ghost }

document.addEventListener("dragstart", (event) => event.target.closest?.(".ebd-block[data-booking]") && event.preventDefault());

document.addEventListener("pointerdown", (event) => {
  const block = event.target.closest(".ebd-block[data-booking]");
  if (!block || move || !canLift() || event.button !== 0 || event.pointerType === "touch") return;
  drag = { block, x: event.clientX, y: event.clientY, ghost: null };
});

document.addEventListener("pointermove", (event) => {
  if (!drag) return;
  if (!drag.ghost) {
    if (Math.hypot(event.clientX - drag.x, event.clientY - drag.y) < DRAG_FROM) return;
    drag.ghost = ghostOf(drag.block);
    pickUp(drag.block.dataset.booking, drag.block);
  }
  drag.ghost.style.left = `${event.clientX + 8}px`;
  drag.ghost.style.top = `${event.clientY - 10}px`;
  const spot = spotAt(event);
  for (const each of move?.spots ?? []) each.classList.toggle("is-aimed", each === spot);
  const turn = turnAt(event);
  for (const each of document.querySelectorAll(TURNS)) each.classList.toggle("is-aimed", each === turn);
  const label = spot?.getAttribute("aria-label") ?? "";
  drag.ghost.lastChild.lastChild.textContent = label;
  if (spot && move?.bar) move.bar.querySelector("[data-said]").textContent = label;
  scrollAtEdges(event);
});

document.addEventListener("pointerup", (event) => {
  if (!drag?.ghost) {
    drag = null;
    return;
  }
  suppressClick();
  const [spot, turn] = [spotAt(event), turnAt(event)];
  endDrag();
  if (spot) drop(spot);
  else if (turn && move) location.assign(goingOn(turn.href));
  else if (move && !event.target.closest?.("#moving")) stays(); // over the bar it stays in hand
});
document.addEventListener("pointercancel", () => drag && (endDrag(), move && stays()));

function ghostOf(block) {
  const ghost = document.createElement("div");
  ghost.className = "ebm-ghost";
  ghost.style.width = `${block.offsetWidth}px`;
  ghost.style.minHeight = `${block.offsetHeight}px`;
  ghost.setAttribute("aria-hidden", "true");
  const words = document.createElement("span");
  words.append(block.querySelector("span")?.firstChild?.textContent.trim() ?? "", document.createElement("small"));
  ghost.append(block.querySelector(".icon")?.cloneNode(true) ?? "", words);
  page.append(ghost);
  return ghost;
}

function endDrag() {
  drag?.ghost?.remove();
  drag = null;
}

function spotAt(event) {
  return document.elementsFromPoint(event.clientX, event.clientY).find((element) => element.matches(".ebm-spot")) ?? null;
}

// Dropped on a link to another day, it is carried there.
const TURNS = ".ebm-days a, .ebd-days a";

function turnAt(event) {
  return document.elementsFromPoint(event.clientX, event.clientY).find((element) => element.matches("a"))?.closest(TURNS) ?? null;
}

// A block is a link: what ends a drag is no click on it.
function suppressClick() {
  const stop = (event) => {
    event.preventDefault();
    event.stopPropagation();
  };
  addEventListener("click", stop, { capture: true, once: true });
  setTimeout(() => removeEventListener("click", stop, { capture: true }));
}

function scrollAtEdges(event) {
  const scroll = document.querySelector(".ebd-scroll");
  const box = scroll.getBoundingClientRect();
  const near = 48;
  if (event.clientY > box.bottom - near) scroll.scrollTop += 12;
  else if (event.clientY < box.top + near + 72) scroll.scrollTop -= 12;
  if (event.clientX > box.right - near) scroll.scrollLeft += 12;
  else if (event.clientX < box.left + near) scroll.scrollLeft -= 12;
}

document.addEventListener("click", (event) => {
  const spot = event.target.closest(".ebm-spot");
  if (spot && move) return drop(spot);
  if (event.target.closest("[data-return]")) return move && stays();
  const mover = event.target.closest("[data-move]");
  // Elsewhere, and on small screens where the day is a list, the link leads to the page of tiles.
  if (!mover || !canLift() || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  lift(mover.dataset.move, mover);
});

// Links and forms to another day take along what is in hand, and nothing that was put back.
document.addEventListener("click", ({ target }) => {
  const link = target.closest?.(".ebd-days a");
  if (link) link.href = goingOn(link.href);
});
document.addEventListener("formdata", ({ target, formData }) => {
  if (!target.closest(".ebd-bar .ebd-pick, .ebd-bar .ebd-experts")) return;
  formData.delete("moving");
  if (move) formData.set("moving", move.booking);
});

// ---------- The question ----------

let typed = null; // the message of a move that did not come about: { booking, text }

async function drop(spot) {
  const mine = move;
  for (const each of mine.spots) each.classList.toggle("is-aimed", each === spot);
  const query = new URLSearchParams({ part: 1, booking: mine.booking, slot: spot.dataset.to });
  const answer = await ask(`${URL_OF_MOVES}?${query}`);
  if (move !== mine) return;
  if (!answer?.html) return lost(); // it is still in the hand
  if (!answer.ok) return conflict(answer);
  page.append(answer.html);
  const dialog = document.querySelector(".ebm-question");
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    dialog.remove();
    stays();
  });
  dialog.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    send(event.target);
  });
  const reason = dialog.querySelector("[name=reason]");
  dialog.showModal();
  placeBeside(dialog, spot);
  dialog.addEventListener("toggle", () => placeBeside(dialog, spot), true); // taller
  reason?.addEventListener("input", ({ target }) => showMessage(dialog, target.value.trim()));
  if (reason && typed?.text && typed.booking === mine.booking) {
    reason.value = typed.text;
    reason.closest("details").open = true;
    showMessage(dialog, typed.text);
  }
}

// In what the customer will read.
function showMessage(dialog, text) {
  const mail = dialog.querySelector("[data-mail-with]");
  mail.querySelector("span").textContent = text;
  mail.hidden = !text;
  dialog.querySelector("[data-mail]").hidden = Boolean(text);
}

function placeBeside(dialog, spot) {
  const box = spot.getBoundingClientRect();
  const right = box.right + 12;
  const left = right + dialog.offsetWidth < innerWidth - 12 ? right : Math.max(box.left - dialog.offsetWidth - 12, 12);
  dialog.style.left = `${left}px`;
  dialog.style.top = `${Math.max(12, Math.min(box.top, innerHeight - dialog.offsetHeight - 12))}px`;
}

async function send(form) {
  const button = form.querySelector("[type=submit]");
  button.disabled = true; // twice is once
  const answer = await ask(form.getAttribute("action"), new FormData(form));
  if (!answer?.html) {
    button.disabled = false;
    return lost();
  }
  typed = answer.ok ? null : { booking: form.elements.booking.value, text: form.elements.reason?.value ?? "" };
  if (!answer.ok) return move ? conflict(answer) : toast(answer.html);
  const { booking, slot } = form.elements;
  putBack({ focus: false });
  toast(answer.html);
  await refreshed();
  if (document.activeElement !== document.body) return; // they have gone on meanwhile
  // Or the class that it is part of now.
  (blockOf(booking.value) ?? document.querySelector(`a.ebd-block[data-slot="${slot.value}"]`))?.focus();
}

// It is back where it was, with the reason, and the day as it is now. On another day it stays in hand.
async function conflict(answer) {
  const { booking, near } = move;
  putBack();
  toast(answer.html);
  if (near) return document.dispatchEvent(new Event("staff-live:refresh"));
  await refreshed();
  lift(booking);
}

// Resolves when the day was loaded again; with or without, after a moment.
function refreshed() {
  return new Promise((resolve) => {
    day().addEventListener("staff-live:swapped", resolve, { once: true });
    setTimeout(resolve, 2000);
    document.dispatchEvent(new Event("staff-live:refresh"));
  });
}

// ---------- What came of it ----------

function toast(html) {
  centre();
  for (const old of document.querySelectorAll(".ebm-toast")) old.remove();
  page.append(html);
  const shown = document.querySelector(".ebm-toast");
  const form = shown.querySelector("form");
  form?.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
  countDown(shown, () => shown.remove());
}

function lost() {
  document.dispatchEvent(new Event("admin:lost"));
}

// An answer as elements; null where there was none.
async function ask(url, body) {
  try {
    const answer = await fetch(url, { method: body ? "POST" : "GET", body });
    if (answer.redirected) location.reload(); // logged out
    const html = document.createElement("template");
    html.innerHTML = await answer.text();
    return { ok: answer.ok, html: answer.ok || answer.status === 409 || answer.status === 422 ? html.content : null };
  } catch {
    return null;
  }
}

// What was in hand on another day, or before the page was loaded again.
const inHand = document.querySelector("[data-in-hand]");
if (inHand && canLift()) lift(inHand.dataset.inHand);
