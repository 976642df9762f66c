// What was done goes away after some seconds, and with it the offer to undo it.

const UNDO_SECONDS = 10;
let counting = 0;

// Of the element that holds the toast; `over` is called before it goes, with whether the focus is in it.
export function countDown(holder, over = () => {}) {
  clearInterval(counting);
  const shown = holder.querySelector(".ebd-toast");
  if (!shown) return;
  let left = UNDO_SECONDS;
  const seconds = shown.querySelector("[data-seconds]");
  const tick = () => {
    if (seconds) seconds.textContent = seconds.dataset.seconds.replace("0", left);
    if (left <= 0) {
      clearInterval(counting);
      over(shown.contains(document.activeElement));
      holder.replaceChildren();
    }
    if (!shown.matches(":hover")) left -= 1; // whoever is about to press it has the time
  };
  tick();
  counting = setInterval(tick, 1000);
}
