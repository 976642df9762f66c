"""What a day on which a whole country books would take, from what one booking and one look took here. From the root:

    .venv/bin/python -m bench.estimate

Prints Markdown with its arithmetic, from the medians in bench/results/. docs/scaling.md shows it.
"""

import json
import statistics
from pathlib import Path

RESULTS = Path(__file__).parent / "results"

BOOKINGS = 4_000_000  # on the day: a twentieth of 80 million people
BUSIEST_HOUR = 0.25  # of them within the hour in which it opens
PEAK = 2  # the busiest minute of that hour against its average
PAGES, LISTS = 10, 5  # of experts and days, and of lists, that are looked at for one booking
REFUSED = 0.5  # tries, for one booking, that come too late
WATCHERS, MINUTES = 3, 5  # how many have a page open for one booking that is made, and for how long
BUSY = 0.5  # how busy a processor may be
SOCKET_KIB = 30  # the goal for a socket


def cost(part: str, work: str, who: str) -> tuple[float, float, float]:
    """CPU ms of the product's own processes and of PostgreSQL, and kB of WAL, for one: medians of the last runs."""
    comparisons = json.loads((RESULTS / f"{part}.json").read_text())["comparisons"]
    runs = next(one for one in comparisons if one["work"].startswith(work))["runs"][who]

    def of_one(what: str) -> float:
        return statistics.median(run.get(what, 0) / run["done"] for run in runs)

    return of_one("cpu") * 1000, of_one("postgres") * 1000, of_one("wal") / 1000


def estimate() -> list[tuple[str, str, str]]:
    """What is needed at the peak, how it follows, and how much it is."""
    booking, look = cost("html", "whole flow", "product"), cost("looks", "expert page", "expert page")
    listed, refused = cost("looks", "discovery", "discovery"), cost("contested", "one contested seat", "product")
    mail = cost("mails", "mails of one worker", "product")
    rate = BOOKINGS * BUSIEST_HOUR / 3600 * PEAK

    def cores(*parts: tuple[float, float]) -> tuple[str, str]:
        terms = " + ".join(f"{count:g} × {ms:.2f}" if count != 1 else f"{ms:.1f}" for count, ms in parts)
        used = rate * sum(count * ms for count, ms in parts) / 1000
        return f"{rate:,.0f} × ({terms}) ms = {used:.0f}, at {BUSY:.0%} load", f"{used / BUSY:.0f} processors"

    web = cores((1, booking[0]), (PAGES, look[0]), (LISTS, listed[0]), (REFUSED, refused[0]))
    primary = cores((1, booking[1]), (REFUSED, refused[1]), (1, mail[1]))
    replicas = cores((PAGES, look[1]), (LISTS, listed[1]))
    workers = cores((1, mail[0]))
    sockets = rate * WATCHERS * MINUTES * 60
    return [
        ("bookings", f"{BOOKINGS:,} × {BUSIEST_HOUR:.0%} ÷ 3,600 s × {PEAK}", f"{rate:,.0f} a second"),
        ("looks", f"{rate:,.0f} × ({PAGES} + {LISTS})", f"{rate * (PAGES + LISTS):,.0f} a second"),
        ("`web`", *web),
        ("PostgreSQL, primary", *primary),
        ("PostgreSQL, replicas", *replicas),
        ("WAL to each replica", f"{rate:,.0f} × {booking[2]:.1f} kB", f"{rate * booking[2] / 1000:.1f} MB a second"),
        ("`worker`, one mail each", *workers),
        ("open pages", f"{rate:,.0f} × {WATCHERS} × {MINUTES * 60} s", f"{sockets:,.0f} sockets"),
        (
            "memory of `live`",
            f"{sockets:,.0f} × {SOCKET_KIB} KiB (the goal)",
            f"{sockets * SOCKET_KIB / 1024**2:.0f} GiB",
        ),
    ]


def main() -> None:
    print("| at the peak | arithmetic | needed |\n|---|---|---|")  # noqa: T201
    for what, arithmetic, needed in estimate():
        print(f"| {what} | {arithmetic} | {needed} |")  # noqa: T201


if __name__ == "__main__":
    main()
