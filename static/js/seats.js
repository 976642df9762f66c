// Tells a page that waits for a seat when it came: the tile counts down, and a message leads to booking it.

import { modal } from "./elements.js";
import { seatToast } from "./toast.js";

const marks = new Map(); // the viewer's marks of tiles, by their ids, as they were looked at last
let offered = null; // the tile of the offer that the bar of the hold was about, "" of none; null: not looked at yet
let toast = null;
let toastFor = ""; // the tile that it is about

function tell(tileId, words, left) {
  const minutes = Math.floor(left / 60);
  toast?.remove();
  toast = seatToast(words, `${minutes}:${String(left % 60).padStart(2, "0")}`, () => {
    (document.getElementById(tileId) ?? document.getElementById("hold-continue"))?.click();
  });
  toastFor = tileId;
}

function isOver(tileId) {
  toast?.remove();
  if (toastFor === tileId) toastFor = "";
}

// Of the day that is shown: its tiles have marks.
function lookAtTiles() {
  for (const mark of document.querySelectorAll(".tile-mark")) {
    const [before, now] = [marks.get(mark.id), mark.dataset.mark ?? ""];
    const tile = mark.closest(".tile");
    marks.set(mark.id, now);
    if (before === "waiting" && now === "held") {
      tell(tile.id, { TIME: tile.querySelector("time").firstChild.textContent.trim() }, mark.dataset.left);
    }
    if (tile.id === toastFor && now !== "held") isOver(tile.id);
  }
}

// Of any other day, or of something else than is shown: the bar says when it is.
function lookAtBar() {
  const bar = document.getElementById("hold-bar");
  const now = bar?.dataset.opened ? bar.dataset.tile : "";
  const isNew = now && offered !== null && now !== offered && now !== toastFor;
  if (isNew) tell(now, bar.dataset.opened, bar.dataset.left);
  if (offered && offered !== now && offered === toastFor) isOver(offered);
  offered = now;
}

function look() {
  if (modal.open) return; // it would talk over what is being done there
  lookAtTiles();
  lookAtBar();
}

document.addEventListener("htmx:after:swap", look);
document.addEventListener("htmx:ws:after:message:incoming", look);
modal.addEventListener("close", look);
look();
