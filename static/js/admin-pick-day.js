// A day that is picked in the calendar of a date field opens at once. One that is typed does with Enter or "Go": half
// of a date that somebody types is a date, too.

const TYPING = /^(\d|Arrow.*|Backspace|Delete)$/;
const formOf = ({ target }) => target.closest?.("[data-pick-day] [type=date]")?.form;

document.documentElement.classList.add("picks-days"); // no button is needed
document.addEventListener("keydown", (event) => formOf(event)?.classList.toggle("is-typed", TYPING.test(event.key)));
document.addEventListener("pointerdown", (event) => formOf(event)?.classList.remove("is-typed"));
document.addEventListener("change", (event) => {
  const form = formOf(event);
  if (form && !form.classList.contains("is-typed")) form.requestSubmit();
});
