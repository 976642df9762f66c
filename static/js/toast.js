// Short messages in a corner, for what failed or was done and needs no answer.

import { modal, toasts } from "./elements.js";

export function toast(text, kind = "problem") {
  // A modal dialog hides what is outside of it from assistive technology, so the messages move into it.
  const home = modal.open ? modal : document.body;
  if (toasts.parentNode !== home) home.append(toasts);
  const item = document.getElementById("toast").content.firstElementChild.cloneNode(true);
  item.dataset.kind = kind;
  item.querySelector("span").textContent = text;
  toasts.replaceChildren(item);
  setTimeout(() => item.remove(), 8000);
}
