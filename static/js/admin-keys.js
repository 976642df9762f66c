// Single letters do something on pages of the staff's day, unless they are written somewhere, or a dialog is open: what is
// behind it is not meant, wherever the focus is.

const FIELDS = "input:not([type=checkbox]), select, textarea, [contenteditable], .select2-container";

export function isTyping({ target }) {
  return Boolean(document.querySelector("dialog[open]") || target.closest?.(FIELDS));
}
