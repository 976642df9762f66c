// Says what happened to those who do not see it: politely, each thing once.

import { announcer } from "./elements.js";

let said = ""; // the name of what the announcer says now

// `name`: of a sentence that the page brought along (templates/base.html); `words`: what stands in it for TIME and so on.
export function announce(name, words = {}) {
  let text = announcer.dataset[name];
  for (const [word, value] of Object.entries(words)) text = text.replace(word, value);
  say(name, text);
}

function say(name, text) {
  said = name;
  announcer.textContent = text;
}

// What was said under names that begin so is not true any more, and nobody is to come across it later.
export function hush(prefix) {
  if (said.startsWith(prefix)) say("", "");
}

// A part that came from the server may bring its own sentence.
document.addEventListener("htmx:after:swap", () => {
  for (const part of document.querySelectorAll("[data-say]")) {
    say("", part.dataset.say);
    delete part.dataset.say;
  }
});
