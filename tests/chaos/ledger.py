"""What people were told during a chaos run, to be compared with the database afterwards."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Promise:
    """How a booking stands by the last answer that somebody got about it."""

    status: str
    slot_id: int
    email: str


@dataclass
class Ledger:
    """``booked`` has the instants (time.monotonic()) of acknowledged bookings; ``answers`` what came of all requests.

    ``unanswered``: addresses of bookings that were asked for and never answered, so that they may be there or not.
    ``waiting``: who was told to be in line, by address and slot; ``wrong`` is what no fault excuses.
    """

    promises: dict[str, Promise] = field(default_factory=dict)
    unanswered: set[str] = field(default_factory=set)
    waiting: set[tuple[str, int]] = field(default_factory=set)
    booked: list[float] = field(default_factory=list)
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self):
        self._lock = threading.Lock()

    def note(self, what: str, status: int | str) -> None:
        with self._lock:
            self.answers[what, str(status)] += 1

    def acknowledge(self, reference: str, promise: Promise) -> None:
        with self._lock:
            self.booked.append(time.monotonic())
            self.promises[reference] = promise

    def requests(self) -> int:
        return sum(self.answers.values())

    def by_status(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for (_what, status), count in self.answers.items():
            found[status] += count
        return found
