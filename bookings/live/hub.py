"""The hub: all sockets of one process, the rooms they are in, and what keeps both equal to the database.

A room is one expert's week by one clock. Whatever happens (a socket joins, a message says that a slot changed, the
comparison every few seconds is due) asks for something to be read. One task reads for all, round after round
(bookings/live/reading.py): what is asked during a round waits for the next, so that a thousand sockets that join at
once, or a hundred changes a second, cost a few queries and a few messages. What was found is sent without waiting for
anybody.
"""

import asyncio
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Any

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import Error as DatabaseError
from django.utils import timezone

from bookings.access.visitor import visitor_group
from bookings.live import queries, reading
from bookings.live.keys import FoundDay, WeekKey
from bookings.live.room import Room
from bookings.live.sockets import OWN_CHANGED, Socket, WeekSocket, beat
from bookings.live.staff_rooms import StaffRooms, StaffSocket
from bookings.live.type_rooms import TypeRooms, TypeSocket
from bookings.selectors.staff_version import StaffKey
from bookings.selectors.type_version import TypeKey
from experts import metrics
from experts.publisher import GROUP, messages_in

logger = logging.getLogger(__name__)
VALKEY_SECONDS = 2.0  # to wait for Valkey; changes are found without it
BEAT_SECONDS = 5.0  # between signs of life; static/js/live.js waits for three of them
MERGE_SECONDS = 0.1  # after a round: what changes meanwhile is one message to each page
ADDRESS_SECONDS = 1.0  # for which the expert and the day of an address are known
MOST_SOCKETS_PER_VISITOR = 20
MOST_SOCKETS_PER_ADDRESS = 500  # an office or a school shares one address


# Slug, day, zone, first and last day, and session type, as a socket's address has them.
Address = tuple[str, str | None, str | None, str | None, str | None, str | None]


