"""Bookings through pages, without a browser: holds alone, the whole flow, and against django-appointment."""

from collections.abc import Callable
from typing import Any

from bench import stage
from bench.contenders import SECONDS, Contender, in_turns, new_people
from bench.report import Comparison, Run
from bench.scene import Scene

AT_A_TIME = 8  # visitors who go through pages
VISITORS = 240  # of a run of holds, which ends by the clock like one of bookings; each may hold two seats


def holds(scene: Scene) -> list[Comparison]:
    """Seats held a second by visitors who have an expert's page open, against bookings through the API."""
    runs = in_turns(
        {
            "holds": (scene.product.site, lambda: _without_mails(scene, lambda: _hold(scene.product))),
            "bookings through the API": (scene.product.site, lambda: scene.product.load(connections=32)),
        },
        most=100,
    )
    return [Comparison("seats held, 32 visitors at a time", "", runs, goals={"bookings through the API": 0.5})]


def _without_mails(scene: Scene, run: Callable[[], Run]) -> Run:
    """Run after the mails of what was booked before have left: they are no work of this."""
    scene.let_mails_leave()
    return run()


def _hold(who: Contender) -> Run:
    items = open_pages(who, 2 * VISITORS, visitors=VISITORS)  # neighbours in the list have different experts
    return _browse(who, flow="hold", connections=32, seconds=SECONDS, items=items, start=new_people(4 * VISITORS))


def open_pages(who: Contender, count: int, *, visitors: int) -> list[dict[str, Any]]:
    """Open pages with tiles, by so many visitors. Returns what it takes to press ``count`` tiles, by each in turns."""
    items, start = who.slots.pages(count), new_people(2 * visitors)
    order = {"connections": 32, "seconds": 60, "items": items[:visitors], "start": start}
    opened = stage.browse(port=who.site.port, flow="visit", **order)["made"]
    return [item | opened[number % len(opened)] for number, item in enumerate(items)]


def html(scene: Scene) -> list[Comparison]:
    """From the tile to the last page, as visitors go."""
    runs = in_turns({"product": (scene.product.site, lambda: book_through_pages(scene.product))}, most=40)
    return [Comparison(f"whole flow through pages, {AT_A_TIME} visitors at a time", "bookings", runs)]


def book_through_pages(
    who: Contender, *, connections: int = AT_A_TIME, seconds: float = SECONDS, flows: int = int(SECONDS * 300)
) -> Run:
    """Book through pages for a while, at most so many times. Returns how many a second came to their end."""
    return _book(who, "book", connections=connections, seconds=seconds, items=who.slots.pages(flows))


def book_in_dialogs(who: Contender, items: list[dict[str, Any]]) -> Run:
    """Book in the dialogs of pages that are open already (``open_pages``), one after the other."""
    return _book(who, "dialog", connections=1, seconds=20, items=items)


def _book(who: Contender, flow: str, **order: Any) -> Run:
    found = _browse(who, flow=flow, start=new_people(2 * len(order["items"])), **order)
    who.acknowledged |= set(found.pop("made"))
    return found


def _browse(who: Contender, **order: Any) -> Run:
    with stage.cpu_of(who.database_url, who.site) as cost:
        found = stage.browse(port=who.site.port, **order)
    done, wrong = found["flows"], sum(found["errors"].values())
    if not done:
        raise RuntimeError(f"{who.name}: nobody came through: {found['errors']}")
    return found | cost | {"rate": done / found["seconds"], "done": done, "errors": wrong, "what": found["errors"]}


def django_appointment(scene: Scene) -> list[Comparison]:
    """Bookings through django-appointment's forms, by clients who are logged in, against those of the product.

    Both ways of the product: the forms of its pages, and its API, which django-appointment has none of. Last, two
    clients who have both seen a time free ask for it.
    """
    with scene.django_appointment() as (peer, items):

        def run() -> Run:
            few = [items.pop() for _ in range(min(len(items), int(SECONDS * 100)))]
            order = {"flow": "appointment", "connections": AT_A_TIME, "seconds": SECONDS, "items": few}
            found = _browse(peer, **order, start=new_people(2 * len(few)))
            peer.acknowledged |= set(found.pop("made"))
            return found

        goals = {NAME: 30.0}
        through = {
            "product, API": (scene.product.site, lambda: scene.product.load(connections=32)),
            "product, pages": (
                scene.product.site,
                lambda: _without_mails(scene, lambda: book_through_pages(scene.product)),
            ),
            NAME: (peer.site, run),
        }
        runs = in_turns(through, most=100)
        one, other = items.pop(), items.pop()
        order = {"connections": 1, "seconds": 1, "items": [one | {"other": other["cookies"]}], "start": new_people(2)}
        twice = stage.browse(port=peer.site.port, flow="appointmentTwice", **order)
        for each in runs[NAME]:
            each["facts"] = {"who got one and the same time, of two who asked": twice["made"][0]}
        scene.note(peer.check())
        compared = Comparison("bookings, product through the API", "bookings", runs, goals=goals)
        pages = {name: [run | {"facts": {}} for run in runs[name]] for name in ("product, pages", NAME)}
        return [compared, Comparison("bookings, both through their pages", "bookings", pages)]


NAME = "django-appointment"
