// Focus never falls off the page. Where what had it is taken away, by an answer, by the socket or with a message, what
// took its place has it next, or else the nearest part of the page around it that is still there.

import { modal } from "./elements.js";

let last = null; // the element that has focus, with the ids of all that is around it, innermost first

function isLost() {
  return !document.activeElement || document.activeElement === document.body;
}

function placeAround(element) {
  const ids = [];
  for (let around = element; around; around = around.parentElement) {
    if (around.id) ids.push(around.id);
  }
  return ids;
}

export function focusOn(element) {
  // What is no control takes focus from script only, and only while it has it.
  if (element.tabIndex < 0 && !element.hasAttribute("tabindex")) {
    element.tabIndex = -1;
    element.addEventListener("blur", () => element.removeAttribute("tabindex"), { once: true });
  }
  element.focus({ preventScroll: true });
}

function findAgain() {
  if (!last || !isLost() || (last.element.isConnected && !last.element.disabled)) return;
  const home = modal.open ? modal : document;
  for (const id of last.ids) {
    const element = home.querySelector(`#${CSS.escape(id)}`);
    if (!element || element.disabled || !element.checkVisibility()) continue;
    focusOn(element);
    if (!isLost()) return;
  }
}

document.addEventListener("focusin", ({ target }) => {
  last = { element: target, ids: placeAround(target) };
});

// Who presses beside everything has left it; who goes to another window has not.
document.addEventListener("focusout", ({ target }) => {
  setTimeout(() => {
    if (isLost() && target.isConnected && !target.disabled && last?.element === target) last = null;
  });
});

new MutationObserver(() => {
  // Later: whoever took it away may have a better place for it.
  if (last && !last.element.isConnected) setTimeout(findAgain);
}).observe(document.body, { childList: true, subtree: true });
