// In the page that another site frames: tells that site how high it is. Only sites that may frame it are told; the list
// is the one that the browser enforces (Content-Security-Policy: frame-ancestors).

const ROOM = 2; // pixels below, so that no rounding brings a scroll bar

const origins = document.documentElement.dataset.frameOrigins.split(" ");
const main = document.getElementById("main");
let host = ""; // the origin that has asked

function tellHeight() {
  if (!host) return;
  const height = Math.ceil(main.getBoundingClientRect().bottom + scrollY) + ROOM;
  parent.postMessage({ type: "expertbook:height", height }, host);
}

addEventListener("message", (event) => {
  if (event.source !== parent || !origins.includes(event.origin) || event.data?.type !== "expertbook:hello") return;
  host = event.origin;
  tellHeight();
});

new ResizeObserver(tellHeight).observe(main);
