// Tells a page that waits for a seat when it came: the tile counts down, and a message leads to booking it.

import { modal } from "./elements.js";
import { seatToast } from "./toast.js";

const marks = new Map(); // the viewer's marks of tiles, by their ids, as they were looked at last
let toast = null;
let toastFor = ""; // the id of the mark that it is about

function came(mark) {
  const tile = mark.closest(".tile");
  const minutes = Math.floor(mark.dataset.left / 60);
  const left = `${minutes}:${String(mark.dataset.left % 60).padStart(2, "0")}`;
  toast?.remove();
  toast = seatToast(tile.querySelector("time").textContent, left, () => {
    (document.getElementById(tile.id) ?? document.getElementById("hold-continue"))?.click();
  });
  toastFor = mark.id;
}

function look() {
  if (modal.open) return; // it would talk over what is being done there
  for (const mark of document.querySelectorAll(".tile-mark")) {
    const [before, now] = [marks.get(mark.id), mark.dataset.mark ?? ""];
    marks.set(mark.id, now);
    if (before === "waiting" && now === "held") came(mark);
    if (mark.id === toastFor && now !== "held") toast?.remove();
  }
}

document.addEventListener("htmx:after:swap", look);
document.addEventListener("htmx:ws:after:message:incoming", look);
modal.addEventListener("close", look);
look();
