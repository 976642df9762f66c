"""A room: everybody in this process who looks at one expert's week."""

import asyncio
from collections import defaultdict
from datetime import datetime
from typing import TypeVar

from bookings.live import fragments
from bookings.live.keys import WeekKey
from bookings.live.queries import WeekVersion
from bookings.live.reading import RoomAnswer, RoomOrder, View
from bookings.live.snapshot import Snapshot
from bookings.live.sockets import OWN_CHANGED, Message, WeekSocket, beat
from bookings.selectors.own_slots import Mark

Key = TypeVar("Key")


class Room:
    """One expert's week, the sockets that show one of its days, and the last snapshot that they were sent."""

    def __init__(self, key: WeekKey) -> None:
        self.key = key
        self.snapshot: Snapshot | None = None
        self.marks: dict[str, dict[int, Mark]] = {}
        self._version: WeekVersion | None = None
        # Two indexes of the same sockets, so that what concerns a few of them need not look at all.
        self._by_visitor: dict[str, set[WeekSocket]] = defaultdict(set)
        self._by_view: dict[View, set[WeekSocket]] = defaultdict(set)
        # Those who came and were sent nothing yet. The result: whether there is something to show.
        self._joining: dict[WeekSocket, asyncio.Future[bool]] = {}
        self._is_told = False
        self._asked_marks: set[str] = set()

    # ---------- Sockets ----------

    @property
    def sockets(self) -> list[WeekSocket]:
        return [socket for sockets in self._by_visitor.values() for socket in sockets]

    @property
    def is_empty(self) -> bool:
        return not self._by_visitor

    def add(self, socket: WeekSocket) -> asyncio.Future[bool]:
        """Have the socket sent the whole day, as it is after this call. False in the end if the expert is gone."""
        self._by_visitor[socket.visitor].add(socket)
        self._by_view[socket.day, socket.language].add(socket)
        if socket.visitor:
            self._asked_marks.add(socket.visitor)
        future = self._joining[socket] = asyncio.get_running_loop().create_future()
        return future

    def remove(self, socket: WeekSocket) -> None:
        """Forget a socket, and the marks of its visitor with the last one. Twice does no harm."""
        self._joining.pop(socket, None)
        _discard(self._by_visitor, socket.visitor, socket)
        _discard(self._by_view, (socket.day, socket.language), socket)
        if socket.visitor not in self._by_visitor:
            self.marks.pop(socket.visitor, None)

    def beat(self, *, is_fresh: bool) -> None:
        """Tell all that the server is alive, and which tiles there are."""
        for (day, _language), sockets in self._by_view.items():
            message = beat(self.snapshot.week.grid_key(day) if self.snapshot else "", is_fresh=is_fresh)
            for socket in sockets:
                if socket.is_ready:
                    socket.tell(message)

    # ---------- What to read ----------

    @property
    def is_due(self) -> bool:
        """Whether something was asked for, or somebody waits."""
        return self._is_told or bool(self._asked_marks) or bool(self._joining)

    def ask(self) -> None:
        """Have the week read again, as something in it has changed."""
        self._is_told = True

    def ask_marks(self, visitor: str) -> None:
        """Have what is the visitor's own read again."""
        self._asked_marks.add(visitor)

    def ask_lapsed_marks(self, now: datetime) -> None:
        """Have those visitors' marks read again of whom a hold ran out since its mark was sent."""
        self._asked_marks |= {
            visitor for visitor, marks in self.marks.items() if any(mark.is_over(now) for mark in marks.values())
        }

    def take_order(self) -> RoomOrder:
        """What is to be read and rendered, all that was asked for so far."""
        order = RoomOrder(
            snapshot=self.snapshot,
            version=self._version,
            is_told=self._is_told,
            views=list(self._by_view),
            joining=dict(self._joining),
            visitors=self._asked_marks & self._by_visitor.keys(),
        )
        self._is_told, self._asked_marks = False, set()
        return order

    def put_back(self, order: RoomOrder) -> None:
        """Ask for the same again: it could not be read."""
        self._is_told |= order.is_told
        self._asked_marks |= order.visitors

    # ---------- What was read ----------

    def take(self, order: RoomOrder, answer: RoomAnswer) -> None:
        """Send what differs to those who are there, and all of it to those who have come."""
        self._version = answer.version
        if not answer.is_shown:
            for future in order.joining.values():
                _settle(future, value=False)
        if answer.snapshot is None:
            return
        self.snapshot = answer.snapshot
        changed = self._take_marks(answer.marks)
        for view, changes in answer.changes.items():
            for socket in self._by_view.get(view, ()):
                if changes and socket.is_ready:
                    socket.tell(*changes)
        for visitor, slot_ids in changed.items():
            self._send_marks(visitor, slot_ids)
        for socket, future in order.joining.items():
            if answer.is_shown and socket in self._joining:  # it may have left meanwhile
                self._greet(socket, answer.snapshot)
                _settle(future, value=True)
        if answer.differs:  # without a message: nobody told of what is visitors' own, either
            self._asked_marks |= {visitor for visitor in self._by_visitor if visitor}

    def _greet(self, socket: WeekSocket, snapshot: Snapshot) -> None:
        del self._joining[socket]
        socket.is_ready = True
        day = snapshot.day_message(socket.day, socket.language)
        if own := self.marks.get(socket.visitor):
            marks = "".join(fragments.mark(i, m, socket.language) for i, m in own.items())
            day = Message(day.text + marks)
        socket.tell(day, beat(snapshot.week.grid_key(socket.day), is_fresh=True))

    def _take_marks(self, marks: dict[str, dict[int, Mark]]) -> dict[str, list[int]]:
        """Keep the marks; which slots' marks changed, by visitor. Those who left meanwhile are left out."""
        changed = {}
        for visitor, new in marks.items():
            if visitor not in self._by_visitor:
                continue
            old = self.marks.get(visitor, {})
            if slot_ids := sorted(i for i in old.keys() | new.keys() if old.get(i) != new.get(i)):
                changed[visitor] = slot_ids
            self.marks[visitor] = new
        return changed

    def _send_marks(self, visitor: str, slot_ids: list[int]) -> None:
        marks = self.marks.get(visitor, {})
        for socket in self._by_visitor.get(visitor, ()):
            if socket.is_ready:
                html = "".join(fragments.mark(i, marks.get(i), socket.language) for i in slot_ids)
                socket.tell(Message(html), OWN_CHANGED)


def _settle(future: asyncio.Future[bool], *, value: bool) -> None:
    """Give the result, unless whoever waited for it has gone."""
    if not future.done():
        future.set_result(value)


def _discard(index: dict[Key, set[WeekSocket]], key: Key, socket: WeekSocket) -> None:
    """Take the socket out of the index, and the key with its last one."""
    index[key].discard(socket)
    if not index[key]:
        del index[key]
