// Loaded on each page of the admin right after htmx, before it starts: a plain script.

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

// What unfold and Django leave out for people who listen to a page: which part is the page's own, and what fields are
// called. After all scripts of the page, which make some of them.
(() => {
  addEventListener("load", () => {
    document.getElementById("main")?.setAttribute("role", "main");
    for (const part of document.querySelectorAll("#nav-sidebar .simplebar-content-wrapper, nav .simplebar-content-wrapper")) {
      part.removeAttribute("role"); // the menu around it says what it is
    }
    // Django makes its boxes of two lists on this event, too, and later.
    setTimeout(() => {
      for (const mark of document.querySelectorAll(".help-tooltip[aria-label]")) mark.role = "img";
    });
    // Each grid scrolls by itself, and is called by its heading; the last column by what its cells are called on a phone.
    for (const part of document.querySelectorAll("fieldset .simplebar-content-wrapper")) {
      part.setAttribute("aria-label", part.closest("fieldset").querySelector("[id$=-heading]")?.textContent.trim() ?? "");
    }
    for (const head of document.querySelectorAll("fieldset thead th:last-child")) {
      const name = head.closest("table").querySelector("tbody td:last-child[data-label]")?.dataset.label;
      if (name && !head.textContent.trim()) head.insertAdjacentHTML("beforeend", '<span class="eb-unseen"></span>');
      if (name && !head.textContent.trim()) head.lastChild.textContent = name;
    }
    // After what Django does when it is ready, which may be later than this.
    if (typeof django === "object") django.jQuery?.(nameFields);
  });
  document.addEventListener("formset:added", nameFields);

  function nameFields() {
    for (const field of document.querySelectorAll("td :is(input, select, textarea):not([type=hidden])")) {
      const column = field.closest("table").tHead?.rows[0].cells[field.closest("td").cellIndex];
      if (column && !field.labels?.length && !field.ariaLabel) field.setAttribute("aria-label", wordsOf(column));
    }
    for (const shown of document.querySelectorAll(".select2-container")) {
      const field = shown.previousElementSibling;
      const name = field?.labels?.[0] ? wordsOf(field.labels[0]) : field?.getAttribute("aria-label");
      if (!name) continue;
      for (const part of shown.querySelectorAll("[role=combobox], [role=textbox], [role=searchbox]")) {
        part.setAttribute("aria-label", name);
      }
    }
  }

  // The star behind the names of fields that are needed is no part of them.
  function wordsOf(label) {
    return label.textContent.trim().split("\n")[0].replace("*", "").trim();
  }
})();

// What is ticked in a folded list, in the words above it.
document.addEventListener("change", (event) => {
  const folded = event.target.closest(".eb-folded");
  if (!folded) return;
  const names = [...folded.querySelectorAll(":checked + span")].map((name) => name.textContent);
  const summary = folded.querySelector("summary");
  summary.textContent = names.join(", ") || summary.dataset.none;
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = button.dataset.copied;
  } catch {
    // At least marked, ready for Ctrl-C.
    getSelection().selectAllChildren(document.getElementById(button.dataset.copyOf ?? "feed-url"));
  }
});

// What was sent by a script and got no answer, or none that says anything: the page stays, with all that was typed.
(() => {
  const STAYS = 8000; // ms
  let told = null;
  document.addEventListener("admin:lost", () => {
    told?.remove();
    told = Object.assign(document.createElement("p"), { className: "eb-lost" });
    told.setAttribute("role", "alert");
    // What lies behind an open dialog is neither seen nor heard.
    ([...document.querySelectorAll("dialog:modal")].at(-1) ?? document.body).append(told);
    told.textContent = document.querySelector('meta[name="eb-lost"]').content;
    const mine = told;
    setTimeout(() => mine.remove(), STAYS);
  });
})();

// A new booking over any page: by the key N, or by a link to its page, which is in the menu of those who may book.
(() => {
  const PAGE = 'a[href$="/admin/book/"], a[href*="/admin/book/?"]';
  let opening = false;

  addEventListener("keydown", (event) => {
    if (event.key !== "n" && event.key !== "N") return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.closest?.("input, select, textarea, dialog, [contenteditable]")) return;
    const link = document.querySelector('a[href$="/admin/book/"]');
    if (!link) return;
    event.preventDefault();
    show(link.href);
  });
  addEventListener("click", (event) => {
    const link = event.target.closest?.(PAGE);
    if (!link || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    if (document.querySelector(".qb-page")) return;
    event.preventDefault();
    show(link.href);
  });

  async function show(url) {
    const form = document.querySelector(".qb-page .qb #qb-who");
    if (form) return form.focus();
    if (opening || document.querySelector("dialog[open]")) return;
    opening = true;
    const from = document.activeElement;
    try {
      const answer = await fetch(url, { headers: { "X-Part": "quick-booking" } });
      if (!(answer.headers.get("Vary") ?? "").includes("X-Part")) {
        if (answer.redirected) return location.assign(url); // to the log-in
        throw new Error(`the form answered ${answer.status}`);
      }
      const html = await answer.text();
      const { css, js } = new DOMParser().parseFromString(html, "text/html").querySelector(".qb").dataset;
      const [book] = await Promise.all([import(js), styles(css)]);
      await book.openOver(html, { from });
    } catch {
      document.dispatchEvent(new Event("admin:lost"));
    } finally {
      opening = false;
    }
  }

  function styles(href) {
    if (document.querySelector(`link[href="${href}"]`)) return null;
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href });
    const loaded = new Promise((resolve, reject) => {
      link.addEventListener("load", resolve);
      link.addEventListener("error", () => {
        link.remove(); // to be tried again
        reject(new Error(`${href} did not load`));
      });
    });
    document.head.append(link);
    return loaded;
  }
})();
