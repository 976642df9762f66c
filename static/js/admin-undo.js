// Counts down the seconds in which something can be taken back, on an element that says how many:
//
//   <div data-seconds="10" data-patient>… <span data-left="10 s">10 s</span></div>
//
// The number in data-left follows. While pointer or focus is on it the time stands still, but only where the server takes
// it back later, too (data-patient). Elsewhere its mail leaves then, and no button may promise more.

const TICK = 250; // ms

// `over` is called once, when the time is up. Returns what ends the counting.
export function countDown(element, over) {
  let left = Number(element.dataset.seconds) * 1000;
  let at = performance.now();
  const isHeld = () => "patient" in element.dataset && element.matches(":hover, :focus-within");
  const clock = setInterval(tick, TICK);
  function tick() {
    const now = performance.now();
    if (!isHeld()) left -= now - at;
    at = now;
    const seconds = Math.max(0, Math.ceil(left / 1000));
    for (const place of element.querySelectorAll("[data-left]")) {
      const text = place.dataset.left.replace(/\d+/, seconds);
      if (place.textContent !== text) place.textContent = text;
    }
    if (left > 0 && element.isConnected) return;
    clearInterval(clock);
    if (element.isConnected) over();
  }
  tick();
  return () => clearInterval(clock);
}
