"""A room: everybody in this process who looks at one expert's week."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from django.conf import settings
from django.db import Error as DatabaseError

from bookings.live import fragments, queries
from bookings.live.snapshot import Snapshot
from bookings.live.sockets import WeekSocket
from bookings.selectors.own_slots import Mark

logger = logging.getLogger(__name__)
Key = TypeVar("Key")


class Room:
    """One expert's week, the sockets that show one of its days, and the last snapshot that they were sent.

    ``note_trouble`` is told each time that the database could not be read.
    """

    def __init__(self, key: queries.WeekKey, note_trouble: Callable[[DatabaseError], None]) -> None:
        self.key = key
        self.snapshot: Snapshot | None = None
        self.versions: tuple[Any, ...] | None = None
        self.marks: dict[str, dict[int, Mark]] = {}
        self.rendering = asyncio.Lock()
        self._note_trouble = note_trouble
        # Two indexes of the same sockets, so that what concerns a few of them need not look at all.
        self._by_visitor: dict[str, set[WeekSocket]] = defaultdict(set)
        self._by_view: dict[tuple[date, str], set[WeekSocket]] = defaultdict(set)
        self._asked_marks: set[str] = set()
        self._again = asyncio.Event()
        self._read = asyncio.Condition()
        self._readings = 0
        self._is_reading = False
        self._task = asyncio.create_task(self._keep_reading())

    # ---------- Sockets ----------

    @property
    def sockets(self) -> list[WeekSocket]:
        return [socket for sockets in self._by_visitor.values() for socket in sockets]

    @property
    def visitors(self) -> list[str]:
        """The identities of those who look; browsers that have none yet are left out."""
        return [visitor for visitor in self._by_visitor if visitor]

    @property
    def is_empty(self) -> bool:
        return not self._by_visitor

    def add(self, socket: WeekSocket) -> None:
        self._by_visitor[socket.visitor].add(socket)
        self._by_view[socket.day, socket.language].add(socket)

    def remove(self, socket: WeekSocket) -> None:
        """Forget a socket, and the marks of its visitor with the last one. Twice does no harm."""
        _discard(self._by_visitor, socket.visitor, socket)
        _discard(self._by_view, (socket.day, socket.language), socket)
        if socket.visitor not in self._by_visitor:
            self.marks.pop(socket.visitor, None)

    # ---------- Reading ----------

    def refresh(self, visitor: str = "") -> None:
        """Read again soon; with a visitor, what is that visitor's own, too."""
        if visitor:
            self._asked_marks.add(visitor)
        self._again.set()

    async def refreshed(self, visitor: str = "") -> None:
        """Wait until the week was read, all of it after this call."""
        # A reading that is under way may have begun before the change that the caller must see.
        target = self._readings + (2 if self._is_reading else 1)
        self.refresh(visitor)
        async with self._read:
            await self._read.wait_for(lambda: self._readings >= target)

    def close(self) -> None:
        self._task.cancel()

    async def _keep_reading(self) -> None:
        while True:
            await self._again.wait()
            self._again.clear()
            self._is_reading = True
            try:
                await self._read_and_send()
            except DatabaseError as error:
                # The pages keep what they have and are told, by the beat, that it may be old.
                self._note_trouble(error)
                await self._read_later()
                continue
            except Exception:  # whatever it was must not end the reading: the room would show one moment for ever
                logger.exception("A week could not be shown")
                await self._read_later()
                continue
            finally:
                self._is_reading = False
            async with self._read:
                self._readings += 1
                self._read.notify_all()

    async def _read_later(self) -> None:
        await asyncio.sleep(settings.LIVE_CHECK_SECONDS)
        self._again.set()

    async def _read_and_send(self) -> None:
        visitors = self._asked_marks
        self._asked_marks = set()
        try:
            snapshot = await database_sync_to_async(queries.read_week)(self.key)
            marks = await database_sync_to_async(queries.read_marks)(self.key, visitors) if visitors else {}
        except BaseException:
            self._asked_marks |= visitors
            raise
        old = self.snapshot
        if snapshot is None or (old is not None and snapshot.is_older_than(old)):
            return
        self.snapshot = snapshot
        changed = self._take_marks(marks)
        if old is not None:
            await self._send_changes(old, snapshot)
        for visitor, slot_ids in changed.items():
            await self._send_marks(visitor, slot_ids)

    # ---------- What differs ----------

    def has_lapsed_marks(self, visitor: str, now: datetime) -> bool:
        """Whether a hold of the visitor ran out since its mark was sent."""
        return any(mark.is_over(now) for mark in self.marks.get(visitor, {}).values())

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

    async def _send_marks(self, visitor: str, slot_ids: list[int]) -> None:
        marks = self.marks.get(visitor, {})
        for socket in list(self._by_visitor.get(visitor, ())):
            if socket.is_ready:
                await socket.send_html("".join(fragments.mark(i, marks.get(i), socket.language) for i in slot_ids))
                await socket.send_own_changed()

    async def _send_changes(self, old: Snapshot, snapshot: Snapshot) -> None:
        for (day, language), sockets in list(self._by_view.items()):
            # Rendering is quick but not free, and templates may not run in the event loop's way.
            html = await sync_to_async(snapshot.changes_since, thread_sensitive=False)(old, day, language)
            has_other_tiles = old.week.grid_key(day) != snapshot.week.grid_key(day)
            if not (html or has_other_tiles):
                continue
            for socket in [socket for socket in sockets if socket.is_ready]:
                await socket.send_html(html)
                if has_other_tiles:
                    await socket.send_beat(snapshot.week.grid_key(day), fresh=True)


def _discard(index: dict[Key, set[WeekSocket]], key: Key, socket: WeekSocket) -> None:
    """Take the socket out of the index, and the key with its last one."""
    index[key].discard(socket)
    if not index[key]:
        del index[key]
