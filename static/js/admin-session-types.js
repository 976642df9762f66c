// Session types: the list is put in order by dragging, beside its buttons; the card of a type follows what is typed.

const PAUSE = 400; // milliseconds without a key before the card is asked for

followList();
followCard();

function followList() {
  const places = [...document.querySelectorAll("[data-order]")];
  if (places.length < 2) return;
  const told = document.createElement("p");
  told.className = "eb-unseen";
  told.setAttribute("role", "status");
  document.body.append(told);
  let dragged = null;

  for (const place of places) {
    const row = rowOf(place);
    const handle = document.createElement("span");
    handle.className = "eb-drag material-symbols-outlined";
    handle.textContent = "drag_indicator";
    handle.setAttribute("aria-hidden", "true"); // the buttons beside it are for who cannot drag
    place.prepend(handle);
    // Only by its handle, so that words of the row can still be marked.
    handle.addEventListener("pointerdown", () => { row.draggable = true; });
    addEventListener("pointerup", () => { row.draggable = false; });
    row.addEventListener("dragstart", (event) => {
      if (!row.draggable) return;
      dragged = { row, place, before: [...row.parentElement.children] };
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", place.dataset.name);
      row.classList.add("is-dragged");
    });
    row.addEventListener("dragover", (event) => {
      if (!dragged || place.dataset.among !== dragged.place.dataset.among) return;
      event.preventDefault();
      if (row === dragged.row) return;
      const { top, height } = row.getBoundingClientRect();
      row[event.clientY < top + height / 2 ? "before" : "after"](dragged.row);
    });
    row.addEventListener("drop", (event) => event.preventDefault());
    row.addEventListener("dragend", () => {
      const { before } = dragged;
      dragged = null;
      row.draggable = false;
      row.classList.remove("is-dragged");
      const after = [...row.parentElement.children];
      if (after[before.indexOf(row)] === row) return;
      save(place, before[after.indexOf(row)]);
    });
  }

  // Onto the place of the one that was there. If somebody else was faster, the page says how it is.
  async function save(place, other) {
    const onto = other.querySelector("[data-order]").id.replace("type-", "");
    const sent = new URLSearchParams({ onto, csrfmiddlewaretoken: document.querySelector("[name=csrfmiddlewaretoken]").value });
    try {
      const answer = await fetch(place.dataset.order, { method: "POST", body: sent, headers: { "HX-Request": "true" }, credentials: "same-origin" });
      if (answer.status !== 204) throw new Error(`the move answered ${answer.status}`);
      told.textContent = place.dataset.name;
      place.dataset.moved = onto;
    } catch {
      location.reload();
    }
  }

  // Unfold gives each row a body of its own.
  function rowOf(place) {
    const row = place.closest("tr");
    return row.parentElement.rows.length === 1 ? row.parentElement : row;
  }
}

function followCard() {
  const form = document.getElementById("sessiontype_form");
  if (!form || !document.querySelector("[data-type-card]")) return;
  let waiting = null;
  let asked = 0;
  for (const type of ["input", "change"]) {
    form.addEventListener(type, () => {
      clearTimeout(waiting);
      waiting = setTimeout(ask, PAUSE);
    });
  }

  async function ask() {
    const number = ++asked;
    const card = document.querySelector("[data-type-card]");
    let answer;
    try {
      answer = await fetch(card.dataset.typeCard, { method: "POST", body: new URLSearchParams(new FormData(form)), credentials: "same-origin" });
    } catch {
      return document.dispatchEvent(new Event("admin:lost"));
    }
    if (!answer.ok || answer.redirected) return;
    const made = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-type-card]");
    if (number === asked) card.replaceWith(made);
  }
}
