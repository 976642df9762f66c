// The frame beside an organisation's settings follows what is typed.

const PAUSE = 400; // milliseconds without a key before it is asked again

export function followLook() {
  const look = document.querySelector("[data-look]");
  if (!look) return;
  const form = look.closest("form");
  const show = look.querySelector("[data-look-show]");
  const select = look.querySelector("select[name=_preview]");
  let waiting = null;
  show.hidden = true;

  for (const type of ["input", "change"]) form.addEventListener(type, later);
  // Select2 tells jQuery alone.
  if (typeof django === "object") django.jQuery(form).on("change", later);
  document.addEventListener("picture:changed", ask);
  mark();

  // The page stays, with all that is typed.
  look.querySelector("[data-look-test]").addEventListener("click", async (event) => {
    event.preventDefault();
    const button = event.currentTarget;
    button.disabled = true;
    try {
      const sent = new URLSearchParams({ _preview: select.value, csrfmiddlewaretoken: form.elements.csrfmiddlewaretoken.value });
      const answer = await fetch(button.formAction, { method: "POST", body: sent, headers: { "HX-Request": "true" }, credentials: "same-origin" });
      if (!answer.ok || answer.redirected) throw new Error(`the test answered ${answer.status}`);
      look.querySelector("[data-look-sent]").textContent = await answer.text();
    } catch {
      button.formNoValidate = true;
      HTMLFormElement.prototype.submit.call(Object.assign(form, { action: button.formAction })); // as without a script
    } finally {
      button.disabled = false;
    }
  });

  function later(event) {
    mark();
    clearTimeout(waiting);
    waiting = setTimeout(ask, event?.target === select ? 0 : PAUSE);
  }

  function mark() {
    look.querySelector("[data-look-test]").parentElement.hidden = !select.value;
  }

  // A form of its own, so that neither this page's address nor the question about unsaved changes is touched.
  function ask() {
    clearTimeout(waiting);
    const copy = document.createElement("form");
    Object.assign(copy, { method: "post", action: show.formAction, target: "look", hidden: true });
    for (const [name, value] of new FormData(form)) {
      const field = document.createElement("input");
      Object.assign(field, { type: "hidden", name, value });
      copy.append(field);
    }
    document.body.append(copy);
    copy.submit();
    copy.remove();
  }
}
