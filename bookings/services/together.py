"""Let requests that arrive together be written together: one transaction, one set of statements for all of them.

The first to come writes. Those that come while it does so wait in line; when it is done, the first of them writes for
all that wait. So alone a request is a batch of one, written by its own thread at once, and the more come the more share
the cost of a transaction (docs/decisions/0021-written-together.md). No thread and no timer are needed for that.
"""

import threading
from collections import deque
from collections.abc import Callable, Hashable
from functools import partial
from typing import Generic, Protocol, TypeVar

import pghistory

from experts import history
from experts.crowds import waiting_for_others
from experts.waiting import News, hand_over

MOST_TOGETHER = 64  # so that nobody waits long for others, and a batch that fails costs little to repeat

Answer = TypeVar("Answer")


class Request(Generic[Answer]):
    """A request in line, about one slot. It waits in its own thread or visit until it is settled or asked to write."""

    def __init__(self, slot_id: int) -> None:
        self.slot_id = slot_id
        self._hand_over = hand_over()  # of a visit
        self.has_waited = False  # for others: what its caller had read before is old by now
        self._outcome: Callable[[], Answer] | None = None
        # What to do; None when the outcome is there. An Event and a place for the task would take longer to wake.
        self._news: News[Callable[[], None] | None] = News()

    @property
    def is_settled(self) -> bool:
        return self._outcome is not None

    def settle(self, outcome: Callable[[], Answer]) -> None:
        """End the wait. ``outcome`` returns the answer or raises; it is called in the request's own thread."""
        self._outcome = outcome
        self._news.put(None)

    def fail(self, error: Exception) -> None:
        """End the wait with an error."""

        def outcome() -> Answer:
            raise error

        self.settle(outcome)

    def ask(self, task: Callable[[], None]) -> None:
        """Have something done in the request's own thread, which settles it or makes it wait again.

        For a visit any thread does it, at once: those of a crowd get their turn late, and others may depend on it.
        """
        if self._hand_over is None:
            self._news.put(task)
        else:
            self._hand_over(partial(history.carry_out, task))

    def wait(self) -> Answer:
        """Do what the request is asked to do until it is settled. Returns its answer or raises."""
        while self._outcome is None:
            if self._news.empty():
                with waiting_for_others():
                    task = self._news.get()
            else:
                task = self._news.get()
            if task is not None:
                task()
        return self._outcome()


Requests = TypeVar("Requests", bound=Request)  # type: ignore[type-arg]  # whatever they are answered


class Write(Protocol[Requests]):
    def __call__(self, requests: list[Requests], *, wait: bool) -> list[Requests]:
        """Write and settle the requests, in one transaction, in their order.

        Returns those that are still to be written: because somebody else has locked their slot, which is waited for
        only with ``wait``, or because they depend on another one of the batch. What it raises settles nobody.
        """


class Gate(Generic[Requests]):
    """Lines of requests, each of which writes one batch after the other.

    A slot that somebody has locked must not keep others waiting: the general line passes it over, and those who want it
    go on in a line of their own, which waits for the lock and exists as long as anybody stands in it.
    """

    def __init__(self, write: Write[Requests]) -> None:
        self._write = write
        # Who waits while a batch of the line is being written. Keys: the group, and the slot of a line of its own.
        self._lines: dict[tuple[Hashable, int | None], deque[Requests]] = {}
        self._lock = threading.Lock()

    def enter(self, request: Requests, *, group: Hashable) -> None:
        """Put the request in line; call its ``wait`` then. Only requests of one ``group`` are written together."""
        own = group, request.slot_id
        with self._lock:
            self._join(own if own in self._lines else (group, None), request)

    def waiting(self) -> int:
        """How many wait while others are being written."""
        with self._lock:
            return sum(map(len, self._lines.values()))

    def _join(self, key: tuple[Hashable, int | None], request: Requests) -> None:
        line = self._lines.get(key)
        if line is None:
            self._lines[key] = deque()
            request.ask(partial(self._lead, key, [request]))
        else:
            request.has_waited = True
            line.append(request)

    def _lead(self, key: tuple[Hashable, int | None], batch: list[Requests]) -> None:
        group, slot_id = key
        left: list[Requests] = []
        try:
            left = self._write(batch, wait=slot_id is not None)
        except BaseException as error:
            # Whatever is wrong with one of them must not fail the others: each by itself, in its own thread.
            unsettled = [request for request in batch if not request.is_settled]
            for request in unsettled:
                if len(batch) == 1 and isinstance(error, Exception):
                    request.fail(error)
                else:
                    request.ask(partial(self.write_alone, request))
            if not isinstance(error, Exception):
                raise  # this thread is to end; the others go on
        finally:
            with self._lock:
                for request in left:
                    self._join((group, request.slot_id), request)
                self._hand_on(key)

    def _hand_on(self, key: tuple[Hashable, int | None]) -> None:
        line = self._lines[key]
        batch = [line.popleft() for _ in range(min(len(line), MOST_TOGETHER))]
        if batch:
            batch[0].ask(partial(self._lead, key, batch))
        else:
            del self._lines[key]

    def write_alone(self, request: Requests) -> None:
        """Write a request by itself, and tell it; in its own thread."""
        try:
            write_alone(self._write, request)
        except Exception as error:
            request.fail(error)


def history_group() -> frozenset[tuple[str, str]]:
    """What the history says of changes made now: requests for which it is the same can share a transaction."""
    with pghistory.context() as context:
        return frozenset((name, repr(value)) for name, value in context.metadata.items())


def write_alone(write: Write[Requests], request: Requests) -> None:
    """Write a request by itself, now."""
    left = write([request], wait=True)
    assert not left, "a request alone waits for its slot and depends on nobody"
