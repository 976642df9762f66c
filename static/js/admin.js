// Loaded on each page of the admin right after htmx, before it starts: a plain script, which declares nothing global.

// htmx would write a style element into the page, and may evaluate text as code; the admin uses neither.
htmx.config.includeIndicatorStyles = false;
htmx.config.allowEval = false;

// Times are shown in the zone of this browser, as on the site, where it can be changed.
if (!document.cookie.split("; ").some((pair) => pair.startsWith("zone="))) {
  const secure = location.protocol === "https:" ? "; secure" : "";
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=lax${secure}`;
}

// Unfold's icons are letters of a font that spell the icon's name: beside words, nobody needs to hear them.
document.addEventListener("DOMContentLoaded", () => {
  for (const icon of document.querySelectorAll(".material-symbols-outlined")) {
    const owner = icon.closest("a, button, label") ?? icon.parentElement;
    if (owner.textContent.trim() !== icon.textContent.trim()) icon.setAttribute("aria-hidden", "true");
  }
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = button.dataset.copied;
  } catch {
    getSelection().selectAllChildren(document.getElementById("feed-url")); // at least marked, ready for Ctrl-C
  }
});
