"""The hub: all sockets of one process, the rooms they are in, and what keeps both equal to the database.

A room is one expert's week. Whatever happens (a socket joins, a message says that a slot changed, the comparison every
few seconds finds a difference, time turns a slot to past) leads to the same step: read the week again, send what
differs. Readings of one room follow each other, and what comes during one is answered by the next, so that a
thousand sockets that join at once cost a few queries.
"""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from datetime import date, timedelta
from typing import Any

from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import Error as DatabaseError
from django.utils import timezone

from bookings.access.visitor import visitor_group
from bookings.live import fragments, queries
from bookings.live.room import Room
from bookings.live.sockets import Socket, WeekSocket
from experts.publisher import expert_group

logger = logging.getLogger(__name__)
VALKEY_SECONDS = 2.0  # to wait for Valkey; changes are found without it
BEAT_SECONDS = 5.0  # between signs of life; static/js/live.js waits for three of them
MOST_SOCKETS_PER_VISITOR = 20
MOST_SOCKETS_PER_ADDRESS = 500  # an office or a school shares one address


class Hub:
    """All sockets of the process. Made when the first one comes; lives in that event loop."""

    def __init__(self) -> None:
        self.rooms: dict[queries.WeekKey, Room] = {}
        self.own_pages: dict[str, set[Socket]] = defaultdict(set)
        self.own_keys: dict[str, str] = {}
        # The sockets that each group's messages concern. One group tells of an expert, or of one visitor's bookings.
        self.members: dict[str, set[Socket]] = defaultdict(set)
        self._joined: set[str] = set()  # the groups whose messages Valkey sends us
        self._days: dict[tuple[str, str | None], asyncio.Task[tuple[int, date] | None]] = {}
        self._per_owner: Counter[str] = Counter()
        self._channel: str | None = None
        self._is_fresh = True
        self._tasks = {asyncio.create_task(work()) for work in (self._listen, self._check, self._beat)}

    # ---------- Sockets ----------

    def admit(self, owner: str, most: int) -> bool:
        """Count one more socket of an owner (a visitor or an address); False when that is one too many."""
        if self._per_owner[owner] >= most:
            return False
        self._per_owner[owner] += 1
        return True

    def dismiss(self, owner: str) -> None:
        self._per_owner[owner] -= 1
        if self._per_owner[owner] <= 0:
            del self._per_owner[owner]

    async def find_day(self, slug: str, day: str | None) -> tuple[int, date] | None:
        """The expert and day of an address. Asked once for all who come while the answer is on its way."""
        address = (slug, day)
        if address not in self._days:
            self._days[address] = asyncio.create_task(database_sync_to_async(queries.find_day)(slug, day))
            self._days[address].add_done_callback(lambda _task: self._days.pop(address, None))
        return await asyncio.shield(self._days[address])

    async def join_room(self, socket: WeekSocket, expert_id: int) -> bool:
        """Put the socket into its room and send it the whole day, read after it began to listen.

        False when there is nothing to show: the expert is gone. However this ends, the socket is to leave the room.
        """
        socket.room_key = (expert_id, _monday(socket.day))
        room = self.rooms.get(socket.room_key)
        if room is None:
            room = self.rooms[socket.room_key] = Room(socket.room_key, self.note_trouble)
        room.add(socket)
        await self._enter_groups(socket)
        await room.refreshed(socket.visitor)
        return await self._send_snapshot(socket, room)

    async def _send_snapshot(self, socket: WeekSocket, room: Room) -> bool:
        snapshot = room.snapshot
        if snapshot is None:
            return False
        async with room.rendering:  # the first one renders, the others find it done
            html = await sync_to_async(snapshot.day_html, thread_sensitive=False)(socket.day, socket.language)
        own = room.marks.get(socket.visitor, {})
        marks = "".join(fragments.mark(i, m, socket.language) for i, m in own.items())
        if room.snapshot is not snapshot:  # what changed meanwhile was not sent to a socket that is not ready
            return await self._send_snapshot(socket, room)
        socket.is_ready = True
        await socket.send_html(html + marks)
        await socket.send_beat(snapshot.week.grid_key(socket.day), fresh=self._is_fresh)
        return True

    async def leave_room(self, socket: WeekSocket) -> None:
        # Before anything is waited for: the server may cancel a socket that takes long to leave, more than once.
        if socket.room_key and (room := self.rooms.get(socket.room_key)):
            room.remove(socket)
            if room.is_empty:
                room.close()
                del self.rooms[room.key]
        await self._leave_groups(socket)

    async def join_own(self, socket: Socket) -> None:
        """Tell the socket whenever the visitor's bookings change."""
        self.own_pages[socket.visitor].add(socket)
        await self._enter_groups(socket)
        known = self.own_keys.get(socket.visitor)
        await self._check_own([socket.visitor])  # tells all of the visitor's pages when the key is new
        if known is not None and self.own_keys.get(socket.visitor) == known:
            await socket.send_beat(known, fresh=self._is_fresh)

    async def leave_own(self, socket: Socket) -> None:
        self.own_pages[socket.visitor].discard(socket)
        if not self.own_pages[socket.visitor]:
            del self.own_pages[socket.visitor]
            self.own_keys.pop(socket.visitor, None)
        await self._leave_groups(socket)

    # ---------- Messages ----------

    async def _enter_groups(self, socket: Socket) -> None:
        groups = _groups_of(socket)
        for group in groups:
            self.members[group].add(socket)
        await self._subscribe(groups)

    async def _leave_groups(self, socket: Socket) -> None:
        groups = _groups_of(socket)
        for group in groups:
            self.members[group].discard(socket)
            if not self.members[group]:
                del self.members[group]
        await self._unsubscribe(groups)

    async def _subscribe(self, groups: Iterable[str]) -> bool:
        """Have the messages of these groups sent to us. False when Valkey is away: the next comparison tries again."""
        missing = [group for group in groups if group not in self._joined]
        if not missing or self._channel is None:
            return not missing
        try:
            for group in missing:
                # Not wait_for(): before Python 3.12 it can swallow a cancellation, and this task would never end.
                async with asyncio.timeout(VALKEY_SECONDS):
                    await _layer().group_add(group, self._channel)
                self._joined.add(group)
        except Exception as error:
            logger.warning("Live messages are not heard (%s); changes show a little later.", type(error).__name__)
            return False
        return True

    async def _unsubscribe(self, groups: Iterable[str]) -> None:
        """Have no more messages of those among these groups that no socket is in any more."""
        for group in [group for group in groups if group in self._joined and group not in self.members]:
            self._joined.discard(group)
            try:
                await _layer().group_discard(group, self._channel)
            except Exception:
                logger.debug("The group %s was not left; its messages are ignored.", group)

    async def _renew_subscriptions(self) -> None:
        """Join what could not be joined while Valkey was away; leave what was given up while it was being joined."""
        await self._subscribe(list(self.members))
        await self._unsubscribe(list(self._joined))

    async def _listen(self) -> None:
        layer = _layer()
        while self._channel is None:
            try:
                async with asyncio.timeout(VALKEY_SECONDS):
                    self._channel = await layer.new_channel("hub.")
            except Exception:
                await asyncio.sleep(settings.LIVE_CHECK_SECONDS)
        await self._renew_subscriptions()
        while True:
            message = await layer.receive(self._channel)
            try:
                self._handle(message)
            except Exception:  # whatever anybody may publish must not end the listening
                logger.exception("A live message could not be understood")

    def _handle(self, message: dict[str, Any]) -> None:
        if message.get("type") == "slot.changed":
            day = date.fromisoformat(message["day"])
            # Its room and no other: an evening of many bookings must not have every week that is shown read again.
            if room := self.rooms.get((message["expert"], _monday(day))):
                room.refresh()
        elif message.get("type") == "bookings.changed":
            self._refresh_own(message["visitor"])

    def _refresh_own(self, group: str) -> None:
        """Look again at what is one visitor's own, for the pages of that visitor and no others."""
        own = set()
        for socket in self.members.get(group, ()):
            if socket.room_key is None:
                own.add(socket.visitor)
                continue
            self.rooms[socket.room_key].refresh(socket.visitor)
            # What is kept on another day or week has no tile here, but the page's bar speaks of it.
            self._keep_task(asyncio.create_task(socket.send_own_changed()))
        if own:
            self._keep_task(asyncio.create_task(self._check_own(own)))

    def _keep_task(self, task: asyncio.Task[None]) -> None:
        """The loop itself does not hold on to a task that nobody waits for."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ---------- The clock ----------

    def note_trouble(self, error: Exception) -> None:
        if self._is_fresh:
            logger.warning("The database did not answer (%s); pages are told so.", type(error).__name__)
        self._is_fresh = False

    async def _check(self) -> None:
        """Find what no message told: raw SQL, lost messages, time that passed."""
        while True:
            await asyncio.sleep(settings.LIVE_CHECK_SECONDS)
            try:
                await self._renew_subscriptions()
                await self._check_rooms()
                await self._check_own(list(self.own_pages))
                self._is_fresh = True
            except DatabaseError as error:
                self.note_trouble(error)
            except Exception:
                logger.exception("The comparison with the database failed")

    async def _check_rooms(self) -> None:
        keys = list(self.rooms)
        if not keys:
            return
        versions = await database_sync_to_async(queries.read_versions)(keys)
        for key in keys:
            room = self.rooms.get(key)
            if room is None:
                continue
            now = timezone.now()
            visitors = room.visitors
            if versions.get(key) != room.versions or (room.snapshot is not None and room.snapshot.has_aged(now)):
                room.versions = versions.get(key)
                for visitor in visitors:
                    room.refresh(visitor)
                room.refresh()
            else:
                for visitor in visitors:
                    if room.has_lapsed_marks(visitor, now):
                        room.refresh(visitor)

    async def _check_own(self, visitors: Collection[str]) -> None:
        if not visitors:
            return
        keys = await database_sync_to_async(queries.read_own_keys)(visitors)
        for visitor, key in keys.items():
            if visitor in self.own_pages and self.own_keys.get(visitor) != key:
                self.own_keys[visitor] = key
                for socket in list(self.own_pages[visitor]):
                    await socket.send_beat(key, fresh=self._is_fresh)

    async def _beat(self) -> None:
        """Tell every page that this server is alive, whether its knowledge is fresh, and which tiles there are."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                await self._beat_once()
            except Exception:  # without signs of life every page would think that the server is gone
                logger.exception("A sign of life was not sent to all pages")

    async def _beat_once(self) -> None:
        for room in list(self.rooms.values()):
            for socket in room.sockets:
                if socket.is_ready:
                    key = room.snapshot.week.grid_key(socket.day) if room.snapshot else ""
                    await socket.send_beat(key, fresh=self._is_fresh)
        for visitor, sockets in list(self.own_pages.items()):
            for page in list(sockets):
                await page.send_beat(self.own_keys.get(visitor, ""), fresh=self._is_fresh)


def _layer() -> Any:
    """The channel layer. channels-redis has no types, and its methods take more than those that channels describes."""
    return get_channel_layer()


_hubs: dict[asyncio.AbstractEventLoop, Hub] = {}


def hub() -> Hub:
    """This event loop's hub."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        for closed in [other for other in _hubs if other.is_closed()]:
            del _hubs[closed]
        _hubs[loop] = Hub()
    return _hubs[loop]


async def close_hub() -> None:
    """End this event loop's hub: its tasks and its channel."""
    closing = _hubs.pop(asyncio.get_running_loop(), None)
    running = set(closing._tasks) if closing is not None else set()
    while running:  # a library on the way may swallow a cancellation, so ask until all have ended
        for task in running:
            task.cancel()
        _ended, running = await asyncio.wait(running, timeout=1)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _groups_of(socket: Socket) -> list[str]:
    """The groups that tell what a page shows: its expert's, if it is one of an expert, and its viewer's own."""
    groups = [expert_group(socket.room_key[0])] if socket.room_key is not None else []
    return [*groups, visitor_group(socket.visitor)] if socket.visitor else groups
