"""Pages' sockets. They say who is there and pass on what the hub says; what a page sends is ignored, and bounded.

Consumers of Channels without what these do not use: no dispatch by the type of a message, no channel of the layer and
no task for each socket. A thousand of them come at once, and stay for hours.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

from channels.consumer import AsyncConsumer
from channels.db import database_sync_to_async
from django.conf import settings
from django.db import Error as DatabaseError
from django.http import QueryDict

from bookings.access.visitor import address_behind_proxies, identify
from bookings.live import queries
from bookings.live.hub import MOST_SOCKETS_PER_ADDRESS, MOST_SOCKETS_PER_VISITOR, hub
from bookings.live.keys import WeekKey
from bookings.live.queries import LONGEST_MONTH
from bookings.live.sockets import TRANSPORT, DirectWire, Message, QueuedWire
from bookings.selectors.staff_experts import MOST_COLUMNS
from bookings.selectors.staff_version import StaffAccess, StaffKey
from bookings.selectors.type_version import TypeKey
from bookings.selectors.week import read_day
from experts.scheduling.anyone import find_type

# What the page does after each is in static/js/live.js: it loads itself again without a visitor, dials again later when
# there are too many sockets, and otherwise stops and says so. After a code below 3000 it dials again soon.
NOT_FOUND, NO_VISITOR, TOO_MANY_SOCKETS, TOO_MANY_MESSAGES = 4404, 4401, 4429, 4408
AGAIN = 1000
JOIN_SECONDS = 30.0  # to be sent a first day; while the database is away, pages that went are not kept until it is back
MOST_MESSAGES, LONGEST_MESSAGE = 20, 1024
_KEYS = re.compile(rf"[0-9]{{1,18}}(,[0-9]{{1,18}}){{0,{MOST_COLUMNS - 1}}}")

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class PageConsumer(AsyncConsumer):
    """What all pages' sockets share."""

    room_key: WeekKey | None
    is_ready: bool

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:  # type: ignore[override]  # types-channels wants its own scopes
        self._owners: list[str] = []
        self.room_key = None
        self.is_ready = False
        self.visitor = identify(scope.get("cookies", {}))
        self.language = settings.LANGUAGE_CODE
        transport = scope.get("extensions", {}).get(TRANSPORT)
        task = asyncio.current_task()
        assert task is not None
        self._wire = DirectWire(transport) if transport else QueuedWire(send, task.cancel)
        try:
            await receive()  # that it connects
            await send({"type": "websocket.accept"})  # a refusal before this is dialled again for ever
            code = await self._refusal(scope)
            _forget(scope)
            if code is None:
                code = await self.listen(receive)
            if code is not None:
                await self._wire.flush()
                await send({"type": "websocket.close", "code": code})
        finally:
            for owner in self._owners:
                hub().dismiss(owner)
            self.leave()

    def tell(self, *messages: Message) -> None:
        """Send them, at once or as soon as what was sent before has left. Never waits, never fails."""
        self._wire.write(messages)

    async def join(self, scope: dict[str, Any]) -> int | None:
        """Be told from now on. Returns the code to close with if there is nothing to be told."""
        raise NotImplementedError

    def leave(self) -> None:
        """Be told no more. Before or amid joining, too."""
        raise NotImplementedError

    async def listen(self, receive: Receive) -> int | None:
        """Wait until it is over. Returns the code to close with; None when the page has gone."""
        return await _listen(receive)

    async def _refusal(self, scope: dict[str, Any]) -> int | None:
        if not self._admit(scope):
            return TOO_MANY_SOCKETS
        try:
            async with asyncio.timeout(JOIN_SECONDS):
                return await self.join(scope)
        except (DatabaseError, TimeoutError):
            return AGAIN

    def _admit(self, scope: dict[str, Any]) -> bool:
        if not settings.RATE_LIMITS:
            return True
        address = str((scope.get("client") or ("", 0))[0])
        headers = dict(scope.get("headers", []))
        behind = address_behind_proxies(address, headers.get(b"x-forwarded-for", b"").decode("latin-1"))
        # Both: an identity costs nothing, so it must not be a way around the limit of the address.
        owners = {f"address {behind}": MOST_SOCKETS_PER_ADDRESS}
        if self.visitor:
            owners[f"visitor {self.visitor}"] = MOST_SOCKETS_PER_VISITOR
        return all(self._count(owner, most) for owner, most in owners.items())

    def _count(self, owner: str, most: int) -> bool:
        """Count this socket among those of an owner, until it is over; False when that is one too many."""
        is_admitted = hub().admit(owner, most)
        if is_admitted:
            self._owners.append(owner)
        return is_admitted


def _forget(scope: dict[str, Any]) -> None:
    """Drop what the request said: whoever called the consumer keeps the scope for as long as the socket is open."""
    scope.get("headers", []).clear()
    scope.get("cookies", {}).clear()


