"""What a crowd of requests that want the same at one moment share: one read, and few connections."""

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from django.db import connection

Answer = TypeVar("Answer")


class SharedRead(Generic[Answer]):
    """Lets those who ask the same question while it is being answered have that answer.

    It is as old as it took to read; nothing is kept. An answer is shared between threads: do not change it.
    """

    def __init__(self, read: Callable[..., Answer]) -> None:
        self._read = read
        self._running: dict[Hashable, _Run[Answer]] = {}
        self._lock = threading.Lock()

    def __call__(self, *question: Hashable) -> Answer:
        """Return what ``read(*question)`` returns, or raise what it raises."""
        if connection.in_atomic_block:
            return self._read(*question)  # sees what this transaction has written, and others have not
        with self._lock:
            run = self._running.get(question)
            is_first = run is None
            if run is None:
                run = self._running[question] = _Run()
            else:
                run.waiting += 1
        if not is_first:
            release_connection()
            run.is_over.wait()
            # If it failed, each finds out for itself what is wrong.
            return run.answers[0] if run.answers else self._read(*question)
        try:
            run.answers.append(self._read(*question))
        finally:
            with self._lock:
                del self._running[question]
            run.is_over.set()
        return run.answers[0]

    def waiting(self) -> int:
        """How many wait for the answer to the question of another."""
        with self._lock:
            return sum(run.waiting for run in self._running.values())


class _Run(Generic[Answer]):
    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.waiting = 0
        self.is_over = threading.Event()


def release_connection() -> None:
    """Give this thread's database connection back to the pool before it waits for another thread.

    That one may need a connection, and must not find all of them with those who wait. Nothing without a pool.
    """
    is_pooled = bool(connection.settings_dict["OPTIONS"].get("pool"))
    if is_pooled and connection.connection is not None and not connection.in_atomic_block:
        connection.close()
