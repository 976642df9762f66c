"""One booking, with nobody else there: how long it takes, what it asks of PostgreSQL, and what it costs."""

import contextlib
import statistics
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

from bench import proxy, stage
from bench.contenders import Contender, in_turns
from bench.parts import pages
from bench.report import Comparison, Run
from bench.scene import Scene

CPU = "CPU ms of one, own and PostgreSQL"
BOOKINGS, FLOWS = 100, 10  # in a run
COUNTED = 5  # after as many that are not: a process looks things up when it meets them for the first time


def alone(scene: Scene) -> list[Comparison]:
    """A booking through the API, one in the dialog of a page, and one through pages without script, by `web` alone.

    In the dialog it is from the tile to "You're booked": the page was opened before.

    Statements and round trips are counted by a proxy before PostgreSQL (bench/proxy.py), in bookings of their own.
    """
    with counting(scene) as (site, talk):
        counted = Contender(**vars(scene.product) | {"site": site, "acknowledged": set()})
        opened = pages.open_pages(counted, 2 * COUNTED, visitors=2 * COUNTED)
        counts = {
            "API": _count(talk, lambda: counted.load(connections=1, seconds=10, requests=1)),
            "dialog": _count(talk, lambda: pages.book_in_dialogs(counted, [opened.pop()])),
            "pages": _count(talk, lambda: pages.book_through_pages(counted, connections=1, flows=1)),
        }
    scene.product.acknowledged |= counted.acknowledged
    with stage.product(scene.logs, scene.environ, only="web") as site:
        by_itself = Contender(**vars(scene.product) | {"site": site})

        def book(who: Contender) -> Run:
            return who.load(connections=1, seconds=10, requests=BOOKINGS)

        def in_dialogs() -> Run:
            return pages.book_in_dialogs(by_itself, pages.open_pages(by_itself, FLOWS, visitors=FLOWS))

        def through_pages() -> Run:
            return pages.book_through_pages(by_itself, connections=1, seconds=20, flows=FLOWS)

        scene.product.site.pause()
        try:
            api = in_turns(
                {
                    "product": (site, lambda: book(by_itself)),
                    "Express": (scene.express.site, lambda: book(scene.express)),
                },
                most=60,
            )
            dialog = in_turns({"product": (site, in_dialogs)}, most=40)
            through = in_turns({"product": (site, through_pages)}, most=40)
        finally:
            scene.product.site.resume()
    for runs, kind in ((api["product"], "API"), (dialog["product"], "dialog"), (through["product"], "pages")):
        for run in runs:
            run["facts"] = counts[kind] | {CPU: 1000 * (run["cpu"] + run["postgres"]) / run["done"]}
    goals = {"statements": 16.0, "round trips": 20.0, CPU: 30.0}
    return [
        Comparison("one booking after the other, through the API", "bookings", api),
        Comparison("one booking after the other, in the dialog of a page", "bookings", dialog, fact_goals=goals),
        Comparison("one booking after the other, through pages without script", "bookings", through, fact_goals=goals),
    ]


@contextlib.contextmanager
def counting(scene: Scene) -> Iterator[tuple[stage.Site, proxy.Talk]]:
    """A `web` of one process with a proxy before its database, and what the proxy hears."""
    upstream = Path(stage.pg(scene.product.database_url)["PGHOST"])
    with tempfile.TemporaryDirectory(prefix="eb-") as folder, proxy.listening(Path(folder), upstream) as talk:
        address = f"postgresql://expertbook@:5432/expertbook?host={quote(folder, safe='')}"
        # What one process looks up when it meets something for the first time, another would do later.
        environ = scene.environ | {"DATABASE_URL": address, "WEB_CONCURRENCY": "1", "WEB_THREADS": "1"}
        with stage.product(scene.logs, environ, only="web") as site:
            yield site, talk


def _count(talk: proxy.Talk, book: Callable[[], Run]) -> dict[str, float]:
    """Statements and round trips of one booking: the medians of some, after some that are not counted."""
    found = []
    for _ in range(2 * COUNTED):
        talk.clear()
        run = book()
        assert run["done"] == 1, run
        found.append((len(talk.statements), talk.round_trips))
    statements, round_trips = (statistics.median(numbers) for numbers in zip(*found[COUNTED:], strict=True))
    return {"statements": statements, "round trips": round_trips}
