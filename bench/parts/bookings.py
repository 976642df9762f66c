"""Bookings through the API: of distinct slots, of one contested seat, and by a crowd that comes at once."""

from bench.contenders import SECONDS, Contender, in_turns
from bench.report import Comparison, Run
from bench.scene import Scene
from bench.stage import peaks_of

GIVEN_UP = 45  # seconds after which a crowd goes home


def bookings(scene: Scene) -> list[Comparison]:
    """Bookings a second, each of another slot."""
    found = []
    for connections in (32, 64):

        def run(who: Contender, connections: int = connections) -> Run:
            return who.load(connections=connections)

        turns = scene.turns(run)
        work = f"bookings of distinct slots, {connections} connections"
        found.append(Comparison(work, "bookings", in_turns(turns, most=70), goals={"Express": 1}))
    return found


def contested(scene: Scene) -> list[Comparison]:
    """Answers a second about one seat, of which all but one say that it is taken."""

    def run(who: Contender) -> Run:
        return who.crowd(seats=1, connections=64, seconds=SECONDS)

    found = in_turns(scene.turns(run), most=60)
    return [Comparison("one contested seat, 64 connections", "answers", found, goals={"Express": 1})]


def bursts(scene: Scene) -> list[Comparison]:
    """Thousands who want one slot at the same moment, until all are answered; and those who book other slots then.

    Each client of the crowd connects and asks at once. Where there is one seat, two others keep booking other slots of
    the same contender, before the crowd comes and until all of it is answered.
    """
    found = []
    for clients, most in ((1000, 45), (5000, 65)):
        for seats in (1, 10):

            def run(who: Contender, clients: int = clients, seats: int = seats) -> Run:
                with peaks_of(who.site, who.database_url) as peaks:
                    crowd = who.crowd(seats=seats, requests=clients, crowd=True, limit=GIVEN_UP)
                return crowd | {"facts": _facts(peaks)}

            def run_with_others(who: Contender, clients: int = clients) -> Run:
                quiet = who.load(connections=2, seconds=1)
                with peaks_of(who.site, who.database_url) as peaks, who.beside(connections=2, seconds=60) as others:
                    crowd = who.crowd(seats=1, requests=clients, crowd=True, limit=GIVEN_UP)
                facts = {
                    "p99 of others' bookings before, ms": quiet["p99"],
                    "p99 of others' bookings meanwhile, ms": others["p99"],
                    MEANWHILE: others["p99"] / quiet["p99"],
                    "others' bookings that failed": others["errors"],
                }
                return crowd | {"facts": _facts(peaks) | facts}

            turns = scene.turns(run_with_others if seats == 1 else run, scene.product, scene.express)
            work = f"{clients:,} clients at once, {seats} seat{'s' * (seats > 1)}"
            runs = in_turns(turns, most=most, warm=False)
            found.append(Comparison(work, "answers", runs, {"Express": 1}, {MEANWHILE: 3} if seats == 1 else {}))
    return found


MEANWHILE = "p99 of others' bookings, meanwhile ÷ before"


def _facts(peaks: dict[str, float]) -> dict[str, float]:
    return {"peak memory of web, MB": peaks["memory"], "most database connections": peaks["connections"]}
