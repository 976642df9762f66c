"""Keep a crowd that wants one thing from taking every thread of a process.

A thousand people who want one slot send a thousand requests that begin with the same line. Answered in the order in
which they came, they have whoever wants another slot wait behind them all. So only a few threads answer requests with
one first line at a time; the others of that line wait, in order, and hold no thread meanwhile.
"""

import re
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from experts import arrivals

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)[ \t]*(?:\r\n|$)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)

FEW = 4  # who want one thing at a moment and are no crowd yet

Connection = TypeVar("Connection")


@dataclass(slots=True)
class _Line(Generic[Connection]):
    """Requests that begin alike: how many threads answer some, how many of them wait for others, and who is next."""

    answering: int = 0
    lent: int = 0
    waiting: deque[tuple[Connection, float]] = field(default_factory=deque)


class FairShare(Generic[Connection]):
    """Who is being answered, and who waits, by the first line of the request. Used by many threads.

    ``most``: threads that may answer one line. ``most_lent``: how many more may, while as many wait for others of their
    crowd: what is written together for many is written once.
    """

    def __init__(self, most: int, most_lent: int = 0) -> None:
        self._most = most
        self._most_lent = most_lent
        self._lock = threading.Lock()
        self._lines: dict[bytes, _Line[Connection]] = {}

    def enter(self, name: bytes, connection: Connection) -> bool:
        """Whether the calling thread may answer now. If not, another is told to, by ``leave`` or ``lend``."""
        came_at = arrivals.now()
        with self._lock:
            line = self._lines.setdefault(name, _Line())
            if line.answering < self._most and not line.waiting:
                line.answering += 1
                return True
            line.waiting.append((connection, came_at))
            return False

    def leave(self, name: bytes) -> tuple[Connection, float] | None:
        """Note that the calling thread has answered. Returns whom it has to answer next, if somebody waits, and since
        when (by ``arrivals.now``).
        """
        with self._lock:
            line = self._lines[name]
            if line.waiting and line.answering <= self._most:
                return line.waiting.popleft()
            line.answering -= 1
            if not line.answering and not line.lent:
                del self._lines[name]
            return None

    def is_crowd(self, name: bytes) -> bool:
        """Whether more than a few want what this line wants."""
        with self._lock:
            line = self._lines.get(name)
            return line is not None and line.answering + len(line.waiting) > FEW

    def lend(self, name: bytes) -> tuple[Connection, float] | None:
        """Note that the calling thread waits for another one. Returns whom a thread has to answer meanwhile, if any."""
        with self._lock:
            line = self._lines[name]
            line.lent += 1
            if line.waiting and line.answering <= self._most and line.lent <= self._most_lent:
                return line.waiting.popleft()
            line.answering -= 1
            return None

    def take_back(self, name: bytes) -> None:
        """Note that the calling thread goes on, be there a place for it or not."""
        with self._lock:
            line = self._lines[name]
            line.lent -= 1
            line.answering += 1


_LOOKS = (b"GET ", b"HEAD ")


def line_of(start: bytes) -> bytes:
    """The first line of a request of which ``start`` is all that has come, if it may be one of a crowd; else empty.

    It is not before all of it has come: whoever sends slowly takes a thread of its own for as long as that lasts, and
    must not take one of a crowd's few. And not where somebody only looks: that is short and mostly shared, and to
    stand in line for it would take as long.
    """
    if start.startswith(_LOOKS):
        return b""
    head, end, body = start.partition(b"\r\n\r\n")
    if not end or _CHUNKED.search(head):
        return b""
    length = _LENGTH.search(head)
    if length and len(body) < int(length[1]):
        return b""
    return head.partition(b"\r\n")[0]
