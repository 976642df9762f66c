// Quick booking (templates/admin/_quick_booking.html), on its own page and as a dialog over any page of the admin. The
// server decides and renders; this sends the form without leaving the page, and lets hands stay on the keyboard.

const HEADERS = { "X-Part": "quick-booking" };
const QUIET = 180; // ms without a key before what was typed is looked up
const TOAST = 8000; // ms
// In which Enter goes on: to what is missing, else it books.
const TYPED = "#qb-who, #qb-what, :is(.qb-new, .qb-seats, .qb-asks) input:not([type=radio], [type=checkbox])";

export async function openOver(html, { from = document.activeElement } = {}) {
  const dialog = document.createElement("dialog");
  dialog.className = "qb-dialog";
  dialog.innerHTML = html;
  const form = dialog.querySelector(".qb");
  document.body.append(dialog);
  const book = new Booking(form, dialog);
  dialog.setAttribute("aria-labelledby", "qb-title");
  dialog.addEventListener("close", () => {
    book.leave();
    dialog.remove();
    if (from?.isConnected) from.focus();
  });
  const close = dialog.querySelector("[data-close]");
  close.hidden = false;
  close.addEventListener("click", () => dialog.close());
  dialog.showModal();
  await book.begin();
}

class Booking {
  constructor(form, dialog) {
    Object.assign(this, { form, dialog, round: 0, waits: 0, done: false, line: Promise.resolve() });
    form.addEventListener("submit", (event) => this.submit(event));
    form.addEventListener("input", (event) => this.typed(event));
    form.addEventListener("keydown", (event) => this.key(event));
    this.clock = setInterval(() => this.count(), 250);
    this.ends = new Map();
    this.count();
  }

  // A time that was chosen on the page before is kept at once.
  async begin() {
    const keep = this.find("#qb-keep");
    if (keep) await this.send(keep);
    if (this.form.isConnected) this.find("#qb-who").focus();
  }

  find(selector) {
    return this.form.querySelector(selector);
  }

  submit(event) {
    event.preventDefault();
    const button = event.submitter;
    if (button?.getAttribute("aria-disabled") === "true") return this.missing();
    this.send(button);
  }

  typed(event) {
    if (!event.target.matches("[data-look]")) return;
    clearTimeout(this.waits);
    this.waits = setTimeout(() => this.send(null), QUIET);
  }

  // What was typed is looked up before anything is chosen by a key.
  async settle() {
    await (this.waits ? this.send(null) : this.line);
  }

  // One after the other: what is chosen is in the form only when the answer has come.
  send(button) {
    clearTimeout(this.waits);
    this.waits = 0;
    const round = ++this.round;
    this.line = this.line.catch(() => {}).then(() => this.post(button, round));
    return this.line;
  }

  async post(button, round) {
    if (this.done || (!button && round !== this.round)) return; // a newer look follows
    const data = new FormData(this.form);
    if (button) data.set(button.name, button.value);
    const kept = button?.dataset.key ?? document.activeElement?.id;
    const answer = await fetch(this.form.action, { method: "POST", body: data, headers: HEADERS }).catch(() => null);
    if (!(answer?.headers.get("Vary") ?? "").includes("X-Part")) {
      return answer?.redirected ? location.assign(answer.url) : this.lost(); // to the log-in
    }
    this.show(await answer.text(), button, kept);
  }

  show(html, button, kept) {
    const page = new DOMParser().parseFromString(html, "text/html");
    const booked = page.querySelector("[data-booked]");
    if (booked) return this.booked(booked);
    const form = page.querySelector(".qb");
    for (const part of form.querySelectorAll("[data-part]")) {
      const old = this.find(`#${part.id}`);
      const typing = !button && old.contains(document.activeElement) && document.activeElement.matches("input, textarea, select");
      if (typing) continue;
      // Who listens hears what is new in an element that stays.
      if (old.matches("[role=status]")) old.replaceChildren(...document.adoptNode(part).childNodes);
      else old.replaceWith(document.adoptNode(part));
    }
    const words = form.querySelector("#qb-what");
    if (button?.name === "say") this.find("#qb-what").value = words.value;
    this.count();
    this.focus(button, kept);
  }

  // The form has a key of its own: pressed again, nothing is booked twice.
  lost() {
    const text = document.createElement("p");
    text.className = "qb-problem";
    text.setAttribute("role", "alert");
    text.textContent = this.form.dataset.lost;
    this.find(".qb-summary").replaceChildren(text);
  }

  focus(button, kept) {
    const book = this.find("#qb-book");
    const ready = book.getAttribute("aria-disabled") !== "true";
    const wrong = this.find("#qb-asks [aria-invalid]");
    if (wrong && button?.name === "book") return wrong.focus();
    if (this.find("[role=alert]")) return this.find(`[data-key="${kept}"]`)?.focus() ?? this.keep(kept);
    // The questions have come between.
    if (button?.name === "hold") this.find("[aria-current]")?.scrollIntoView({ block: "nearest" });
    if (button?.name === "hold") return (ready ? book : this.find("#qb-who")).focus();
    if (button?.name === "choose" && button.value === "new") {
      const name = this.find("#qb-name");
      name.focus();
      return name.setSelectionRange(name.value.length, name.value.length);
    }
    if (button?.name === "choose") return (ready ? book : this.find("#qb-what")).focus();
    this.keep(kept);
  }

