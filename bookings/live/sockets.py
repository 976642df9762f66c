"""What is said to pages, how it leaves, and what the hub and its rooms need of a page's socket."""

import asyncio
import json
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from typing import Any, Protocol

from bookings.live.keys import WeekKey

# In the scope's extensions: the connection itself, where the server gives it (bookingsite/live_server.py).
TRANSPORT = "expertbook.transport"
MOST_UNSENT = 1 << 16  # bytes that may wait for a page that does not read; then its socket is closed


class Message:
    """A text that is sent to pages, put into a WebSocket frame once for all of them."""

    __slots__ = ("frame", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.frame = _frame(text.encode())


def _frame(payload: bytes) -> bytes:
    """One whole text frame of a server (RFC 6455, 5.2): not masked, not compressed."""
    if len(payload) < 126:
        return struct.pack("!BB", 0x81, len(payload)) + payload
    if len(payload) < 1 << 16:
        return struct.pack("!BBH", 0x81, 126, len(payload)) + payload
    return struct.pack("!BBQ", 0x81, 127, len(payload)) + payload


OWN_CHANGED = Message(json.dumps({"own": True}))  # something of the viewer's own; the page looks again


def beat(grid: str, *, is_fresh: bool) -> Message:
    """Say that the server is alive, what the page should show by now, and whether that was read lately.

    JSON without HTML: htmx swaps nothing, static/js/live.js reads it.
    """
    return Message(json.dumps({"beat": {"grid": grid, "fresh": is_fresh}}))


def staff_keys(keys: dict[str, str], *, is_fresh: bool) -> Message:
    """Say to a page of staff what it should show by now, a key for each kind of things (static/js/staff-live.js).

    ``is_fresh``: whether that was read lately.
    """
    return Message(json.dumps({"staff": keys, "fresh": is_fresh}))


class Socket(Protocol):
    """A connected page. ``visitor`` is the browser's identity, "" for one that has none yet.

    ``room_key`` is written by the hub and says which room it is in; None for a page of own bookings.
    ``is_ready`` once it was told what it is to show.
    """

    visitor: str
    language: str
    room_key: WeekKey | None
    is_ready: bool

    def tell(self, *messages: Message) -> None:
        """Send them, at once or as soon as what was sent before has left. Never waits, never fails."""


class WeekSocket(Socket, Protocol):
    """A page that shows a day of an expert's week."""

    day: date


class DirectWire:
    """Writes frames to the connection itself. A page that does not read is cut off, and nobody waits for it."""

    __slots__ = ("_transport",)

    def __init__(self, transport: asyncio.WriteTransport) -> None:
        self._transport = transport

    def write(self, messages: Sequence[Message]) -> None:
        if self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > MOST_UNSENT:
            self._transport.abort()
        else:
            self._transport.write(b"".join([message.frame for message in messages]))

    async def flush(self) -> None:
        """Wait until nothing is left to be handed to the server."""


class QueuedWire:
    """Hands texts to the server, one after the other, as ASGI has it: for servers that do not give the connection."""

    __slots__ = ("_give_up", "_send", "_sending", "_unsent", "_waiting")

    def __init__(self, send: Callable[[dict[str, Any]], Awaitable[None]], give_up: Callable[[], object]) -> None:
        self._send = send
        self._give_up = give_up
        self._waiting: deque[str] = deque()
        self._unsent = 0
        self._sending: asyncio.Task[None] | None = None

    def write(self, messages: Sequence[Message]) -> None:
        if self._unsent > MOST_UNSENT:
            self._give_up()
            return
        for message in messages:
            self._waiting.append(message.text)
            self._unsent += len(message.text)
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_waiting())

    async def flush(self) -> None:
        """Wait until nothing is left to be handed to the server."""
        if self._sending is not None:
            await self._sending

    async def _send_waiting(self) -> None:
        try:
            while self._waiting:
                text = self._waiting.popleft()
                await self._send({"type": "websocket.send", "text": text})
                self._unsent -= len(text)
        except Exception:  # the socket is closing; its consumer hears of that
            self._waiting.clear()
        finally:
            self._sending = None
