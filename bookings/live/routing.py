"""Which consumer serves which address of a socket."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from channels.routing import URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from channels.sessions import CookieMiddleware
from django.urls import path, re_path

from bookings.live.consumers import (
    AnyoneConsumer,
    BookingsConsumer,
    ExpertConsumer,
    PageConsumer,
    Receive,
    Send,
    StaffConsumer,
    UnknownConsumer,
)
from experts.models import StaffSession

# Given the key of a session of Django: the session of whoever is logged in with it, with ``user``. None for nobody.
FindStaff = Callable[[str], StaffSession | None]


class Found:
    """An ASGI application that only leaves in the scope which consumer is to serve it, and with what scope."""

    def __init__(self, consumer: type[PageConsumer]) -> None:
        self._consumer = consumer

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        scope["found"].append((self._consumer(), scope))


_routes: list[Any] = [
    path("ws/experts/<slug:slug>/", Found(ExpertConsumer)),  # type: ignore[arg-type]  # for Django a path leads to a view
    path("ws/o/<slug:slug>/book/<slug:type_slug>/", Found(AnyoneConsumer)),  # type: ignore[arg-type]  # for Django a path leads to a view
    path("ws/bookings/", Found(BookingsConsumer)),  # type: ignore[arg-type]  # for Django a path leads to a view
    path("ws/staff/<slug:slug>/", Found(StaffConsumer)),  # type: ignore[arg-type]  # for Django a path leads to a view
    re_path(r"", Found(UnknownConsumer)),  # type: ignore[arg-type]  # for Django a path leads to a view
]
# Cookies are sent along from any site, so the origin is what tells whose page is dialling.
_find: Any = AllowedHostsOriginValidator(CookieMiddleware(URLRouter(_routes)))


async def serve_socket(scope: dict[str, Any], receive: Receive, send: Send, *, find_staff: FindStaff) -> None:
    """The ASGI application of all sockets.

    ``find_staff`` says whose a browser's session is: how staff log in is the site's to know. The consumer runs after
    those that found it have returned: each of them would keep a scope of its own in memory for as long as the socket is
    open.
    """
    found: list[tuple[PageConsumer, dict[str, Any]]] = []
    headers = [header for header in scope["headers"] if header[0] != b"origin" or _is_address(header[1])]
    await _find(scope | {"headers": headers, "found": found, "find_staff": find_staff}, receive, send)
    if found:  # else it was refused
        consumer, scope = found.pop()
        await consumer(scope, receive, send)


def _is_address(origin: bytes) -> bool:
    """Whether an origin can be taken apart. Channels fails at one that cannot; without any, it refuses the socket."""
    try:
        urlsplit(origin.decode("latin1"))
    except ValueError:
        return False
    return True
