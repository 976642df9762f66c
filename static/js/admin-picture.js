// A photo or logo is sent as soon as it is chosen, and shown in its place; what else is typed on the page stays.

export function followPicture() {
  const form = document.querySelector("[data-picture-form]");
  if (!form) return;
  follow(document.querySelector("[data-picture]"));

  document.addEventListener("change", (event) => {
    if (event.target.id === "picture-file" && event.target.files.length) form.requestSubmit();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const place = document.querySelector("[data-picture]");
    const file = document.getElementById("picture-file").files[0];
    const removes = event.submitter?.name === "remove";
    if (!removes && file && file.size > Number(place.dataset.most)) {
      say(place, place.dataset.tooLarge);
      return;
    }
    const sent = new FormData(form);
    if (removes) {
      sent.delete("picture");
      sent.append("remove", "1");
    }
    place.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(form.action, { method: "POST", body: sent, headers: { "HX-Request": "true" }, credentials: "same-origin" });
      const made = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-picture]");
      if (!made) throw new Error(`the picture answered ${answer.status}`);
      follow(made);
      place.replaceWith(made);
      made.querySelector("#picture-file").focus({ preventScroll: true });
      document.dispatchEvent(new Event("picture:changed"));
    } catch {
      place.removeAttribute("aria-busy");
      document.getElementById("picture-file").value = ""; // so that the same one can be chosen again
      document.dispatchEvent(new Event("admin:lost"));
    }
  });

  function follow(place) {
    place.classList.add("is-followed");
    // Unfold writes the file's name into the first field of text that it finds near by, unless this says that it has.
    place.querySelector("#picture-file").hasChangeListener = true;
  }

  function say(place, text) {
    place.querySelector("[role=alert]")?.remove();
    const words = document.createElement("p");
    words.className = "eb-problem";
    words.setAttribute("role", "alert");
    words.textContent = text;
    place.querySelector(".eb-muted").after(words);
    document.getElementById("picture-file").value = "";
  }
}
