// The words of mails: the frame follows what is typed, and the names in braces are written by a click.

import { followLook } from "./admin-look.js";

followLook();
document.querySelector(".ebl-kinds [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

let last = document.querySelector("#id_opening");
for (const field of document.querySelectorAll("#id_subject, #id_opening")) field.addEventListener("focus", () => (last = field));

for (const name of document.querySelectorAll("[data-insert]")) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", textContent: name.textContent });
  button.addEventListener("click", () => {
    last.setRangeText(name.dataset.insert, last.selectionStart, last.selectionEnd, "end");
    last.dispatchEvent(new Event("input", { bubbles: true }));
    last.focus();
  });
  name.replaceChildren(button);
}
