// The booking dialog: opens when a step of booking has come, remembers what was typed, and gives focus back.

import { announcer, modal, modalBody } from "./elements.js";

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

// Closing the dialog keeps the hold, so that people can look around. What they typed is still there when they go on,
// with this time or another one; it stays in this page's memory.
const DETAILS = ["name", "email", "phone", "notes", "agree"];
const typed = new Map();

function rememberDetails() {
  for (const field of modalBody.querySelectorAll("input, textarea")) {
    if (!DETAILS.includes(field.name)) continue;
    typed.set(field.name, field.type === "checkbox" ? field.checked : field.value);
  }
  if (modalBody.querySelector(".reference")) typed.clear(); // booked
}

function restoreDetails() {
  for (const field of modalBody.querySelectorAll("input:not([type=hidden]), textarea")) {
    const value = typed.get(field.name);
    if (!value) continue;
    if (field.type === "checkbox") field.checked = true;
    else field.value ||= value;
  }
}

modal.addEventListener("close", () => {
  rememberDetails();
  modalBody.replaceChildren();
  document.body.append(announcer);
  // The browser gives focus back to the tile. When the tile is no longer a button, its place gets it.
  setTimeout(() => {
    if (!document.activeElement || document.activeElement === document.body) document.getElementById(openerId)?.focus();
  });
});

document.addEventListener("htmx:after:swap", (event) => {
  const target = event.detail.ctx.target;
  if (!(target instanceof Element) || !target.matches("#modal-body, .booking")) return;
  const booking = modalBody.querySelector(".booking");
  if (booking && !modal.open) {
    modal.showModal();
    modal.append(announcer); // what is outside of it is silent now
    restoreDetails();
  }
  if (modal.open) modal.scrollTop = 0;
  const step = booking ?? document.querySelector("#main .booking");
  if (step) focusStep(step);
});