class Hub:
    """All sockets of the process. Made when the first one comes; lives in that event loop."""

    def __init__(self) -> None:
        self.rooms: dict[WeekKey, Room] = {}
        self._rooms_of: dict[int, dict[WeekKey, Room]] = defaultdict(dict)  # by expert
        self.types = TypeRooms()
        self.staff = StaffRooms()
        self.own_pages: dict[str, set[Socket]] = defaultdict(set)
        self.own_keys: dict[str, str] = {}
        self.members: dict[str, set[Socket]] = defaultdict(set)  # by the name that messages give a visitor
        self._asked_own: set[str] = set()
        self._compares_all = False
        self._wake = asyncio.Event()
        self._days: dict[Address, asyncio.Task[FoundDay | None]] = {}
        self._per_owner: Counter[str] = Counter()
        self.hears = False  # what is published
        self._heard_at: float | None = None  # the first message that no reading has taken up
        self._is_fresh = True
        works = (self._listen, self._keep_reading, self._check, self._beat)
        self._tasks = {asyncio.create_task(work()) for work in works}

    # ---------- Sockets ----------

    def admit(self, owner: str, most: int) -> bool:
        """Count one more socket of an owner (a visitor or an address); False when that is one too many."""
        if self._per_owner[owner] >= most:
            return False
        self._per_owner[owner] += 1
        metrics.sockets.inc()
        return True

    def dismiss(self, owner: str) -> None:
        self._per_owner[owner] -= 1
        metrics.sockets.dec()
        if self._per_owner[owner] <= 0:
            del self._per_owner[owner]

    async def find_day(self, address: Address, *, anew: bool) -> FoundDay | None:
        """The expert and day of an address. Asked once for all who come within a second, unless ``anew``."""
        task = self._days.get(address)
        if task is None or (anew and task.done()):
            task = self._days[address] = asyncio.create_task(database_sync_to_async(queries.find_day)(*address))
            task.add_done_callback(lambda done: self._keep_day(address, done))
        return await asyncio.shield(task)

    def _keep_day(self, address: Address, task: asyncio.Task[FoundDay | None]) -> None:
        is_found = not task.cancelled() and task.exception() is None and task.result() is not None
        seconds = ADDRESS_SECONDS if is_found else 0
        asyncio.get_running_loop().call_later(seconds, self._days.pop, address, None)

    async def join_room(self, socket: WeekSocket, week: WeekKey) -> bool:
        """Put the socket into its room and send it the whole day, as it is after it began to listen.

        False when there is nothing to show: the expert is gone. However this ends, the socket is to leave the room.
        """
        socket.room_key = week
        room = self.rooms.get(week)
        if room is None:
            room = self.rooms[week] = self._rooms_of[week.expert_id][week] = Room(week)
        has_something = room.add(socket)
        self._enter(socket)
        self._wake.set()
        return await has_something

    def leave_room(self, socket: WeekSocket) -> None:
        if socket.room_key and (room := self.rooms.get(socket.room_key)):
            room.remove(socket)
            if room.is_empty:
                self._close(room.key)
        self._leave(socket)

    def _close(self, key: WeekKey) -> None:
        rooms = self._rooms_of[key.expert_id]
        del self.rooms[key], rooms[key]
        if not rooms:
            del self._rooms_of[key.expert_id]

    def join_type(self, socket: TypeSocket, key: TypeKey) -> None:
        """Tell the socket what its page should show by now, soon and whenever that changes."""
        self.types.join(socket, key)
        self._wake.set()

    def join_staff(self, socket: StaffSocket, key: StaffKey) -> None:
        """Tell the socket what its page of staff should show by now, soon and whenever that changes."""
        self.staff.join(socket, key)
        self._wake.set()

    def join_own(self, socket: Socket) -> None:
        """Tell the socket the key of what My bookings shows, soon and whenever the visitor's bookings change."""
        self.own_pages[socket.visitor].add(socket)
        self._enter(socket)
        self._ask_own(socket.visitor)

    def leave_own(self, socket: Socket) -> None:
        pages = self.own_pages.get(socket.visitor, set())
        pages.discard(socket)
        if not pages:
            self.own_pages.pop(socket.visitor, None)
            self.own_keys.pop(socket.visitor, None)
        self._leave(socket)

    def _enter(self, socket: Socket) -> None:
        if socket.visitor:
            self.members[visitor_group(socket.visitor)].add(socket)

    def _leave(self, socket: Socket) -> None:
        group = visitor_group(socket.visitor)
        if group in self.members:
            self.members[group].discard(socket)
            if not self.members[group]:
                del self.members[group]

    # ---------- Messages ----------

    async def _listen(self) -> None:
        layer, channel = _layer(), ""
        while not self.hears:
            try:
                async with asyncio.timeout(VALKEY_SECONDS):
                    channel = await layer.new_channel("hub.")
                    await layer.group_add(GROUP, channel)
                self.hears = True
            except Exception as error:
                logger.warning("Live messages are not heard (%s); changes show a little later.", type(error).__name__)
                await asyncio.sleep(settings.LIVE_CHECK_SECONDS)
        self._compare_all()  # what was said before nobody has heard
        while True:
            message = await layer.receive(channel)
            self._hear(message)

    def _hear(self, heard: Any) -> None:
        """Take one or several messages; whatever anybody may publish must not end the listening, nor hide the rest."""
        try:
            messages = messages_in(heard)
        except Exception:
            logger.exception("A live message could not be understood")
            return
        self._heard_at = self._heard_at or time.perf_counter()
        for message in messages:
            try:
                self._handle(message)
            except Exception:
                logger.exception("A live message could not be understood")

    def _handle(self, message: dict[str, Any]) -> None:
        if message.get("type") == "slot.changed":
            day = date.fromisoformat(message["day"])
            # Its rooms and no others: an evening of many bookings must not have every week that is shown read again.
            if self.types.hear(message["expert"], day):
                self._wake.set()
            if self.staff.hear(message["expert"]):
                self._wake.set()
            for key, room in self._rooms_of.get(message["expert"], {}).items():
                if key.may_show(day):
                    room.ask()
                    self._wake.set()
        elif message.get("type") == "offers.changed":
            self.types.hear(message["expert"], None)
            for room in self._rooms_of.get(message["expert"], {}).values():
                room.ask()
            self._wake.set()
        elif message.get("type") == "bookings.changed":
            self._ask_visitor(message["visitor"])

    def _ask_visitor(self, group: str) -> None:
        """Look again at what is one visitor's own, for the pages of that visitor and no others."""
        for socket in self.members.get(group, ()):
            if socket.room_key is None:
                self._ask_own(socket.visitor)
                continue
            self.rooms[socket.room_key].ask_marks(socket.visitor)
            self._wake.set()
            # What is kept on another day or week has no tile here, but the page's bar speaks of it.
            if socket.is_ready:
                socket.tell(OWN_CHANGED)

    def _ask_own(self, visitor: str) -> None:
        self._asked_own.add(visitor)
        self._wake.set()

    def _compare_all(self) -> None:
        self._compares_all = True
        self._wake.set()

    # ---------- Reading ----------

    async def _keep_reading(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            order = self._take_order()
            heard_at, self._heard_at = self._heard_at, None
            try:
                answer = await database_sync_to_async(reading.read)(order)
                self._take(order, answer)
                if heard_at is not None:
                    metrics.push_seconds.observe(time.perf_counter() - heard_at)
            except DatabaseError as error:
                # The pages keep what they have and are told, by the beat, that it may be old.
                self._note_trouble(error)
                self._put_back(order)
            except Exception:  # whatever it was must not end the reading: pages would show one moment for ever
                logger.exception("What pages show could not be read")
                self._put_back(order)
            await asyncio.sleep(MERGE_SECONDS)

    def _take_order(self) -> reading.Order:
        compares_all, self._compares_all = self._compares_all, False
        own = set(self.own_pages) if compares_all else self._asked_own & self.own_pages.keys()
        self._asked_own = set()
        rooms = {key: room.take_order() for key, room in self.rooms.items() if compares_all or room.is_due}
        staff = self.staff.take_order(compares_all=compares_all)
        if (seconds := self.staff.seconds_to_wait()) is not None:
            asyncio.get_running_loop().call_later(seconds, self._wake.set)
        listening = self.staff.listening if compares_all else set()
        return reading.Order(rooms, own, self.types.take_order(compares_all=compares_all), staff, listening)

    def _put_back(self, order: reading.Order) -> None:
        """Ask for the same again; it is read with the next comparison, or with what is asked before that."""
        for key, asked in order.rooms.items():
            if room := self.rooms.get(key):
                room.put_back(asked)
        self._asked_own |= order.own
        self.types.put_back(order.types)
        self.staff.put_back(order.staff)

    def _take(self, order: reading.Order, answer: reading.Reading) -> None:
        self._is_fresh = True
        for key, asked in order.rooms.items():
            room = self.rooms.get(key)
            if room is None:
                continue
            if key in answer.rooms:
                room.take(asked, answer.rooms[key])
                if room.is_due:
                    self._wake.set()
            else:
                room.put_back(asked)
        for visitor, key_of_own in answer.own_keys.items():
            self._take_own(visitor, key_of_own)
        self.types.take(answer.types)
        self.staff.take_admitted(order.listening, answer.admitted)
        self.staff.take(answer.staff)

    def _take_own(self, visitor: str, key: str) -> None:
        if visitor not in self.own_pages:
            return
        has_changed = self.own_keys.get(visitor) != key
        self.own_keys[visitor] = key
        for socket in self.own_pages[visitor]:
            if has_changed or not socket.is_ready:
                socket.is_ready = True
                socket.tell(beat(key, is_fresh=True))

    def _note_trouble(self, error: Exception) -> None:
        if self._is_fresh:
            logger.warning("The database did not answer (%s); pages are told so.", type(error).__name__)
        self._is_fresh = False

    # ---------- The clock ----------

    async def _check(self) -> None:
        """Find what no message told: raw SQL, lost messages, time that passed."""
        while True:
            await asyncio.sleep(settings.LIVE_CHECK_SECONDS)
            for room in self.rooms.values():
                room.ask_lapsed_marks(timezone.now())
            self._compare_all()

    async def _beat(self) -> None:
        """Tell every page that this server is alive, whether its knowledge is fresh, and which tiles there are."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                self._beat_once()
            except Exception:  # without signs of life every page would think that the server is gone
                logger.exception("A sign of life was not sent to all pages")

    def _beat_once(self) -> None:
        for room in self.rooms.values():
            room.beat(is_fresh=self._is_fresh)
        self.types.beat(is_fresh=self._is_fresh)
        self.staff.beat(is_fresh=self._is_fresh)
        for visitor, sockets in self.own_pages.items():
            message = beat(self.own_keys.get(visitor, ""), is_fresh=self._is_fresh)
            for socket in sockets:
                socket.tell(message)


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
    running: Iterable[asyncio.Task[Any]] = set(closing._tasks) if closing is not None else set()
    while running:  # a library on the way may swallow a cancellation, so ask until all have ended
        for task in running:
            task.cancel()
        _ended, running = await asyncio.wait(running, timeout=1)
