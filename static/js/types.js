// "What is it for?" folds to one line when it was answered by finger or mouse: the times come into sight. By keyboard it
// stays, as arrow keys go from answer to answer.

let byPointer = false;

document.addEventListener("pointerdown", (event) => (byPointer = Boolean(event.target.closest(".type-card"))), true);
document.addEventListener("keydown", () => (byPointer = false), true);

document.addEventListener("htmx:after:swap", () => {
  const types = byPointer && document.getElementById("types");
  // Before the first answer there is nothing to fold to.
  if (!types?.open || !types.querySelector(".types-answer")) return;
  byPointer = false;
  const hadFocus = types.contains(document.activeElement);
  types.open = false;
  if (hadFocus) types.querySelector("summary").focus({ preventScroll: true });
});
