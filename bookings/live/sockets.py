"""What the hub and its rooms need of a page's socket. The sockets themselves are in bookings/live/consumers.py."""

from datetime import date
from typing import Protocol


class Socket(Protocol):
    """A connected page. ``visitor`` is the browser's identity, "" for one that has none yet.

    ``room_key`` (expert, Monday) is written by the hub and says which room it is in; None for a page of own bookings.
    """

    visitor: str
    language: str
    room_key: tuple[int, date] | None

    async def send_html(self, html: str) -> None:
        """Send HTML that the page swaps in; nothing when it is empty or the socket is closing."""

    async def send_beat(self, grid: str, *, fresh: bool) -> None:
        """Say that the server is alive, what the page should show by now, and whether that was read lately."""

    async def send_own_changed(self) -> None:
        """Say that something of the viewer's own has changed, here or in another tab."""


class WeekSocket(Socket, Protocol):
    """A page that shows a day of an expert's week. ``is_ready`` once it was sent the whole day."""

    day: date
    is_ready: bool
