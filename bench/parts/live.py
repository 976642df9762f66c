"""Pages that are connected: a change to all of them, all of them again at once, and what they cost while idle."""

import gc
import http.client
import json
import os
import tempfile
import time
from collections import Counter
from pathlib import Path
from urllib.parse import quote

from django.core import signing

from bench import proxy, stage
from bench.contenders import in_turns, new_people
from bench.load.crowd import Crowd, Page, text_frame
from bench.report import Comparison, Run
from bench.scene import Scene

PEER = "websockets"
EXPERTS = 20  # that those who come again look at
SPREAD = 4.0  # seconds over which pages dial again, as static/js/live.js has them
KEEP = float(os.environ.get("KEEP") or 20)  # seconds that all sockets are watched
OWN_PAGES, OWN_SECONDS = 1000, 10.0


def live(scene: Scene) -> list[Comparison]:
    """One change to 1,000 and to 5,000 pages, and the same bytes from a bare server; all 5,000 again; idle pages.

    A change is a booking through the API; its time counts from the answer, by when it is committed.
    """
    stage.allow_many_connections()
    gc.freeze()  # the client's own pauses would be measured, too
    found = []
    with stage.websockets_peer(scene.logs) as peer:
        for count in (1000, 5000):
            found.append(_broadcast(scene, peer, count))
    found.append(_again(scene))
    found.append(_own_pages(scene))
    return found


def _broadcast(scene: Scene, peer: stage.Site, count: int) -> Comparison:
    ours, theirs = Crowd(scene.product.site.ports["live"]), Crowd(peer.port)
    day = Day(scene)
    ours.dial(day.pages(count))
    theirs.dial([Page("/") for _ in range(count)])
    ours.stay(1)

    def product() -> Run:
        ours.stay(0.3)  # a sign of life may have been due while it stood still
        answered: list[float] = []
        heard = ours.hear(lambda: answered.append(day.book()))
        return _told(heard, answered[0], count)

    def bare() -> Run:
        link, message = theirs.pages[0].link, text_frame(ours.pages[0].text)
        assert link is not None
        said: list[float] = []

        def say() -> None:
            said.append(time.perf_counter())
            link.send(message)

        return _told(theirs.hear(say), said[0], count)

    runs = in_turns({"product": (scene.product.site, product), PEER: (peer, bare)}, most=15)
    ours.drop()
    theirs.drop()
    return Comparison(f"one change to {count:,} pages", "pages", runs, goals={PEER: 0.5})


