"""Rooms of those who look at a type's times with all who offer it: they are told of changes, and look again.

Unlike a week of one expert (room.py) nothing is rendered here: what a page shows depends on whom it has chosen.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Protocol

from bookings.live.sockets import Message, beat
from bookings.selectors.type_version import TypeKey, TypeVersion
from experts.clocks import DAYS_BETWEEN_CLOCKS


class TypeSocket(Protocol):
    """A page of a type. ``type_key`` is written by the hub and says which room it is in."""

    type_key: TypeKey | None

    def tell(self, *messages: Message) -> None:
        """Send them. Never waits, never fails."""


@dataclass
class _Room:
    sockets: set[TypeSocket] = field(default_factory=set)
    newcomers: set[TypeSocket] = field(default_factory=set)  # those among them that were told nothing yet
    version: TypeVersion | None = None


class TypeRooms:
    """All such rooms of one process. The hub asks what is to be read, and gives what was found."""

    def __init__(self) -> None:
        self._rooms: dict[TypeKey, _Room] = {}
        self._due: set[TypeKey] = set()

    def join(self, socket: TypeSocket, key: TypeKey) -> None:
        socket.type_key = key
        room = self._rooms.setdefault(key, _Room())
        room.sockets.add(socket)
        room.newcomers.add(socket)
        self._due.add(key)

    def leave(self, socket: TypeSocket) -> None:
        key = socket.type_key
        if key is None or key not in self._rooms:
            return
        self._rooms[key].sockets.discard(socket)
        self._rooms[key].newcomers.discard(socket)
        if not self._rooms[key].sockets:
            del self._rooms[key]

    def hear(self, expert_id: int, day: date | None) -> bool:
        """Whether a change on a day of an expert concerns somebody: their rooms are to be read again then.

        None: on all days.
        """
        beyond = timedelta(days=DAYS_BETWEEN_CLOCKS)
        told = {
            key
            for key, room in self._rooms.items()
            if room.version is not None
            and expert_id in room.version.experts
            and (day is None or key.first - beyond <= day <= key.last + beyond)
        }
        self._due |= told
        return bool(told)

    def take_order(self, *, compares_all: bool) -> list[TypeKey]:
        """Return the rooms that are to be read."""
        wanted = list(self._rooms) if compares_all else [key for key in self._due if key in self._rooms]
        self._due = set()
        return wanted

    def put_back(self, keys: list[TypeKey]) -> None:
        """Ask for the same again: it could not be read."""
        self._due.update(keys)

    def take(self, versions: dict[TypeKey, TypeVersion]) -> None:
        """Tell those whose pages show something else by now, and those who have just come."""
        for key, version in versions.items():
            room = self._rooms.get(key)
            if room is None:
                continue
            told = room.sockets if room.version != version else room.newcomers
            room.version = version
            self._tell(room, told, is_fresh=True)

    def beat(self, *, is_fresh: bool) -> None:
        for room in self._rooms.values():
            self._tell(room, room.sockets, is_fresh=is_fresh)

    def _tell(self, room: _Room, sockets: set[TypeSocket], *, is_fresh: bool) -> None:
        message = beat(room.version.grid if room.version else "", is_fresh=is_fresh)
        for socket in sockets:
            socket.tell(message)
        room.newcomers = set()
