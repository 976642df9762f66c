// A day that is picked in the calendar of a date field opens at once. One that is typed does with Enter or "Go": half
// of a date that somebody types is a date, too.

const TYPING = /^(\d|Arrow.*|Backspace|Delete)$/;

for (const form of document.querySelectorAll("[data-pick-day]")) {
  const field = form.querySelector("[type=date]");
  let typed = false;
  const note = (is) => {
    typed = is;
    form.classList.toggle("is-quick", !is); // no button is needed
  };
  note(false);
  field.addEventListener("keydown", ({ key }) => note(TYPING.test(key)));
  field.addEventListener("pointerdown", () => note(false));
  field.addEventListener("change", () => typed || form.requestSubmit());
}
