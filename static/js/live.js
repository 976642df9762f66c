// Keeps a page with a socket honest: says Live or Reconnecting, looks again while the socket is down, and never lets an
// older answer overwrite what a newer message said. htmx swaps what the socket sends; this file decides when to ask.

import { announce } from "./announce.js";
import { modal, root } from "./elements.js";

const BEAT_SECONDS = 5; // bookings/live/hub.py sends one that often
// When a server goes, all its pages notice at once. They need not come back at once: each has a patience of its own here,
// and in the configuration of base.html, where the first dial is due after 0 to 4 s, and later ones after 0 to 10 s.
const SILENCE_SECONDS = 3 * BEAT_SECONDS + 4 * Math.random();
const POLL_SECONDS = 4 + 2 * Math.random();
const CROWDED_SECONDS = 30;

// Codes of bookings/live/consumers.py. htmx dials again after those below 3000 that base.html lists, and after no others.
const FIRST_FINAL_CODE = 3000;
const NO_VISITOR = 4401;
const TOO_MANY_SOCKETS = 4429;

const sockets = () => [...document.querySelectorAll("[hx-ws\\:connect]")];

// ---------- The state that the page shows ----------

let heardAt = 0;
let hasBeenLive = false;
let poll = 0; // the timer of a page whose socket is down: it looks again every few seconds
let redialing = 0; // the timer of a page that may dial again later
let wasTold = false; // to those who do not see the pill: that nothing comes at the moment

// "on", "waiting" and "offline" (the socket is down and the page polls), or "stopped": nothing comes any more.
function show(state) {
  root.dataset.live = state;
  if (!modal.open) tell(state === "on");
  if (state === "on") hasBeenLive = true;
  if (state === "on" || state === "stopped") {
    clearInterval(poll);
    poll = 0;
  } else if (!redialing) {
    poll ||= setInterval(() => document.hidden || resync(), POLL_SECONDS * 1000);
  }
}

function tell(isLive) {
  if (isLive && wasTold) announce("live");
  if (!isLive && !wasTold && hasBeenLive) announce("paused");
  wasTold = !isLive && hasBeenLive;
}

function isStopped() {
  return root.dataset.live === "stopped";
}

function down() {
  show(navigator.onLine ? "waiting" : "offline");
}

export function resync() {
  for (const element of document.querySelectorAll("[data-resync]")) htmx.trigger(element, "resync");
}

// What is this visitor's own has changed, here or in another tab. The answer to what was done here says so, and then the
// socket, often twice: the page looks once.
let own = 0;

function resyncOwn() {
  clearTimeout(own);
  own = setTimeout(resync, 150);
}

document.addEventListener("slots-changed", resyncOwn);

// A thousand pages hear at once that a day has other tiles; they need not ask at once.
function resyncSoon() {
  setTimeout(resync, Math.random() * 600);
}

function redial() {
  heardAt = Date.now(); // one attempt at a time
  for (const element of sockets()) htmx.process(element, true);
}

// ---------- When the server does not want the socket ----------

// Too many pages are open behind this address. Polling would burden it more than sockets do: look and dial now and then.
function redialLater() {
  clearTimeout(redialing);
  redialing = setTimeout(
    () => {
      if (document.hidden) return redialLater();
      redialing = 0;
      resync();
      redial();
    },
    CROWDED_SECONDS * (1 + Math.random()) * 1000,
  );
  clearInterval(poll);
  poll = 0;
  down();
}

// The browser has no identity any more, so this page may show what its visitor must not see. Once: a page that was just
// loaded again for this would do so for ever.
function startAfresh() {
  const [navigation] = performance.getEntriesByType("navigation");
  if (navigation?.type === "reload" && performance.now() < 60_000) show("stopped");
  else location.reload();
}

// What the page shows is gone (4404), or something sends messages in its name (4408): dialling again would help nobody.
function refused(code) {
  if (code === NO_VISITOR) startAfresh();
  else if (code === TOO_MANY_SOCKETS) redialLater();
  else show("stopped");
}

// ---------- What the socket does ----------

document.addEventListener("htmx:ws:after:connection", () => {
  heardAt = Date.now();
  clearTimeout(redialing);
  redialing = 0;
});

document.addEventListener("htmx:ws:close", (event) => {
  const { reason, code } = event.detail;
  if (reason === "removed" || !sockets().length || document.hidden) return; // a hidden page dials when it is shown
  if (code >= FIRST_FINAL_CODE) refused(code);
  else down();
});

