// Short messages in a corner: what failed or was done, and a seat that came.

import { modal, toasts } from "./elements.js";

function show(template, text) {
  // A modal dialog hides what is outside of it from assistive technology, so the messages move into it.
  const home = modal.open ? modal : document.body;
  if (toasts.parentNode !== home) home.append(toasts);
  const item = document.getElementById(template).content.firstElementChild.cloneNode(true);
  text(item);
  toasts.append(item);
  return item;
}

export function toast(text, kind = "problem") {
  for (const old of toasts.querySelectorAll("[data-kind]")) old.remove();
  const item = show("toast", (item) => {
    item.dataset.kind = kind;
    item.querySelector("span").textContent = text;
  });
  setTimeout(() => item.remove(), 8000);
}

// Stays until it is acted on: the time of the seat runs on its tile. `opened`: a sentence, or what stands in ours;
// `book` is called once, by its button.
export function seatToast(opened, left, book) {
  const item = show("seat-toast", (item) => {
    const [what, time] = item.querySelectorAll("[data-words]");
    what.textContent = opened.TIME ? what.dataset.words.replace("TIME", opened.TIME) : opened;
    time.textContent = time.dataset.words.replace("LEFT", left);
  });
  item.querySelector("button").addEventListener("click", () => {
    item.remove();
    book();
  });
  return item;
}