def _told(heard: list[float], since: float, count: int) -> Run:
    if not heard:
        raise RuntimeError("no page heard of the change")
    spans = [max(at - since, 0) * 1000 for at in heard]
    facts = {"ms to the first": spans[0], "to the middle": spans[len(spans) // 2], "to the last": spans[-1]}
    return {"rate": len(spans) / (spans[-1] / 1000), "done": len(spans), "errors": count - len(spans), "facts": facts}


def _again(scene: Scene, count: int = 5000) -> Comparison:
    """All come to a new `live`, go and come again over SPREAD seconds; every second one has been there before."""
    days = [Day(scene) for _ in range(EXPERTS)]
    pages = [page for n in range(count // EXPERTS) for day in days for page in day.pages(1, has_cookie=bool(n % 2))]
    with stage.product(scene.logs, scene.environ, only="live") as site:
        crowd = Crowd(site.ports["live"])
        crowd.dial([Page(days[0].path, _headers(new_people(1)))])  # what is made once is not a page's
        before = site.unshared("live")
        crowd.dial(pages, spread=SPREAD)
        crowd.stay(1)
        memory = (site.unshared("live") - before) / max(crowd.kept, 1)
        quiet = scene.product.load(connections=2, seconds=2)
        crowd.drop()
        cpu = site.cpu()
        with scene.product.beside(connections=2, seconds=90) as others:
            seconds = crowd.dial([Page(page.path, page.headers) for page in pages], spread=SPREAD)
        cpu = site.cpu() - cpu
        shown = sorted(page.painted - page.dialled for page in crowd.pages if page.painted)
        crowd.stay(KEEP)
        if lost := Counter(page.closed_by for page in crowd.pages if page.link is None):
            scene.note(f"lost: {dict(lost)}")
        kept = crowd.kept
        crowd.drop()
    facts = {
        AGAIN: seconds,
        "s until a page shows something, p50": shown[len(shown) // 2],
        PAINT: shown[-1],
        MEANWHILE: others["p99"] / quiet["p99"],
        "others' bookings that failed": others["errors"],
        "CPU ms of live for one that comes": cpu * 1000 / count,
        MEMORY: memory / 1024,
        KEPT: kept,
        LOST: count - kept,
    }
    run = {"rate": len(shown) / seconds, "done": len(shown), "errors": count - len(shown), "facts": facts}
    goals = {AGAIN: 6.0, PAINT: 2.0, MEANWHILE: 2.0, MEMORY: 30.0, LOST: 0.0}
    return Comparison(f"{count:,} pages again at once", "pages", {"product": [run]}, fact_goals=goals)


AGAIN = "s until all show something"
PAINT = "s until a page shows something, most"
MEANWHILE = "p99 of others' bookings, meanwhile ÷ before"
MEMORY = "KiB of memory a page"
KEPT, LOST = f"open after {KEEP:.0f} s", f"lost within {KEEP:.0f} s"


def _own_pages(scene: Scene) -> Comparison:
    """What `live` asks while many look at My bookings and nothing happens, counted by a proxy before PostgreSQL."""
    upstream = Path(stage.pg(scene.product.database_url)["PGHOST"])
    with tempfile.TemporaryDirectory(prefix="eb-") as folder, proxy.listening(Path(folder), upstream) as talk:
        address = f"postgresql://expertbook@:5432/expertbook?host={quote(folder, safe='')}"
        with stage.product(scene.logs, scene.environ | {"DATABASE_URL": address}, only="live") as site:
            crowd = Crowd(site.ports["live"])
            first = new_people(OWN_PAGES)
            pages = [Page("/ws/bookings/", _headers(first + n, has_cookie=True)) for n in range(OWN_PAGES)]
            crowd.dial(pages, spread=1)
            crowd.stay(1)
            talk.clear()
            before = site.cpu()
            crowd.stay(OWN_SECONDS)
            asked, cpu = len(talk.statements), site.cpu() - before
            kept = crowd.kept
            crowd.drop()
    facts = {CHECKS: asked / (OWN_SECONDS / 2.5), "% of a processor": 100 * cpu / OWN_SECONDS}
    run = {"rate": asked / OWN_SECONDS, "done": asked, "errors": OWN_PAGES - kept, "facts": facts}
    work = f"{OWN_PAGES:,} pages of My bookings, idle"
    return Comparison(work, "statements", {"product": [run]}, fact_goals={CHECKS: 1.0})


CHECKS = "statements every 2.5 s"


class Day:
    """A day of an expert: the pages that show it, and a slot with seats enough to be booked again and again."""

    def __init__(self, scene: Scene) -> None:
        self._contender = scene.product
        self._slots = scene.product.slots.take_one(1000)
        [found] = scene.product.slots.shown_by(*self._slots)
        self.path = f"/ws/experts/{found['slug']}/?day={found['day']}"

    def pages(self, count: int, *, has_cookie: bool = False) -> list[Page]:
        """As many pages, each of another browser behind another address."""
        first = new_people(count)
        return [Page(self.path, _headers(first + n, has_cookie=has_cookie)) for n in range(count)]

    def book(self) -> float:
        """Book a seat. Returns when the answer had come."""
        number = new_people(1)
        details = json.dumps({"name": "Lena Fischer", "email": f"p{number}@example.com"})
        headers = {"Content-Type": "application/json", "X-Forwarded-For": _address(number)}
        connection = http.client.HTTPConnection("127.0.0.1", self._contender.site.port, timeout=20)
        connection.request("POST", self._contender.path.format(slot=self._slots[0]), details, headers)
        with connection.getresponse() as response:
            answered, found = time.perf_counter(), json.load(response)
        connection.close()
        self._contender.acknowledged.add(found["reference"])
        return answered


def _headers(number: int, *, has_cookie: bool = False) -> str:
    address = f"X-Forwarded-For: {_address(number)}\r\n"
    if not has_cookie:
        return address
    identity = signing.TimestampSigner(salt="bookings.visitor").sign(f"{number:032x}")
    return f"{address}Cookie: visitor={identity}\r\n"


def _address(number: int) -> str:
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