document.addEventListener("htmx:ws:error", () => {
  if (sockets().length && !document.hidden) down();
});

document.addEventListener("htmx:ws:before:message:incoming", (event) => {
  const data = event.detail.message.data;
  heardAt = Date.now();
  if (!data.startsWith("{")) {
    // A page that shows something else than tiles takes what is said about them for a hint.
    if (document.querySelector("[data-whole]")) resyncSoon();
    return;
  }
  event.preventDefault(); // nothing to swap
  const { beat, own } = JSON.parse(data);
  if (own) resyncOwn();
  if (!beat) return;
  show(beat.fresh ? "on" : "waiting");
  const section = sockets()[0];
  if (beat.grid && section?.dataset.grid && beat.grid !== section.dataset.grid) resyncSoon();
});

// A server that hangs closes nothing; neither does a laptop that slept.
setInterval(() => {
  if (!sockets().length || document.hidden || isStopped() || redialing || !hasBeenLive) return;
  if (Date.now() - heardAt > SILENCE_SECONDS * 1000) {
    down();
    redial();
  }
}, 1000);

addEventListener("offline", () => sockets().length && !isStopped() && down());
addEventListener("online", () => {
  if (!sockets().length || isStopped()) return;
  down();
  resync();
  redial();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && sockets().length && root.dataset.live !== "on" && !isStopped()) resync();
});

// ---------- Older never wins ----------

// A day that was loaded before a message came may arrive after it, alone or within its page. What is newer on the page
// is put back.
let newest = new Map();

function swapsDay({ target }) {
  const element = typeof target === "string" ? document.querySelector(target) : target;
  const day = document.getElementById("day");
  return Boolean(day && element?.contains(day));
}

// Of sessions only while they are the same: what one takes may change with its type, and its version with that.
function versions() {
  const { type, grid } = document.getElementById("day").dataset;
  return [...document.querySelectorAll("#day [data-version]")].map((part) => [type ? `${grid} ${part.id}` : part.id, part]);
}

document.addEventListener("htmx:before:swap", (event) => {
  if (!swapsDay(event.detail.ctx)) return;
  newest = new Map(versions().map(([id, part]) => [id, { version: Number(part.dataset.version), copy: part.cloneNode(true) }]));
});

document.addEventListener("htmx:after:swap", (event) => {
  if (!swapsDay(event.detail.ctx)) return;
  for (const [id, part] of versions()) {
    const before = newest.get(id);
    if (before && before.version > Number(part.dataset.version)) part.replaceWith(before.copy);
  }
  newest.clear();
});

// A look that was begun before somebody chose a time cannot know of the choice, and where the time is gone it would take it
// away without a word. It is begun anew, and brings the choice along.
document.addEventListener("change", ({ target }) => {
  const look = target.matches("#move [name=slot]") && document.querySelector("#move > [data-resync].htmx-request");
  if (look) htmx.trigger(look, "resync");
});

// ---------- What changed, for eyes and ears ----------

const FLAG_SECONDS = 6;

export function noticeChanges() {
  const changed = [...document.querySelectorAll("[data-change]:not([data-noticed])")];
  // What opens together is announced by the first of it.
  const first = changed.find((state) => state.dataset.change === "opened");
  for (const state of changed) {
    if (!modal.open && (state === first || state.dataset.change !== "opened")) tellChange(state);
    flag(state, Date.now() + FLAG_SECONDS * 1000);
  }
}

export function flag(state, until) {
  state.dataset.noticed = until;
  setTimeout(() => {
    if (Number(state.dataset.noticed) !== until) return; // it changed again since
    state.querySelector(".tile-flag")?.remove();
    delete state.dataset.change;
    delete state.dataset.noticed;
  }, until - Date.now());
}

// Of the time that somebody is on, whatever changes, but for what comes of pressing it; of others that they can be had.
function tellChange(state) {
  const tile = state.parentNode;
  const time = tile.querySelector("time")?.textContent ?? "";
  if (state.dataset.change === "opened") announce("opened", { TIME: time });
  else if (tile === document.activeElement && !tile.matches(".htmx-request")) announce("changed", { TIME: time, STATE: state.innerText.trim() });
}

document.addEventListener("htmx:ws:after:message:incoming", noticeChanges);
