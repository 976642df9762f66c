"""Rooms of staff: pages of the admin that show an organisation are told what kind of thing changed, and look again.

Nothing is rendered here, and nothing that is told is about anybody: what each may see is for the pages to say.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from secrets import token_hex
from time import monotonic
from typing import Protocol

from bookings.live.sockets import Message, staff_keys
from bookings.selectors.staff_version import StaffAccess, StaffKey, StaffVersion

MERGE_SECONDS = 0.5  # between two messages to a page


class StaffSocket(Protocol):
    """A page of staff. ``staff_key`` says which room it is in, ``access`` by what right."""

    staff_key: StaffKey | None
    access: StaffAccess

    def tell(self, *messages: Message) -> None:
        """Send them. Never waits, never fails."""

    def end(self) -> None:
        """Close it: whoever looks may not look any more."""


@dataclass
class _Room:
    sockets: set[StaffSocket] = field(default_factory=set)
    version: StaffVersion | None = None
    hints: int = 0  # how often something of the organisation was said to have changed
    told: tuple[StaffVersion, int] | None = None
    quiet_until: float = 0.0


class StaffRooms:
    """All such rooms of one process. The hub asks what is to be read, and gives what was found."""

    def __init__(self) -> None:
        self._rooms: dict[StaffKey, _Room] = {}
        self._due: set[StaffKey] = set()
        self._id = token_hex(4)  # hints are counted by each process for itself

    def join(self, socket: StaffSocket, key: StaffKey) -> None:
        socket.staff_key = key
        room = self._rooms.setdefault(key, _Room())
        room.sockets.add(socket)
        if room.told is not None:
            socket.tell(self._message(room, is_fresh=True))
        self._due.add(key)

    def leave(self, socket: StaffSocket) -> None:
        key = socket.staff_key
        if key is None or key not in self._rooms:
            return
        self._rooms[key].sockets.discard(socket)
        if not self._rooms[key].sockets:
            del self._rooms[key]

    def hear(self, expert_id: int) -> bool:
        """Whether a change with an expert concerns somebody: their rooms are to be read again then.

        Of whatever day: requests are shown of all days.
        """
        told = [
            key for key, room in self._rooms.items() if room.version is not None and expert_id in room.version.experts
        ]
        for key in told:
            self._rooms[key].hints += 1
        self._due.update(told)
        return bool(told)

    def take_order(self, *, compares_all: bool) -> list[StaffKey]:
        """Return the rooms that are to be read. Those that were told a moment ago wait (``seconds_to_wait``)."""
        now = monotonic()
        self._due &= self._rooms.keys()
        wanted = self._rooms.keys() if compares_all else self._due
        order = [key for key in wanted if self._rooms[key].quiet_until <= now]
        self._due.difference_update(order)
        return order

    def seconds_to_wait(self) -> float | None:
        """Return after how long something is to be read that had to wait; None for nothing."""
        waiting = [self._rooms[key].quiet_until for key in self._due if key in self._rooms]
        return max(min(waiting) - monotonic(), 0.0) if waiting else None

    def put_back(self, keys: Collection[StaffKey]) -> None:
        """Ask for the same again: it could not be read."""
        self._due.update(keys)

    @property
    def listening(self) -> set[StaffAccess]:
        """Who listens, and by what right."""
        return {socket.access for room in self._rooms.values() for socket in room.sockets}

    def take(self, versions: dict[StaffKey, StaffVersion]) -> None:
        """Tell those whose pages show something else by now."""
        for key, version in versions.items():
            room = self._rooms.get(key)
            if room is None:
                continue
            room.version = version
            if room.told != (version, room.hints):
                room.told = (version, room.hints)
                room.quiet_until = monotonic() + MERGE_SECONDS
                self._tell(room, is_fresh=True)

    def take_admitted(self, asked: set[StaffAccess], admitted: set[StaffAccess]) -> None:
        """End the sockets of those who were asked about and may not look any more."""
        lost = asked - admitted
        for room in self._rooms.values():
            for socket in [socket for socket in room.sockets if socket.access in lost]:
                socket.end()

    def beat(self, *, is_fresh: bool) -> None:
        for room in self._rooms.values():
            self._tell(room, is_fresh=is_fresh)

    def _tell(self, room: _Room, *, is_fresh: bool) -> None:
        message = self._message(room, is_fresh=is_fresh)
        for socket in room.sockets:
            socket.tell(message)

    def _message(self, room: _Room, *, is_fresh: bool) -> Message:
        if room.told is None:
            return staff_keys({}, is_fresh=is_fresh)
        version, hints = room.told
        return staff_keys(version.keys | {"any": f"{self._id}.{hints}"}, is_fresh=is_fresh)
