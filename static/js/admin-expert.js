// Pages in tabs, of an expert and of an organisation: their tabs, photo or logo, weekly hours whose buttons answer in
// place, and the preview of settings. Without it all of this works as links and forms that load the page anew.

import { followLook } from "./admin-look.js";
import { followPicture } from "./admin-picture.js";

const PAUSE = 400; // milliseconds without a key before the preview is asked for

followTabs();
followPicture();
followHours();
followLook();

// Which part is shown is for the style sheet to say, by the address. Here: what is said of it, and no jump of the page.
function followTabs() {
  const links = [...document.querySelectorAll(".eb-tabs [data-tab]")];
  if (!links.length) return;
  const field = document.querySelector("input[name=_tab]");

  function mark() {
    const part = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const key = part && part.closest(".eb-tab")?.id;
    const current = links.find((link) => link.dataset.tab === key) ?? links.find((link) => "first" in link.dataset);
    for (const link of links) {
      if (link === current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    if (field) field.value = key ? current.dataset.tab : "";
    // Unfold measures what it lays out when it is first shown.
    dispatchEvent(new Event("resize"));
  }

  for (const link of links) {
    link.addEventListener("click", () => {
      const top = document.documentElement.scrollTop;
      requestAnimationFrame(() => document.documentElement.scrollTo({ top, behavior: "instant" }));
    });
  }
  addEventListener("hashchange", mark);
  mark();
}

function followHours() {
  const editor = document.querySelector("[data-hours]");
  if (!editor) return;
  const form = editor.closest("form");
  let waiting = null;
  let asked = 0;

  // The browser's own pressing of a button and Enter in a field both end here.
  form.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (button?.name !== "_hours" || !editor.contains(button)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    ask(button);
  }, true);
  editor.addEventListener("input", () => {
    editor.querySelector("input[name=_seen]")?.remove(); // what it shows is no longer what saving does
    clearTimeout(waiting);
    waiting = setTimeout(ask, PAUSE);
  });
  editor.addEventListener("toggle", closeOthers, true);
  document.addEventListener("click", (event) => {
    for (const menu of editor.querySelectorAll(".eb-hours-copy[open]")) if (!menu.contains(event.target)) menu.open = false;
  });
  editor.addEventListener("keydown", (event) => {
    const menu = event.target.closest(".eb-hours-copy[open]");
    if (event.key !== "Escape" || !menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });

  // Asks what the form would do. After a button all of it is new, else only the words beside it: nobody loses a field
  // while typing.
  async function ask(button) {
    clearTimeout(waiting);
    const number = ++asked;
    const sent = new URLSearchParams(new FormData(form));
    for (const name of [...sent.keys()]) if (!/^(hours-|csrfmiddlewaretoken$)/.test(name)) sent.delete(name);
    if (button) sent.append("_hours", button.value);
    editor.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(editor.dataset.hours, { method: "POST", body: sent, credentials: "same-origin" });
      if (!answer.ok || answer.redirected) throw new Error(`the hours answered ${answer.status}`);
      const made = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (number !== asked) return; // something was pressed or typed since
      if (button) show(made, button.value);
      // Who listens hears what is new in an element that stays.
      else editor.querySelector("[data-hours-preview]").replaceChildren(...made.querySelector("[data-hours-preview]").childNodes);
    } catch {
      // As without a script: the page itself says what is the matter.
      if (button) HTMLFormElement.prototype.submit.call(withButton(button));
    } finally {
      if (number === asked) editor.removeAttribute("aria-busy");
    }
  }

  function show(made, pressed) {
    editor.replaceChildren(...made.body.children);
    document.dispatchEvent(new Event("hours:shown"));
    // The focus stays where the button was: in what it opened, or at its day.
    const opened = editor.querySelector(".eb-hours-line[open] [data-field=start] input");
    const day = editor.querySelector(`[data-day="${pressed.split(":")[1]}"]`);
    const same = editor.querySelector(`button[value="${CSS.escape(pressed)}"]`);
    (opened ?? (same?.checkVisibility() ? same : day?.querySelector("summary, button")))?.focus({ preventScroll: true });
    form.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function withButton(button) {
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name: button.name, value: button.value });
    form.append(field);
    return form;
  }

  function closeOthers(event) {
    if (!event.target.matches(".eb-hours-line") || event.newState !== "open") return;
    for (const line of editor.querySelectorAll(".eb-hours-line[open]")) {
      if (line !== event.target && !line.querySelector(".is-wrong")) line.open = false;
    }
  }
}
