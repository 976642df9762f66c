// Arrow keys go from time to time, as in a grid: left and right in order, up and down by rows, Home and End to the first
// and last time of the day. Tab reaches each of them, too, as without script.

const ROW = 8; // pixels within which tiles are in one row

function tiles() {
  return [...document.querySelectorAll("#main .tile:is(a, button)")].filter((tile) => tile.checkVisibility());
}

// The nearest tile of the next row in a direction: 1 is down, -1 up.
function inNextRow(tile, all, direction) {
  const from = tile.getBoundingClientRect();
  const ahead = all
    .map((other) => ({ other, box: other.getBoundingClientRect() }))
    .map(({ other, box }) => ({ other, away: (box.top - from.top) * direction, aside: Math.abs(box.left - from.left) }))
    .filter(({ away }) => away > ROW);
  const nearest = Math.min(...ahead.map(({ away }) => away));
  const row = ahead.filter(({ away }) => away < nearest + ROW);
  return row.sort((one, two) => one.aside - two.aside)[0]?.other;
}

document.addEventListener("keydown", (event) => {
  const tile = event.target.closest?.(".tile:is(a, button)");
  if (!tile || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const all = tiles();
  const at = all.indexOf(tile);
  const step = document.dir === "rtl" ? -1 : 1;
  const goal = {
    ArrowRight: () => all[at + step],
    ArrowLeft: () => all[at - step],
    ArrowDown: () => inNextRow(tile, all, 1),
    ArrowUp: () => inNextRow(tile, all, -1),
    Home: () => all[0],
    End: () => all.at(-1),
  }[event.key]?.();
  if (!goal) return;
  event.preventDefault(); // the page would scroll
  goal.focus();
});
