"""People who book through a cluster without pause, and a ledger of what they were told."""

import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import psycopg

from bookingsite.devserver.processes import wait_until
from tests.http import ask

PATIENCE = 60  # seconds in which somebody sends the same booking again and again


@dataclass(frozen=True)
class Acknowledged:
    """A booking that somebody was told of, at an instant of time.monotonic()."""

    at: float
    slot_id: int
    reference: str


def longest_gap(times: Iterable[float], start: float, end: float) -> float:
    """The longest stretch between ``start`` and ``end`` in which none of ``times`` lies."""
    inside = [start, *sorted(at for at in times if start <= at <= end), end]
    return max(after - before for before, after in itertools.pairwise(inside))


class Ledger:
    """Books one slot after the other through ``port``, as ``people`` at once, from ``start`` to ``stop``.

    Whoever gets no booking (an error, no connection, "busy") sends the same again, with the same idempotency key. Each
    also looks at a list in between.
    """

    def __init__(self, port: int, slots: list[int], *, people: int = 6):
        self.acknowledged: list[Acknowledged] = []
        self.refused: Counter[str] = Counter()  # what was not a booking, and asked again
        self.looks: Counter[int | str] = Counter()  # what came of looking at lists
        self.given_up: list[str] = []
        self._port, self._slots = port, iter(slots)
        self._lock, self._over = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._book_and_look, args=[n], daemon=True) for n in range(people)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE + 30)
            assert not thread.is_alive(), "somebody still waits for an answer"

    def wait_for(self, count: int, *, seconds: float = PATIENCE) -> None:
        """Wait until so many more are booked."""
        wanted = len(self.acknowledged) + count
        assert wait_until(lambda: len(self.acknowledged) >= wanted, seconds=seconds), f"no bookings: {self.refused}"

    def longest_gap(self, start: float, end: float) -> float:
        """The longest time without a booking, of those that touch the stretch from ``start`` to ``end``."""
        return longest_gap((one.at for one in self.acknowledged), start, end)

    def missing(self, database_url: str) -> list[str]:
        """What is wrong in the database: bookings that are lost, there twice, or too many for their slots."""
        with psycopg.connect(database_url) as connection:
            found = connection.execute("SELECT slot_id, reference FROM bookings_booking WHERE status = 'CONFIRMED'")
            there = Counter(found.fetchall())
            [(overbooked,)] = connection.execute(
                "SELECT count(*) FROM experts_slot WHERE seats_booked + seats_held > capacity"
            ).fetchall()
        told = {(one.slot_id, one.reference) for one in self.acknowledged}
        wrong = [f"lost: {reference} of slot {slot_id}" for slot_id, reference in told - set(there)]
        per_slot = Counter(slot_id for slot_id, _reference in there.elements())
        wrong += [f"booked {count} times: slot {slot_id}" for slot_id, count in per_slot.items() if count > 1]
        return wrong + ([f"{overbooked} slots are overbooked"] if overbooked else []) + self.given_up

    def _book_and_look(self, number: int) -> None:
        for turn in itertools.count():
            with self._lock:
                slot_id = next(self._slots, None)
            if slot_id is None or self._over.is_set():
                return
            self._book(slot_id, f"198.51.{number}.{turn % 250}")
            if turn % 4 == 0:
                self.looks[ask(self._port, "GET", "/api/v1/experts?page=2").status] += 1

    def _book(self, slot_id: int, address: str) -> None:
        who = json.dumps({"name": "Lena", "email": f"lena{slot_id}@example.com"})
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": f"ledger-{slot_id}",
            "X-Forwarded-For": address,
        }
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            told = ask(self._port, "POST", f"/api/v1/slots/{slot_id}/book", who, headers)
            if told.status == 201:
                self.acknowledged.append(Acknowledged(time.monotonic(), slot_id, json.loads(told.body)["reference"]))
                return
            self.refused[str(told.status)] += 1
            self._over.wait(0.05)
        self.given_up.append(f"given up: slot {slot_id}, at last {told.status}")
