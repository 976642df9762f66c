// Remembers what was typed into the form of a booking, for this tab alone and for an hour: it is still there after Back
// and a reload, and with another time. It is gone once it was sent for good or the time was let go. No server hears of it.

const NAMES = ["name", "email", "phone", "seats", "notes", "agree"];
const KEY = "details";
const LASTS = 3_600_000;

function fieldsOf(booking) {
  const fields = [...booking.querySelectorAll("input:not([type=hidden]), textarea, select")];
  return fields.filter((field) => NAMES.includes(field.name));
}

function read() {
  try {
    const { at, typed } = JSON.parse(sessionStorage.getItem(KEY));
    return Date.now() - at < LASTS ? typed : {};
  } catch {
    return {}; // nothing was typed, or the browser keeps nothing
  }
}

function remember(booking) {
  const typed = read();
  for (const field of fieldsOf(booking)) typed[field.name] = field.type === "checkbox" ? field.checked : field.value;
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ at: Date.now(), typed }));
  } catch {
    // The form works as well without.
  }
}

export function forgetDetails() {
  sessionStorage.removeItem(KEY);
}

// When a step of booking is shown: fill in what the server did not; forget all when nothing is to be sent any more.
export function keepDetails(booking) {
  if (!booking.querySelector("form.booking-main")) return forgetDetails();
  const typed = read();
  for (const field of fieldsOf(booking)) {
    const value = typed[field.name];
    if (!value) continue;
    if (field.type === "checkbox") field.checked = true;
    else if (field.tagName === "SELECT") field.value = [...field.options].some((option) => option.value === value) ? value : field.value;
    else field.value ||= value;
  }
  if (fieldsOf(booking).length) remember(booking);
}

document.addEventListener("input", (event) => {
  const booking = event.target.closest(".booking");
  if (booking) remember(booking);
});

document.addEventListener("submit", (event) => {
  if (event.target.matches("[data-forgets]")) forgetDetails();
});
