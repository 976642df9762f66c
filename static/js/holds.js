// Counts holds down: on tiles, in the bar and beside the form. The server says how many seconds are left, and this clock
// only measures them, so it may be wrong. What happens at zero is the server's to say, too.

import { announce, hush } from "./announce.js";
import { resync } from "./live.js";

const ANNOUNCED = [120, 60, 30]; // seconds left; more often would talk over somebody who types
const RETRY_SECONDS = 3;

const told = new WeakMap(); // element -> what it was last told
const ends = new Map(); // a hold's end, by its name -> when that is by this clock
const said = new Set();
const asked = new Map(); // what was asked for at zero -> when

function secondsLeft(element) {
  const { ends: name, left } = element.dataset;
  if (told.get(element) !== `${name} ${left}`) {
    told.set(element, `${name} ${left}`);
    // An answer that was long on its way says too much: the shortest is the best.
    ends.set(name, Math.min(Date.now() + left * 1000, ends.get(name) ?? Infinity));
  }
  return Math.max(0, Math.ceil((ends.get(name) - Date.now()) / 1000));
}

function write(words, left) {
  let time = words.querySelector("strong");
  if (!time) {
    const [before, after] = words.dataset.words.split("TIME");
    time = document.createElement("strong");
    time.className = "num";
    words.replaceChildren(before, time, after);
  }
  const text = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  if (time.textContent !== text) time.textContent = text;
}

function announceTime(element, left) {
  const mark = ANNOUNCED.find((seconds) => left <= seconds && left > seconds - 5);
  const name = `${element.dataset.ends} ${mark}`;
  if (!mark || said.has(name) || element.matches(".tile-mark")) return;
  said.add(name);
  announce(`left-${mark}`);
}

function mayAsk(name) {
  const now = Date.now();
  if (now - (asked.get(name) ?? -Infinity) < RETRY_SECONDS * 1000) return false;
  asked.set(name, now);
  return true;
}

// The form says what happened, with all that was typed; a form that is being sent hears it as its answer.
function over(element) {
  const button = element.closest(".booking")?.querySelector("[data-over]");
  if (button) {
    if (button.ariaDisabled !== "true" && mayAsk(`form ${element.dataset.ends}`)) button.click();
  } else if (!element.closest(".booking") && mayAsk(`page ${element.dataset.ends}`)) {
    resync();
  }
}

function countDown() {
  let runs = false;
  for (const element of document.querySelectorAll("[data-ends]")) {
    const left = secondsLeft(element);
    runs ||= left > 0;
    for (const words of element.querySelectorAll("[data-words]")) write(words, left);
    element.querySelector(".countdown-arc")?.setAttribute("stroke-dashoffset", 100 - (100 * left) / (element.dataset.total || left || 1));
    element.toggleAttribute("data-soon", left < 60);
    const box = element.matches(".hold-bar") ? element : element.parentNode;
    const extend = box.querySelector(".countdown-extend[hx-post]");
    if (extend) extend.ariaDisabled = String(left >= 60);
    announceTime(element, left);
    if (left === 0) over(element);
  }
  if (!runs) hush("left-"); // "30 seconds left" is not true any more
}

setInterval(countDown, 500);
document.addEventListener("htmx:after:swap", countDown);
document.addEventListener("htmx:ws:after:message:incoming", countDown);
countDown();

// ---------- Keeping it longer ----------

// In the last minute only, and once: afterwards the button says until when the time is kept, and keeps focus.
document.addEventListener(
  "click",
  (event) => {
    const button = event.target.closest(".countdown-extend");
    if (button?.ariaDisabled !== "true") return;
    event.stopPropagation();
    event.preventDefault(); // it is a button of a form, too
  },
  true,
);