  // What had the focus keeps it, where it was put anew.
  keep(kept) {
    if (!kept || this.form.contains(document.activeElement)) return;
    (this.find(`[data-key="${kept}"]`) ?? this.find(`[id="${kept}"]`) ?? this.find("#qb-what")).focus();
  }

  booked(part) {
    this.done = true;
    if (!this.dialog) {
      this.form.replaceWith(document.adoptNode(part));
      clearInterval(this.clock);
      document.querySelector("[data-booked] a").focus();
      return;
    }
    const toast = document.createElement("div");
    toast.className = "qb-toast";
    toast.setAttribute("role", "status");
    const text = document.createElement("span");
    const link = part.querySelector("a");
    text.textContent = `${part.querySelector("h2").textContent}: ${part.querySelector("strong").textContent}`;
    link.removeAttribute("class");
    this.dialog.close();
    document.body.append(toast);
    toast.append(text, link);
    setTimeout(() => toast.remove(), TOAST);
    document.dispatchEvent(new CustomEvent("booking:made"));
  }

  missing() {
    const person = this.find("[name=person]").value;
    this.find(person ? "#qb-what" : "#qb-who").focus();
  }

  // A time that nobody will book is free again at once.
  leave() {
    clearInterval(this.clock);
    clearTimeout(this.waits);
    if (this.done || !this.find("#qb-summary [data-left]")) return;
    const data = new FormData(this.form);
    data.set("release", "1");
    fetch(this.form.action, { method: "POST", body: data, headers: HEADERS, keepalive: true }).catch(() => {});
  }

  // Keys

  async key(event) {
    const at = event.target;
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (event.key === "Enter" && plain && at.matches(TYPED)) {
      event.preventDefault();
      await this.settle();
      this.enter(at);
    } else if (event.key.startsWith("Arrow") && plain) {
      this.arrow(event, at);
    }
  }

  enter(at) {
    const book = this.find("#qb-book");
    const ready = book.getAttribute("aria-disabled") !== "true";
    if (ready) return book.click();
    if (at.id === "qb-what") return this.find("button.qb-tile")?.focus();
    if (at.id !== "qb-who" || this.find("[name=person]").value) return this.find("#qb-what").focus();
    this.find(".qb-person")?.click();
  }

  arrow(event, at) {
    const down = event.key === "ArrowDown", up = event.key === "ArrowUp";
    if (at.id === "qb-who" && down) return this.go(event, this.find(".qb-person"));
    if (at.id === "qb-what" && down) return this.go(event, this.find("button.qb-tile"));
    if (at.matches(".qb-person") && (down || up)) {
      const rows = [...this.form.querySelectorAll(".qb-person")];
      this.go(event, rows[rows.indexOf(at) + (down ? 1 : -1)] ?? (up ? this.find("#qb-who") : null));
    } else if (at.matches("button.qb-tile")) {
      const tiles = [...this.form.querySelectorAll("button.qb-tile")];
      const forward = (event.key === "ArrowRight") !== (getComputedStyle(at).direction === "rtl");
      if (!down && !up) return this.go(event, tiles[tiles.indexOf(at) + (forward ? 1 : -1)]);
      this.go(event, above(tiles, at, up) ?? (up ? this.find("#qb-what") : null));
    }
  }

  go(event, to) {
    event.preventDefault();
    to?.focus();
  }

  // The time that is left

  count() {
    for (const part of this.form.querySelectorAll("[data-left]")) {
      const left = part.dataset.left;
      if (!this.ends.has(part)) this.ends.set(part, Date.now() + left * 1000);
      const seconds = Math.max(0, Math.ceil((this.ends.get(part) - Date.now()) / 1000));
      const text = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
      if (part.textContent !== text) part.textContent = text;
      if (seconds === 0 && !this.over) {
        this.over = true; // the server says what became of it
        this.send(null).then(() => (this.over = false));
      }
    }
  }
}

// The tile of the next row, above or below, that begins where this one does.
function above(tiles, from, up) {
  const here = from.getBoundingClientRect();
  const rows = tiles
    .map((tile) => [tile, tile.getBoundingClientRect()])
    .filter(([, box]) => (up ? box.top < here.top - 4 : box.top > here.top + 4));
  rows.sort(([, a], [, b]) => (up ? b.top - a.top : a.top - b.top) || Math.abs(a.left - here.left) - Math.abs(b.left - here.left));
  return rows[0]?.[0];
}

const form = document.querySelector(".qb-page .qb");
if (form) new Booking(form, null);
