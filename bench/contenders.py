"""Those who are measured, and how they take turns."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg

from bench import data, stage
from bench.report import Run

RUNS = int(os.environ.get("RUNS") or 7)
SECONDS = float(os.environ.get("SECONDS") or 2)  # of a run
LATEST = time.monotonic() + 13 * 60  # after which each comparison makes one run: all parts take 15 minutes at most
QUICKEST = 2000  # bookings a second that the slots have to last for


@dataclass
class Contender:
    """Somebody who is measured: where it listens, what it books, and how its database is asked what it booked."""

    name: str
    site: stage.Site
    path: str  # where a slot is booked
    slots: data.Slots
    booked: str  # SQL: how many bookings occupy a seat, and the greatest excess of seats in a slot
    references: str  # SQL: the references of all bookings
    acknowledged: set[str] = field(default_factory=set)

    @property
    def database_url(self) -> str:
        return self.slots.database_url

    def load(self, *, seconds: float = SECONDS, **order: Any) -> Run:
        """Book other slots with each request for a while. Returns how many bookings a second were acknowledged."""
        slots = self.slots.take(int(seconds * QUICKEST) + 100)
        with stage.cpu_of(self.database_url, self.site) as cost:
            found = self._send(stage.load, seconds=seconds, slots=slots, **order)
        self.slots.give_back_after(slots[0] + found["sent"])
        booked = found["statuses"].get("201", 0)
        if not booked:
            raise RuntimeError(f"{self.name}: nothing was booked: {found}")
        return found | cost | {"rate": booked / found["seconds"], "done": booked, "errors": _errors(found, "201")}

    def crowd(self, *, seats: int, **order: Any) -> Run:
        """Have all want one slot. Returns how many answers a second came. Ends the bench if the slot is overbooked."""
        slots = self.slots.take_one(seats)
        with stage.cpu_of(self.database_url, self.site) as cost:
            found = self._send(stage.load, slots=slots, **order)
        booked = found["statuses"].get("201", 0)
        if booked > seats:
            sys.exit(f"{self.name}: {booked} bookings of {seats} seats were acknowledged")
        # Too few are an error, too; those who were never answered are counted already.
        errors = _errors(found, "201", "409") + (seats - booked)
        rate = found["answers"] / found["seconds"]
        return found | cost | {"rate": rate, "done": found["answers"], "errors": errors, "slot": slots[0]}

    def look(self, addresses: list[str], *, connections: int, seconds: float = SECONDS) -> Run:
        """Ask for addresses in turns for a while. Returns how many answers a second came."""
        order = {"port": self.site.port, "looks": addresses, "start": new_people(int(seconds * QUICKEST))}
        with stage.cpu_of(self.database_url, self.site) as cost:
            found = stage.load(connections=connections, seconds=seconds, **order)
        answers = found["statuses"].get("200", 0)
        if not answers:
            raise RuntimeError(f"{self.name}: nothing was shown: {found}")
        return found | cost | {"rate": answers / found["seconds"], "done": answers, "errors": _errors(found, "200")}

    @contextlib.contextmanager
    def beside(self, *, seconds: float, **order: Any) -> Iterator[Run]:
        """As ``load`` for as long as the block lasts, at most so many seconds; what came of it is there afterwards."""
        slots = self.slots.take(int(seconds * 500))
        order |= {"port": self.site.port, "path": self.path, "slots": slots, "start": new_people(slots[1])}
        with stage.beside(seconds=seconds, **order) as found:
            yield found
        self.slots.give_back_after(slots[0] + found["sent"])
        self.acknowledged |= set(found.pop("references"))
        found["errors"] = _errors(found, "201")

    def _send(self, send: Callable[..., Run], **order: Any) -> Run:
        start = new_people(order.get("requests") or int(order["seconds"] * QUICKEST))
        found = send(port=self.site.port, path=self.path, start=start, **order)
        self.acknowledged |= set(found.pop("references"))
        return found

    def check(self) -> str:
        """Nothing overbooked, and no acknowledged booking missing: else the bench ends. Returns what was found."""
        with psycopg.connect(self.database_url) as connection:
            [(booked, excess)] = connection.execute(self.booked).fetchall()
            stored = {str(row[0]) for row in connection.execute(self.references)}
        if excess and excess > 0:
            sys.exit(f"{self.name}: a slot is overbooked")
        if missing := self.acknowledged - stored:
            sys.exit(f"{self.name}: {len(missing)} acknowledged bookings are missing, such as {missing.pop()}")
        return (
            f"{self.name}: {booked or 0} bookings, {len(self.acknowledged)} acknowledged and none of them missing, "
            "nothing overbooked"
        )


def _errors(found: Run, *expected: str) -> int:
    """Connections that failed, clients who were not answered, and answers other than those expected."""
    answered = sum(count for status, count in found["statuses"].items() if status not in expected)
    return answered + max(found["errors"], found["sent"] - found["answers"])


_people = 1


def new_people(count: int) -> int:
    """The first of as many numbers that no e-mail and address was made from yet; after 16 million they come again."""
    global _people
    first, _people = _people, (_people + count) % (1 << 24)
    return first


def in_turns(
    turns: Mapping[str, tuple[stage.Site | None, Callable[[], Run]]], *, most: float, warm: bool = True
) -> dict[str, list[Run]]:
    """Let each run, then each again: whatever slows the machine down for a while slows all of them.

    While one runs, the others' processes stand still. ``most`` seconds may go by before the last pair is begun: on a
    slow machine there are fewer runs than RUNS, and the table says how many. Each first runs once for nothing
    (``warm``).
    """
    sites = {id(site): site for site, _run in turns.values() if site}
    found: dict[str, list[Run]] = {name: [] for name in turns}
    end = min(time.monotonic() + most, LATEST)
    try:
        for number in range(-1 if warm else 0, RUNS):
            if number > 0 and time.monotonic() > end:
                break
            for name, (site, run) in turns.items():
                for other in sites.values():
                    if other is not site:
                        other.pause()
                if site:
                    site.resume()
                stage.settle(site)
                result = run()
                if number >= 0:
                    found[name].append(result)
    finally:
        for site in sites.values():
            site.resume()
    return found
