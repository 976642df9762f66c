"""What a crowd of requests that want the same at one moment share: one read, and few connections."""

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from django.db import OperationalError, connection
from psycopg import errors

from experts import arrivals
from experts.waiting import Event, current_visit, in_thread

Answer = TypeVar("Answer")
_TOO_SLOW = (errors.LockNotAvailable, errors.QueryCanceled)


class SharedRead(Generic[Answer]):
    """Lets those who ask the same question while it is being answered have that answer.

    It may have begun to be read before they asked: take it where that does no harm, as nobody waits for more than one
    reading. Nothing is kept. An answer is shared between threads: do not change it.
    """

    def __init__(self, read: Callable[..., Answer]) -> None:
        self._read = read
        self._running: dict[Hashable, _Run[Answer]] = {}
        self._lock = threading.Lock()

    def __call__(self, *question: Hashable) -> Answer:
        """Return what ``read(*question)`` returns, or raise what it raises."""
        read = partial(self._read, *question)
        if connection.in_atomic_block:
            return in_thread(read)  # sees what this transaction has written, and others have not
        with self._lock:
            run = self._running.get(question)
            is_first = run is None
            if run is None:
                run = self._running[question] = _Run()
            else:
                run.waiting += 1
        if not is_first:
            with waiting_for_others():
                run.is_over.wait()
            # If it failed, each finds out for itself what is wrong.
            return run.answers[0] if run.answers else in_thread(read)
        try:
            run.answers.append(in_thread(read))
        finally:
            with self._lock:
                del self._running[question]
            run.is_over.set()
        return run.answers[0]

    def waiting(self) -> int:
        """How many wait for the answer to the question of another."""
        with self._lock:
            return sum(run.waiting for run in self._running.values())


class FreshReads(Generic[Answer]):
    """Lets those who ask the same question while it is being answered share the answer to the next reading.

    What is read for somebody begins to be read after they asked, as if they were alone: so whoever has just changed
    something sees it, and nobody is shown what was over before they came. Take it for what people may just have changed
    themselves, though they may wait for two readings. Who asks alone reads at once.
    An answer is shared between threads: do not change it.
    """

    def __init__(self) -> None:
        self._lines: dict[Hashable, _Line[Answer]] = {}
        self._lock = threading.Lock()

    def get(self, question: Hashable, read: Callable[[], Answer]) -> Answer:
        """Return what ``read`` returns, or the same of somebody else who asked at the same moment; or raise its error.

        Two who ask the same question must get the same from ``read``, whoever runs it.
        """
        if connection.in_atomic_block:
            return in_thread(read)  # sees what this transaction has written, and others have not
        mine, before, following = _Run[Answer](), None, None
        with self._lock:
            line = self._lines.get(question)
            if line is None:
                self._lines[question] = _Line(mine)
            elif line.following is None:
                before, line.following = line.running, mine
            else:
                line.following.waiting += 1
                following = line.following
        if following is not None:
            with waiting_for_others():
                following.is_over.wait()
            if following.was_too_slow is not None:  # they have waited for as long as anybody may
                raise OperationalError(*following.was_too_slow.args) from following.was_too_slow.__cause__
            # If it failed otherwise, each finds out for itself what is wrong.
            return following.answers[0] if following.answers else in_thread(read)
        if before is not None:
            with waiting_for_others():
                before.is_over.wait()
            with self._lock:
                # From here on others wait for what is read after this.
                self._lines[question] = _Line(mine)
        try:
            mine.answers.append(in_thread(read))
        except OperationalError as error:
            if isinstance(error.__cause__, _TOO_SLOW):
                mine.was_too_slow = error
            raise
        finally:
            with self._lock:
                if self._lines[question].following is None:
                    del self._lines[question]
            mine.is_over.set()
        return mine.answers[0]

    def waiting(self) -> int:
        """How many wait for what another will read."""
        with self._lock:
            return sum(line.following.waiting for line in self._lines.values() if line.following)


@dataclass
class _Line(Generic[Answer]):
    """Who reads, and who will when that is over, with all who came meanwhile."""

    running: "_Run[Answer]"
    following: "_Run[Answer] | None" = None


class _Run(Generic[Answer]):
    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.waiting = 0
        self.is_over = Event()
        self.was_too_slow: OperationalError | None = None  # of PostgreSQL's own limits


@contextmanager
def waiting_for_others() -> Iterator[None]:
    """Wait for another thread in the block, and keep nothing from it meanwhile that it may need."""
    if current_visit() is not None:  # it has neither a connection nor a thread's place
        yield
        return
    _release_connection()
    with arrivals.place_lent():
        yield


def _release_connection() -> None:
    """Give this thread's database connection back to the pool, or all of them may be with those who wait."""
    is_pooled = bool(connection.settings_dict["OPTIONS"].get("pool"))
    if is_pooled and connection.connection is not None and not connection.in_atomic_block:
        connection.close()
