// While a form is sent, its buttons do nothing. They are not disabled: what is disabled loses focus, and on a slow line
// whoever uses a keyboard or a screen reader would be nowhere until the answer is there.

const waiting = new WeakMap(); // the buttons that were told to wait, by their form

document.addEventListener("htmx:before:request", ({ detail }) => {
  const form = detail.ctx.sourceElement;
  if (!form?.matches?.("form[data-waits]") || waiting.has(form)) return;
  const buttons = [...form.querySelectorAll("button:not([aria-disabled])")];
  for (const button of buttons) button.ariaDisabled = "true";
  waiting.set(form, buttons);
});

document.addEventListener("htmx:finally:request", ({ detail }) => {
  const form = detail.ctx.sourceElement;
  for (const button of waiting.get(form) ?? []) button.ariaDisabled = null;
  waiting.delete(form);
});

// Before anybody hears of it. Enter in a field presses the form's first button, too.
document.addEventListener(
  "click",
  (event) => {
    if (!waiting.has(event.target.closest("button")?.closest("form[data-waits]"))) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  },
  { capture: true },
);
