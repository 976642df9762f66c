// "Just opened" on times that came with the day when the page loaded it anew by itself: a start at which a session fits
// again, or at which anyone is free again. Of a tile that was there all along the server says so.

import { flag, noticeChanges } from "./live.js";
import { root } from "./elements.js";

const MOST = 8; // more at once are new hours: where all is new nothing stands out

const states = () => [...document.querySelectorAll("#day .tile[id] > .tile-state")];
const isOpen = (state) => ["open", "few"].includes(state.dataset.state);
const tileOf = (state) => state.parentNode.id;

let before = null; // by the ids of tiles that could be booked: until when they are marked, 0 for not at all

document.addEventListener("htmx:before:swap", ({ detail }) => {
  const isSameDay = detail.ctx.sourceElement?.matches?.("#day [data-resync]");
  before = isSameDay ? new Map(states().filter(isOpen).map((state) => [tileOf(state), markedUntil(state)])) : null;
});

const markedUntil = ({ dataset }) => (dataset.change === "opened" && Number(dataset.noticed)) || 0;

document.addEventListener("htmx:after:swap", () => {
  if (!before || !states().length) return;
  const open = states().filter(isOpen);
  for (const state of open) {
    const until = before.get(tileOf(state));
    if (until > Date.now() && !state.dataset.change) flag(mark(state), until);
  }
  const opened = open.filter((state) => !before.has(tileOf(state)));
  before = null;
  if (root.dataset.live !== "on" || opened.length > MOST) return; // what was missed is not just now
  opened.forEach(mark);
  noticeChanges();
});

function mark(state) {
  state.dataset.change = "opened";
  if (!state.querySelector(".tile-flag")) state.append(document.getElementById("opened-flag").content.cloneNode(true));
  return state;
}
