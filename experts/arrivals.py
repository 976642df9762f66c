"""When requests came, and what was read since then: a crowd that waited in line shares what one of it has read.

Whoever waited for a thread asked before it was their turn. What began to be read meanwhile is as fresh for them as what
they would read now; only what was read before they came might be over since then, or lack what they have just done.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Generic, Protocol, TypeVar

MOST_KEPT = 64

Answer = TypeVar("Answer")
# When the request that is being answered came, by ``now``; None if it did not have to wait.
_came_at: ContextVar[float | None] = ContextVar("came_at", default=None)
now = time.monotonic


class Place(Protocol):
    """Of a thread among those that answer a crowd."""

    def lend(self) -> None:
        """Let another thread answer somebody of the crowd, while this one waits for others."""

    def take_back(self) -> None:
        """Go on."""


_place: ContextVar[Place | None] = ContextVar("place", default=None)


@contextmanager
def answering(*, came_at: float | None = None, place: Place | None = None) -> Iterator[None]:
    """Answer a request in the block. ``came_at``: since when it has waited for that, by ``now``; None if it has not."""
    tokens = _came_at.set(came_at), _place.set(place)
    try:
        yield
    finally:
        _came_at.reset(tokens[0])
        _place.reset(tokens[1])


@contextmanager
def place_lent() -> Iterator[None]:
    """Lend the place of this thread, if it has one, for as long as the block waits for other threads."""
    place = _place.get()
    if place is None:
        yield
        return
    place.lend()
    try:
        yield
    finally:
        place.take_back()


class ReadSince(Generic[Answer]):
    """What was read last for each of some questions, for those who asked before it was. Used by many threads.

    Take it beside a reading, for those who came earlier and get a thread only when that is over: ``SharedRead`` and
    ``FreshReads`` (experts/crowds.py) are for those who ask while it goes on.

    An answer is shared between threads: do not change it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[float, Answer]] = OrderedDict()

    def keep(self, question: Hashable, began: float, answer: Answer) -> None:
        """Keep what was read; ``began`` is when its reading did, by time.monotonic()."""
        with self._lock:
            kept = self._kept.get(question)
            if kept is None or kept[0] < began:
                self._kept[question] = began, answer
                self._kept.move_to_end(question)
                if len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)

    def get(self, question: Hashable) -> Answer | None:
        """Return what was read since the request that asks came, or None."""
        came_at = _came_at.get()
        if came_at is None:
            return None
        with self._lock:
            kept = self._kept.get(question)
        return kept[1] if kept is not None and kept[0] > came_at else None
