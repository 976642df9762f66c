"""A room: everybody in this process who looks at one expert's week."""

import asyncio
import logging
from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING

from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from django.conf import settings
from django.db import Error as DatabaseError

from bookings.live import fragments, queries
from bookings.live.snapshot import Picture
from bookings.selectors.own_slots import Mark

if TYPE_CHECKING:
    from bookings.live.hub import Hub


logger = logging.getLogger(__name__)


class Room:
    """One expert's week, the sockets that show one of its days, and the last picture that they were sent."""

    def __init__(self, hub: "Hub", key: queries.WeekKey):
        self.hub, self.key = hub, key
        self.sockets: set = set()
        self.picture: Picture | None = None
        self.versions: tuple | None = None
        self.marks: dict[str, dict[int, Mark]] = {}
        self.rendering = asyncio.Lock()
        self._asked_marks: set[str] = set()
        self._again = asyncio.Event()
        self._read = asyncio.Condition()
        self._readings = 0
        self._task = asyncio.create_task(self._keep_reading())

    def refresh(self, visitor: str = "") -> None:
        """Read again soon; with a visitor, what is that visitor's own, too."""
        if visitor:
            self._asked_marks.add(visitor)
        self._again.set()

    async def refreshed(self, visitor: str = "") -> None:
        """Wait until the week was read, all of it after this call."""
        # A reading that is under way may have begun before the change that the caller must see.
        target = self._readings + (2 if self._busy else 1)
        self.refresh(visitor)
        async with self._read:
            await self._read.wait_for(lambda: self._readings >= target)

    def close(self) -> None:
        self._task.cancel()

    _busy = False

    async def _keep_reading(self) -> None:
        while True:
            await self._again.wait()
            self._again.clear()
            self._busy = True
            try:
                await self._read_and_send()
            except DatabaseError as error:
                # The pages keep what they have and are told, by the beat, that it may be old.
                self.hub.note_trouble(error)
                await self._read_later()
                continue
            except Exception:  # whatever it was must not end the reading: the room would show one moment for ever
                logger.exception("A week could not be shown")
                await self._read_later()
                continue
            finally:
                self._busy = False
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
            picture = await database_sync_to_async(queries.read_week)(self.key)
            marks = await database_sync_to_async(queries.read_marks)(self.key, visitors) if visitors else {}
        except BaseException:
            self._asked_marks |= visitors
            raise
        old = self.picture
        if picture is None or (old is not None and picture.is_older_than(old)):
            return
        self.picture = picture
        changed = self.take_marks(marks)
        if old is not None:
            await self._send_changes(old, picture)
        for visitor, slot_ids in changed.items():
            for socket in [s for s in self.sockets if s.visitor == visitor and s.is_ready]:
                await socket.say("".join(fragments.mark(i, marks[visitor].get(i), socket.language) for i in slot_ids))
                if slot_ids:
                    await socket.tell_own()

    def has_lapsed_marks(self, visitor: str, now: datetime) -> bool:
        """Whether a hold of the visitor ran out since its mark was sent."""
        return any(mark.is_over(now) for mark in self.marks.get(visitor, {}).values())

    def take_marks(self, marks: dict[str, dict[int, Mark]]) -> dict[str, list[int]]:
        """Keep the marks; which slots' marks changed, by visitor."""
        changed = {}
        for visitor, new in marks.items():
            old = self.marks.get(visitor, {})
            changed[visitor] = sorted(i for i in old.keys() | new.keys() if old.get(i) != new.get(i))
            self.marks[visitor] = new
        return changed

    async def _send_changes(self, old: Picture, picture: Picture) -> None:
        audiences = defaultdict(list)
        for socket in self.sockets:
            if socket.is_ready:
                audiences[socket.day, socket.language].append(socket)
        for (day, language), sockets in audiences.items():
            # Rendering is quick but not free, and templates may not run in the event loop's way.
            html = await sync_to_async(picture.changes_since, thread_sensitive=False)(old, day, language)
            other_tiles = old.week.grid_key(day) != picture.week.grid_key(day)
            for socket in sockets:
                if html:
                    await socket.say(html)
                if other_tiles:
                    await socket.beat(picture.week.grid_key(day), fresh=True)
