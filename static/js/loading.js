// Another day or week is on its way: the part that it replaces says so, to eyes and to screen readers (aria-busy).

// What a link brings replaces the whole part; what the part asks for by itself (data-resync) would bring the old day back.
const bringsAnother = (element) => element.matches("a[hx-get]");
let waiting = null; // the request that was begun last

document.addEventListener("htmx:before:request", (event) => {
  const { sourceElement, target } = event.detail.ctx;
  if (!target?.matches?.("#day, #move")) return;
  if (!bringsAnother(sourceElement)) {
    if (target.ariaBusy === "true") event.preventDefault();
    return;
  }
  waiting = event.detail.ctx;
  for (const element of target.querySelectorAll("[data-resync]")) htmx.trigger(element, "htmx:abort");
  target.ariaBusy = "true";
});

// An answer that somebody has gone past by choosing another day is not shown.
document.addEventListener("htmx:before:swap", (event) => {
  const { ctx } = event.detail;
  if (ctx !== waiting && ctx.target?.ariaBusy === "true" && bringsAnother(ctx.sourceElement)) event.preventDefault();
});

document.addEventListener("htmx:finally:request", (event) => {
  if (event.detail.ctx !== waiting) return;
  waiting.target.ariaBusy = null;
  waiting = null;
});
