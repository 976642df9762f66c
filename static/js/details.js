// Remembers what was typed into the form of a booking, for this tab alone and for an hour: it is still there after Back
// and a reload, and with another time. It is gone once it was sent for good or the time was let go. No server hears of it.

const NAMES = ["name", "email", "phone", "seats", "notes", "agree"];
const ANSWER = "answer-"; // how the fields of what an organisation asks begin
const KEY = "details";
const LASTS = 3_600_000;

function fieldsOf(booking) {
  const fields = [...booking.querySelectorAll("input:not([type=hidden]), textarea, select")];
  return fields.filter((field) => NAMES.includes(field.name) || field.name.startsWith(ANSWER));
}

const isTicked = (field) => field.type === "checkbox" || field.type === "radio";

function read() {
  try {
    const { at, typed } = JSON.parse(sessionStorage.getItem(KEY));
    return Date.now() - at < LASTS ? typed : {};
  } catch {
    return {}; // nothing was typed, or the browser keeps nothing
  }
}

// Of what can be ticked, the values that are: several of a name, and of a consent its wording.
function remember(booking) {
  const typed = read();
  const fields = fieldsOf(booking);
  for (const field of fields) typed[field.name] = isTicked(field) ? [] : field.value;
  for (const field of fields) if (isTicked(field) && field.checked) typed[field.name].push(field.value);
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
  const fields = fieldsOf(booking);
  const chosen = new Set(fields.filter((field) => field.type === "radio" && field.checked).map((field) => field.name));
  for (const field of fields) {
    const value = typed[field.name];
    if (!value) continue;
    if (isTicked(field)) field.checked ||= !chosen.has(field.name) && value.includes(field.value);
    else if (field.tagName === "SELECT") field.value = [...field.options].some((option) => option.value === value) ? value : field.value;
    else field.value ||= value;
  }
  if (fields.length) remember(booking);
}

document.addEventListener("input", (event) => {
  const booking = event.target.closest(".booking");
  if (booking) remember(booking);
});

document.addEventListener("submit", (event) => {
  if (event.target.matches("[data-forgets]")) forgetDetails();
});