async def _listen(receive: Receive) -> int | None:
    """Pages have nothing to say: a few words are a mistake, many are an attack. Returns the code to close with.

    None when the page has gone.
    """
    messages = 0
    while (event := await receive())["type"] == "websocket.receive":
        messages += 1
        if messages > MOST_MESSAGES or len(event.get("text") or event.get("bytes") or "") > LONGEST_MESSAGE:
            return TOO_MANY_MESSAGES
    return None


class ExpertConsumer(PageConsumer):
    """``/ws/experts/<slug>/?day=YYYY-MM-DD&from=…&to=…&zone=…&type=…``: one day of an expert, as the page shows it.

    Among the days from and to which the page has counts; with the zone of the page's clock where that is not the
    expert's, and the type whose sessions it shows, if any.
    """

    async def join(self, scope: dict[str, Any]) -> int | None:
        slug, query = scope["url_route"]["kwargs"]["slug"], QueryDict(scope.get("query_string", b""))
        for anew in (False, True):  # whose address it is may have changed a moment ago
            names = (slug, *(query.get(name) for name in ("day", "zone", "from", "to", "type")))
            found = await hub().find_day(names, anew=anew)
            if found is None:
                return NOT_FOUND
            self.day = found.day
            if await hub().join_room(self, found.week):
                return None
            hub().leave_room(self)
        return NOT_FOUND

    def leave(self) -> None:
        if self.room_key is not None:
            hub().leave_room(self)


class AnyoneConsumer(PageConsumer):
    """``/ws/o/<organisation>/book/<type>/?from=…&to=…``: the times of a type with all who offer it, on some days."""

    type_key: TypeKey | None = None

    async def join(self, scope: dict[str, Any]) -> int | None:
        names, query = scope["url_route"]["kwargs"], QueryDict(scope.get("query_string", b""))
        first, last = read_day(query.get("from", "")), read_day(query.get("to", ""))
        if first is None or last is None or not first <= last < first + LONGEST_MONTH:
            return NOT_FOUND
        found = await database_sync_to_async(find_type)(names["slug"], names["type_slug"])
        if found is None:
            return NOT_FOUND
        hub().join_type(self, TypeKey(found.pk, first, last))
        return None

    def leave(self) -> None:
        hub().types.leave(self)


class BookingsConsumer(PageConsumer):
    """``/ws/bookings/``: My bookings and the booking page, told whenever the visitor's bookings change."""

    async def join(self, scope: dict[str, Any]) -> int | None:
        if not self.visitor:
            return NO_VISITOR
        hub().join_own(self)
        return None

    def leave(self) -> None:
        hub().leave_own(self)


class StaffConsumer(PageConsumer):
    """``/ws/staff/<organisation>/?day=YYYY-MM-DD&experts=3,5``: pages of the admin, told what kind of thing changed.

    For those who work there, as long as they do and are logged in, and for superusers; to others there is nothing here.
    Without a day it is about today. Experts are named where there are too many to listen to all.
    """

    staff_key: StaffKey | None = None
    access: StaffAccess

    async def join(self, scope: dict[str, Any]) -> int | None:
        self._over: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        query = QueryDict(scope.get("query_string", b""))
        asked, named = query.get("day", ""), query.get("experts", "")
        day = read_day(asked)
        if (asked and day is None) or (named and not _KEYS.fullmatch(named)):
            return NOT_FOUND
        session_key = scope.get("cookies", {}).get(settings.SESSION_COOKIE_NAME, "")
        session = await database_sync_to_async(scope["find_staff"])(session_key)
        if session is None:
            return NO_VISITOR
        if not self._count(f"staff {session.user_id}", MOST_SOCKETS_PER_VISITOR):
            return TOO_MANY_SOCKETS
        slug = scope["url_route"]["kwargs"]["slug"]
        organization_id = await database_sync_to_async(queries.find_own_organization)(session.user, slug)
        if organization_id is None:
            return NOT_FOUND
        self.access = StaffAccess(session.pk, organization_id)
        experts = tuple(sorted({int(key) for key in named.split(",")})) if named else ()
        hub().join_staff(self, StaffKey(organization_id, day, experts))
        return None

    async def listen(self, receive: Receive) -> int | None:
        listening = asyncio.ensure_future(_listen(receive))
        waits: set[asyncio.Future[Any]] = {listening, self._over}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            return self._over.result() if self._over.done() else listening.result()
        finally:
            listening.cancel()

    def end(self) -> None:
        if not self._over.done():
            self._over.set_result(NOT_FOUND)

    def leave(self) -> None:
        hub().staff.leave(self)


class UnknownConsumer(PageConsumer):
    """Any other address."""

    async def join(self, scope: dict[str, Any]) -> int | None:
        return NOT_FOUND

    def leave(self) -> None:
        pass
