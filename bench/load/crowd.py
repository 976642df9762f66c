"""Many WebSockets of one client, which reads them all in one loop and notes when each heard something.

Plain sockets and a few lines for the frames: a library would take longer to hear a thousand messages than a server
takes to say them.
"""

import random
import selectors
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

_KEY = "dGhlIHNhbXBsZSBub25jZQ=="
_TEXT, _CLOSE, _PING = 0x1, 0x8, 0x9
_MASK = b"\0\0\0\0"  # a client has to mask what it says; this one changes nothing


@dataclass(eq=False)
class Page:
    """One socket. Instants are those of ``time.perf_counter``, 0 for not yet; ``path`` and ``headers`` are its request.

    ``opened`` is when the server agreed, ``painted`` when it had said something first, ``heard`` when the last HTML had
    arrived.
    """

    path: str
    headers: str = ""
    link: socket.socket | None = None
    dialled: float = 0.0
    opened: float = 0.0
    painted: float = 0.0
    heard: float = 0.0
    frames: int = 0  # of HTML
    awaited: int = -1  # the number of those at which more are waited for
    text: bytes = b""  # the last HTML
    closed_by: str = ""  # why it is gone: "408", "close 4429", "reset"
    waiting: bytes = field(default=b"", repr=False)  # what came of a frame that has not all come


class Crowd:
    """Pages of one server on 127.0.0.1. Their sockets are read only within the methods that take time."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.pages: list[Page] = []
        self._selector = selectors.DefaultSelector()
        self._missing: set[Page] = set()  # those who have not heard yet what is waited for

    @property
    def kept(self) -> int:
        """How many are open."""
        return sum(1 for page in self.pages if page.link is not None and page.opened)

    def dial(self, pages: Iterable[Page], *, spread: float = 0.0, limit: float = 60.0) -> float:
        """Open a socket for each, at random moments of ``spread`` seconds, until all show something.

        Returns the seconds that it took; those that show nothing after ``limit`` are left as they are.
        """
        began = time.perf_counter()
        new = list(pages)
        self.pages += new
        due = sorted(((began + random.uniform(0, spread), page) for page in new), key=lambda one: -one[0])
        self._missing = set(new)
        while self._missing and time.perf_counter() < began + limit:
            while due and due[-1][0] <= time.perf_counter():
                self._connect(due.pop()[1])
            self._read(0.002 if due else 0.05)
        return time.perf_counter() - began

    def hear(self, say: Callable[[], None], *, limit: float = 20.0) -> list[float]:
        """Call ``say`` and wait until all have heard HTML. Returns when each did, in the order of time."""
        self._missing = {page for page in self.pages if page.link is not None and page.painted}
        listening, end = list(self._missing), time.perf_counter() + limit
        for page in listening:
            page.awaited = page.frames
        say()
        while self._missing and time.perf_counter() < end:
            self._read(0.05)
        return sorted(page.heard for page in listening if page.link is not None and page not in self._missing)

    def stay(self, seconds: float) -> None:
        """Keep listening for so many seconds."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self._read(min(left, 0.5))

    def drop(self) -> None:
        """Close all, as when the network is gone: the server is told nothing but that."""
        for page in self.pages:
            self._forget(page, "dropped")
        self.pages = []

    def _connect(self, page: Page) -> None:
        page.dialled = time.perf_counter()
        page.link = socket.socket()
        page.link.setblocking(False)
        page.link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        page.link.connect_ex(("127.0.0.1", self.port))
        self._selector.register(page.link, selectors.EVENT_WRITE, page)

    def _read(self, seconds: float) -> None:
        for key, events in self._selector.select(seconds):
            page: Page = key.data
            if page.link is None:
                continue
            try:
                if events & selectors.EVENT_WRITE:
                    self._ask(page)
                elif data := page.link.recv(1 << 16):
                    self._take(page, page.waiting + data if page.waiting else data)
                else:
                    self._forget(page, page.closed_by or "ended")
            except (ConnectionError, BlockingIOError) as error:
                self._forget(page, type(error).__name__)

    def _ask(self, page: Page) -> None:
        assert page.link is not None
        page.link.send(
            f"GET {page.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nOrigin: http://127.0.0.1:{self.port}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {_KEY}\r\n{page.headers}\r\n".encode()
        )
        self._selector.modify(page.link, selectors.EVENT_READ, page)

    def _take(self, page: Page, data: bytes) -> None:
        if not page.opened:
            head, found, data = data.partition(b"\r\n\r\n")
            if not found:
                page.waiting = head
                return
            status = head[9:12].decode("latin-1")
            if status != "101":
                self._forget(page, status)
                return
            page.opened = time.perf_counter()
        for code, text in self._frames(page, data):
            if code == _TEXT:
                page.painted = page.painted or time.perf_counter()
                if text[:1] != b"{":
                    page.heard = time.perf_counter()
                    page.frames += 1
                    page.text = text
                if page.frames != page.awaited:
                    self._missing.discard(page)
            elif code == _PING and page.link is not None:
                page.link.send(bytes([0x8A, 0x80 | len(text)]) + _MASK + text)
            elif code == _CLOSE:
                page.closed_by = f"close {int.from_bytes(text[:2])}"

    def _frames(self, page: Page, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The whole frames of ``data``, as (code, text); the rest waits."""
        while len(data) >= 2:
            length, start = data[1] & 0x7F, 2
            if length > 125:
                start = 4 if length == 126 else 10
                if len(data) < start:
                    break
                [length] = struct.unpack_from("!H" if start == 4 else "!Q", data, 2)
            if len(data) < start + length:
                break
            yield data[0] & 0x0F, data[start : start + length]
            data = data[start + length :]
        page.waiting = data

    def _forget(self, page: Page, why: str) -> None:
        if page.link is not None:
            self._selector.unregister(page.link)
            page.link.close()
            page.link, page.closed_by = None, why
            self._missing.discard(page)


def text_frame(text: bytes) -> bytes:
    """A frame as a client sends it."""
    length = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + struct.pack("!H", len(text))
    return b"\x81" + length + _MASK + text
