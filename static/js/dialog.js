// The booking dialog: opens when a step of booking has come, closes by Back as well, and gives focus back.

import { forgetDetails, keepDetails } from "./details.js";
import { announcer, modal, modalBody } from "./elements.js";
import { focusOn } from "./focus.js";

let openerId = "";

function focusStep(booking) {
  const target = booking.querySelector(".error-summary, .question") ?? booking.querySelector("h2");
  target?.focus();
}

document.addEventListener("click", (event) => {
  const tile = event.target.closest("[hx-target='#modal-body']");
  if (tile && !modal.open) openerId = tile.id;

  const closes = event.target.closest("[data-close]");
  if (closes && modal.open && modal.contains(closes)) {
    event.preventDefault();
    modal.close();
  }
});

// A click on the backdrop reaches the dialog itself, outside of its box. Only when nothing was typed.
modal.addEventListener("mousedown", (event) => {
  const box = modal.getBoundingClientRect();
  const inside =
    event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
  const typed = [...modal.querySelectorAll("input:not([type=hidden]), textarea")].some(
    (field) => field.value !== field.defaultValue || field.checked !== field.defaultChecked,
  );
  if (event.target === modal && !inside && !typed) modal.close();
});

// Closing the dialog keeps the hold, so that people can look around, and what they typed.
modal.addEventListener("close", () => {
  modalBody.replaceChildren();
  document.body.append(announcer);
  // The browser gives focus back to what opened it. When that is gone, what took its place gets it, or the times do.
  setTimeout(() => {
    if (document.activeElement && document.activeElement !== document.body) return;
    const place = document.getElementById(openerId) ?? document.getElementById("day-title") ?? document.getElementById("main");
    focusOn(place);
  });
});

document.addEventListener("htmx:after:swap", (event) => {
  const target = event.detail.ctx.target;
  if (!(target instanceof Element) || !target.matches("#modal-body, .booking")) return;
  const booking = modalBody.querySelector(".booking");
  if (booking && !modal.open) {
    modal.showModal();
    modal.append(announcer); // what is outside of it is silent now
    enterHistory();
  }
  if (modal.open) modal.scrollTop = 0;
  const step = booking ?? document.querySelector("#main .booking");
  if (!step) return;
  keepDetails(step);
  focusStep(step);
});

// The step may be a page of its own, too.
const page = document.querySelector("#main .booking");
if (page) keepDetails(page);

// ---------- Back ----------

// An open dialog is an entry of the browser's history, at the same address: Back closes it, as people on phones expect.
// Forward and a reload open it again with what is held. Neither sends anything a second time.

let isLeaving = false; // the dialog was closed in another way, and its entry is being left

function enterHistory() {
  // htmx marks entries as its own, and would overwrite one that is not.
  if (!history.state?.dialog) history.pushState({ htmx: true, dialog: true }, "");
}

modal.addEventListener("close", () => {
  if (!history.state?.dialog) return;
  isLeaving = true;
  history.back();
});

function openAgain() {
  const link = document.getElementById("hold-continue");
  if (link) link.click();
  else history.replaceState({ htmx: true }, ""); // nothing is held any more: an entry like others
  return Boolean(link);
}

// htmx would load the page again, which is there already. Where browsers have "navigate", that is what it listens to.
function keepFromHtmx(event) {
  if (isLeaving || modal.open) event.stopImmediatePropagation();
}

document.defaultView.navigation?.addEventListener("navigate", keepFromHtmx, true);

addEventListener(
  "popstate",
  (event) => {
    keepFromHtmx(event);
    if (modal.open && !isLeaving) modal.close();
    isLeaving = false;
  },
  true,
);

document.addEventListener("htmx:before:history:restore", (event) => {
  if (history.state?.dialog && openAgain()) event.preventDefault();
});

if (history.state?.dialog) document.addEventListener("htmx:after:process", openAgain, { once: true });

// ---------- Letting go ----------

document.addEventListener("htmx:finally:request", (event) => {
  const { sourceElement, response } = event.detail.ctx;
  if (response?.status !== 204) return;
  if (sourceElement.matches("#release-form, #leave-form")) {
    forgetDetails();
    if (modal.open) modal.close();
    else location.assign(sourceElement.dataset.back);
  }
  if (sourceElement.matches("#hold-bar")) {
    forgetDetails();
    document.getElementById(sourceElement.dataset.tile)?.focus();
  }
});
