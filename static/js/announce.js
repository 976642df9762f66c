// Says what happened to those who do not see it: each thing once, and after what is being said already.

import { announcer } from "./elements.js";

// `name`: of a sentence that the page brought along (templates/base.html); `words`: what stands in it for TIME and so on.
export function announce(name, words = {}) {
  let text = announcer.dataset[name];
  for (const [word, value] of Object.entries(words)) text = text.replace(word, value);
  say(text);
}

function say(text) {
  announcer.textContent = text;
}

// What was said is not true any more, and nobody is to find it later.
export function hush() {
  if (announcer.textContent) announcer.textContent = "";
}

// A part that came from the server may bring its own sentence.
document.addEventListener("htmx:after:swap", () => {
  for (const part of document.querySelectorAll("[data-say]")) {
    say(part.dataset.say);
    delete part.dataset.say;
  }
});
