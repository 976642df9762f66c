"""What came of the runs, as people read it: medians, ratios with their spread, a table and a drawing for each part."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

Run = dict[str, Any]  # rate, p50/p95/p99 in ms, done, errors, cpu and postgres in s, wal in bytes, facts {name: number}


@dataclass
class Comparison:
    """Runs of the same work by one or several, in turns.

    ``goals`` is the least ratio of the first to another, by name, or under its own name the least that it does a
    second; ``fact_goals`` is how much a fact of the first may be.
    """

    work: str
    unit: str
    runs: dict[str, list[Run]]
    goals: dict[str, float] = field(default_factory=dict)
    fact_goals: dict[str, float] = field(default_factory=dict)

    @property
    def first(self) -> list[Run]:
        return next(iter(self.runs.values()))


@dataclass(frozen=True)
class Spread:
    """A middle, and the least and the most."""

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        known = sorted(values)
        return cls(statistics.median(known), known[0], known[-1])


def ratio(ones: Sequence[float], others: Sequence[float]) -> Spread:
    """The ratio of the medians, with the least and the most of the pairs that ran after each other.

    Others that got nothing done are infinitely slow.
    """
    pairs = [_divided(one, other) for one, other in zip(ones, others, strict=True)]
    return Spread(_divided(statistics.median(ones), statistics.median(others)), min(pairs), max(pairs))


def _divided(one: float, other: float) -> float:
    return one / other if other else float("inf")


def markdown(comparisons: list[Comparison]) -> str:
    """The table of a part, and under it one of what else was looked at, if anything was."""
    lines = [
        "| work | who | a second | p50 / p95 / p99 ms | CPU ms of one: own, PostgreSQL | WAL kB of one | errors "
        "| first ÷ this (least to most) | goal | runs |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for comparison in comparisons:
        for who, runs in comparison.runs.items():
            compared, goal, found = "", "", Spread.of(rates(runs))
            if runs is not comparison.first:
                found = ratio(rates(comparison.first), rates(runs))
                compared = f"**{number(found.middle)}** ({number(found.least)} to {number(found.most)})"
            if wanted := comparison.goals.get(who):
                goal = f"≥ {number(wanted)}: {'reached' if found.middle >= wanted else 'missed'}"
            lines.append(
                f"| {comparison.work} | {who} | {number(statistics.median(rates(runs)))} {comparison.unit} "
                f"| {_waits(runs)} | {_of_one(runs, 'cpu', 1000)}, {_of_one(runs, 'postgres', 1000)} "
                f"| {_of_one(runs, 'wal', 0.001)} | {sum(run['errors'] for run in runs)} | {compared} | {goal} "
                f"| {len(runs)} |"
            )
    facts = [line for comparison in comparisons for line in _facts(comparison)]
    if facts:
        lines += ["", "| work | who | what | median (least to most) | goal |", "|---|---|---|---|---|", *facts]
    return "\n".join(lines)


def _facts(comparison: Comparison) -> list[str]:
    lines = []
    for who, runs in comparison.runs.items():
        for name in runs[0].get("facts", {}):
            found, goal = Spread.of(run["facts"][name] for run in runs), ""
            if runs is comparison.first and name in comparison.fact_goals:
                most = comparison.fact_goals[name]
                goal = f"≤ {number(most)}: {'reached' if found.middle <= most else 'missed'}"
            spread = f"{number(found.middle)} ({number(found.least)} to {number(found.most)})"
            lines.append(f"| {comparison.work} | {who} | {name} | {spread} | {goal} |")
    return lines


def peers_in(readme: str, names: Iterable[str]) -> list[str]:
    """What each of the named is and does not do, from the table of peers in bench/README.md."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in readme.splitlines() if line[:1] == "|"]
    told = {row[0]: f"{row[0]}: {row[1]}. It does not do: {row[2]}" for row in rows if len(row) == 3}
    return [told[name] for name in names if name in told]


def rates(runs: list[Run]) -> list[float]:
    return [run["rate"] for run in runs]


def _waits(runs: list[Run]) -> str:
    if "p50" not in runs[0]:
        return ""
    return " / ".join(number(statistics.median(run[name] for run in runs)) for name in ("p50", "p95", "p99"))


def _of_one(runs: list[Run], kind: str, factor: float) -> str:
    shares = [run[kind] * factor / run["done"] for run in runs if run["done"] and kind in run]
    return number(statistics.median(shares)) if shares else "–"


def number(value: float) -> str:
    """A number with as many digits as mean something: 1,234, 56.7, 8.90, 0.12."""
    digits = 0 if abs(value) >= 100 or value == int(value) else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}" if abs(value) != float("inf") else "∞"


# A drawing

_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.work { font-weight: 600 } .bar { fill: #8b949e } .first { fill: #2f6feb }
.spread { stroke: #1f2328; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .bar { fill: #7d8590 } .first { fill: #58a6ff } .spread { stroke: #e6edf3 }
}
""".strip()
_NAMES, _BARS, _FIGURES, _LINE = 190, 420, 150, 24  # pixels


def svg(title: str, comparisons: list[Comparison]) -> str:
    """Bars of the medians of a part, each work to a scale of its own, with a line from the least run to the most.

    Readable on light and dark grounds; nothing is loaded from anywhere.
    """
    parts, top = [], 10
    for comparison in comparisons:
        top += _LINE
        parts.append(f'<text class="work" x="10" y="{top}">{escape(comparison.work)}</text>')
        spreads = {who: Spread.of(rates(runs)) for who, runs in comparison.runs.items()}
        most = max(spread.most for spread in spreads.values()) or 1
        for who, spread in spreads.items():
            top += _LINE
            kind = "first" if comparison.runs[who] is comparison.first else "bar"
            middle, least, longest = (_BARS * value / most for value in (spread.middle, spread.least, spread.most))
            parts += [
                f'<text x="{_NAMES - 8}" y="{top}" text-anchor="end">{escape(who)}</text>',
                f'<rect class="bar {kind}" x="{_NAMES}" y="{top - 13}" width="{middle:.1f}" height="17" rx="2"/>',
                f'<line class="spread" x1="{_NAMES + least:.1f}" x2="{_NAMES + longest:.1f}" y1="{top - 4.5}" '
                f'y2="{top - 4.5}"/>',
                f'<text x="{_NAMES + longest + 8:.1f}" y="{top}">{number(spread.middle)} {escape(comparison.unit)}/s'
                "</text>",
            ]
        top += _LINE // 3
    width, height = _NAMES + _BARS + _FIGURES, top + 14
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(title)}">'
    return "\n".join([head, f"<style>{_STYLE}</style>", *parts, "</svg>"]) + "\n"
