"""Pages' sockets. They say who is there and pass on what the hub says; what a page sends is ignored, and bounded."""

import contextlib
import json
from datetime import date
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import Error as DatabaseError
from django.http import QueryDict

from bookings.access.visitor import address_behind_proxies, identify
from bookings.live.hub import MOST_SOCKETS_PER_ADDRESS, MOST_SOCKETS_PER_VISITOR, hub

# What the page does after each is in static/js/live.js: it loads itself again without a visitor, dials again later when
# there are too many sockets, and otherwise stops and says so. After a code below 3000 it dials again at once.
NOT_FOUND, NO_VISITOR, TOO_MANY_SOCKETS, TOO_MANY_MESSAGES = 4404, 4401, 4429, 4408
MOST_MESSAGES, LONGEST_MESSAGE = 20, 1024


class PageConsumer(AsyncWebsocketConsumer):
    """What all pages' sockets share."""

    # No channel of the layer for each socket: the hub has one for all, and sockets work while Valkey is away.
    channel_layer_alias = "none"
    visitor = ""
    language = "en"
    room_key: tuple[int, date] | None = None
    is_ready = False
    _messages = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._owners: list[str] = []

    async def connect(self) -> None:
        await self.accept()  # a refusal before this is dialled again for ever
        self.visitor = identify(self.scope.get("cookies", {}))
        self.language = settings.LANGUAGE_CODE
        if not self._admit():
            return await self.close(TOO_MANY_SOCKETS)
        try:
            await self.join()
        except DatabaseError:
            await self.close()  # 1000: the page dials again
        return None

    async def join(self) -> None:
        raise NotImplementedError

    async def leave(self) -> None:
        raise NotImplementedError

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        # Not in disconnect(): that is skipped when the server cancels a socket that was still joining.
        try:
            await super().__call__(scope, receive, send)
        finally:
            for owner in self._owners:
                hub().dismiss(owner)
            await self.leave()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Pages have nothing to say. A few words are a mistake, many are an attack."""
        self._messages += 1
        if self._messages > MOST_MESSAGES or len(text_data or bytes_data or "") > LONGEST_MESSAGE:
            await self.close(TOO_MANY_MESSAGES)

    async def send_html(self, html: str) -> None:
        """Send HTML that the page swaps in; nothing when it is empty."""
        if html:
            await self._send(html)

    async def send_beat(self, grid: str, *, fresh: bool) -> None:
        """Say that the server is alive, which tiles there should be, and whether that was read lately.

        JSON without HTML: htmx swaps nothing, static/js/live.js reads it.
        """
        await self._send(json.dumps({"beat": {"grid": grid, "fresh": fresh}}))

    async def send_own_changed(self) -> None:
        """Say that what is the viewer's own has changed. The page looks again (static/js/live.js)."""
        if self.is_ready:
            await self._send(json.dumps({"own": True}))

    async def _send(self, text: str) -> None:
        with contextlib.suppress(Exception):  # a socket that is closing is left alone
            await self.send(text_data=text)

    def _admit(self) -> bool:
        if not settings.RATE_LIMITS:
            return True
        address = str((self.scope.get("client") or ("", 0))[0])
        headers = dict(self.scope.get("headers", []))
        behind = address_behind_proxies(address, headers.get(b"x-forwarded-for", b"").decode("latin-1"))
        # Both: an identity costs nothing, so it must not be a way around the limit of the address.
        owners = {f"address {behind}": MOST_SOCKETS_PER_ADDRESS}
        if self.visitor:
            owners[f"visitor {self.visitor}"] = MOST_SOCKETS_PER_VISITOR
        for owner, most in owners.items():
            if not hub().admit(owner, most):
                return False
            self._owners.append(owner)
        return True


class ExpertConsumer(PageConsumer):
    """``/ws/experts/<slug>/?day=YYYY-MM-DD``: one day of an expert, as the expert page shows it."""

    day: date

    async def join(self) -> None:
        query = QueryDict(self.scope.get("query_string", b""))
        found = await hub().find_day(self.scope["url_route"]["kwargs"]["slug"], query.get("day"))
        if found is None:
            return await self.close(NOT_FOUND)
        expert_id, self.day = found
        if not await hub().join_room(self, expert_id):
            return await self.close(NOT_FOUND)
        return None

    async def leave(self) -> None:
        if self.room_key is not None:
            await hub().leave_room(self)


class BookingsConsumer(PageConsumer):
    """``/ws/bookings/``: My bookings and the booking page, told whenever the visitor's bookings change."""

    _has_joined = False

    async def join(self) -> None:
        if not self.visitor:
            return await self.close(NO_VISITOR)
        self._has_joined = True
        return await hub().join_own(self)

    async def leave(self) -> None:
        if self._has_joined:
            await hub().leave_own(self)


class UnknownConsumer(PageConsumer):
    """Any other address."""

    async def join(self) -> None:
        await self.close(NOT_FOUND)

    async def leave(self) -> None:
        pass
