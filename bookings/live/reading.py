"""One reading of the database for all pages of a process, in its one database thread: what is asked and what is found.

Rendering is done here, too: it takes time, and templates may not run in the event loop.
"""

import logging
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db import Error as DatabaseError
from django.utils import timezone

from bookings.live import queries
from bookings.live.keys import WeekKey
from bookings.live.snapshot import Snapshot
from bookings.live.sockets import Message, WeekSocket, beat
from bookings.selectors.own_slots import Mark, marks_on
from bookings.selectors.staff_version import StaffAccess, StaffKey, StaffVersion, read_staff_versions, still_admitted
from bookings.selectors.type_version import TypeKey, TypeVersion, read_type_versions

logger = logging.getLogger(__name__)
View = tuple[date, str]  # a day of a week, in a language


@dataclass
class RoomOrder:
    """What a room wants to know: ``snapshot`` and ``version`` are what it knows.

    ``is_told``: something has changed, so that the week is to be read whatever its version says. ``views`` are rendered
    if they changed; those who are ``joining`` are sent the whole day. ``visitors`` are those whose marks are read.
    """

    snapshot: Snapshot | None
    version: queries.WeekVersion | None
    is_told: bool
    views: list[View]
    joining: dict[WeekSocket, Any]
    visitors: set[str]


@dataclass
class RoomAnswer:
    """What was found: ``snapshot`` is None when the expert is deleted. ``changes`` has what each view is to be sent.

    ``differs``: the week had changed though no message had said so.
    """

    snapshot: Snapshot | None
    version: queries.WeekVersion | None
    changes: dict[View, list[Message]] = field(default_factory=dict)
    marks: dict[str, dict[int, Mark]] = field(default_factory=dict)
    differs: bool = False

    @property
    def is_shown(self) -> bool:
        """Whether people may look at the expert."""
        return self.snapshot is not None and self.version is not None and self.version.is_active


@dataclass
class Order:
    """What is to be read: rooms, visitors whose pages of own bookings are compared, rooms of types and of staff.

    ``listening``: staff of whom is asked whether they still may.
    """

    rooms: dict[WeekKey, RoomOrder]
    own: set[str]
    types: list[TypeKey] = field(default_factory=list)
    staff: list[StaffKey] = field(default_factory=list)
    listening: set[StaffAccess] = field(default_factory=set)


@dataclass
class Reading:
    """What was found. A room that could not be shown is missing."""

    rooms: dict[WeekKey, RoomAnswer] = field(default_factory=dict)
    own_keys: dict[str, str] = field(default_factory=dict)
    types: dict[TypeKey, TypeVersion] = field(default_factory=dict)
    staff: dict[StaffKey, StaffVersion] = field(default_factory=dict)
    admitted: set[StaffAccess] = field(default_factory=set)


def read(order: Order) -> Reading:
    """Read and render what is asked for.

    One query compares all rooms; two more read each week that has changed or is new. Marks take three for all rooms,
    own pages one for all of them. Raises DatabaseError when the database does not answer.
    """
    answer = Reading()
    # Read before the weeks: what changes in between is found by the next comparison.
    versions = queries.read_versions(list(order.rooms)) if order.rooms else {}
    for key, asked in order.rooms.items():
        try:
            answer.rooms[key] = _read_room(key, asked, versions.get(key))
        except DatabaseError:
            raise
        except Exception:  # one week must not keep all others from being shown
            logger.exception("A week could not be shown")
    _read_marks(order, answer)
    if order.own:
        answer.own_keys = queries.read_own_keys(order.own)
    answer.types = read_type_versions(order.types)
    answer.admitted = still_admitted(order.listening)
    answer.staff = read_staff_versions(order.staff)
    return answer


def _read_room(key: WeekKey, asked: RoomOrder, version: queries.WeekVersion | None) -> RoomAnswer:
    old = asked.snapshot
    has_aged = old is not None and old.has_aged(timezone.now())
    if old is not None and version == asked.version and not asked.is_told and not has_aged:
        answer = RoomAnswer(old, version)
    else:
        snapshot = queries.read_week(key)
        differs = old is not None and not asked.is_told
        answer = RoomAnswer(snapshot, version, differs=differs)
        if snapshot is not None and old is not None:
            if snapshot.is_older_than(old):
                return RoomAnswer(old, asked.version)
            answer.changes = {view: _changes(old, snapshot, *view) for view in asked.views}
    if answer.snapshot is not None:
        for socket in asked.joining:
            answer.snapshot.day_message(socket.day, socket.language)
    return answer


def _changes(old: Snapshot, snapshot: Snapshot, day: date, language: str) -> list[Message]:
    """What a page of that day is to be sent: what changed, and the key of its tiles if there are others."""
    html = snapshot.changes_since(old, day, language)
    found = [Message(html)] if html else []
    if old.week.grid_key(day) != snapshot.week.grid_key(day):
        found.append(beat(snapshot.week.grid_key(day), is_fresh=True))
    return found


def _read_marks(order: Order, answer: Reading) -> None:
    """For all rooms at once, and then to each what lies in its week."""
    wanted = {key: asked.visitors for key, asked in order.rooms.items() if asked.visitors and key in answer.rooms}
    if not wanted:
        return
    found = queries.read_marks(wanted)
    for key, visitors in wanted.items():
        snapshot = answer.rooms[key].snapshot
        shown = snapshot.shown if snapshot is not None else {}
        answer.rooms[key].marks = {
            visitor: {
                slot_id: mark
                for slot_id, mark in marks_on(found[visitor], key.session_type or None).items()
                if slot_id in shown
            }
            for visitor in visitors
        }
