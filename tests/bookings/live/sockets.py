"""Pages' sockets without a browser, and what tests of them wait for."""

import re
from contextlib import asynccontextmanager
from datetime import timedelta
from inspect import signature

from asgiref.sync import async_to_sync
from channels.testing import WebsocketCommunicator
from django.core import signing

from bookings.live import hub as hub_module
from bookings.live.keys import WeekKey
from bookings.selectors import week as calendar
from bookingsite.asgi import application

VISITOR, OTHER = "a" * 32, "b" * 32


def in_loop(test):
    """Run an async test, with database work in this very thread."""

    def run(*args, **kwargs):
        async def whole():
            try:
                await test(*args, **kwargs)
            finally:
                await hub_module.close_hub()

        async_to_sync(whole)()

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    run.__signature__ = signature(test)
    return run


def cookie(visitor):
    return f"visitor={signing.TimestampSigner(salt='bookings.visitor').sign(visitor)}".encode()


@asynccontextmanager
async def socket(path, *, visitor="", staff=None, origin="http://testserver"):
    """``staff``: a client of the tests that is logged in."""
    headers = [(b"origin", origin.encode()), (b"host", b"testserver")]
    if visitor:
        headers.append((b"cookie", cookie(visitor)))
    if staff:
        headers.append((b"cookie", f"sessionid={staff.cookies['sessionid'].value}".encode()))
    communicator = WebsocketCommunicator(application, path, headers=headers)
    communicator.scope["client"] = ["203.0.113.1", 1234]
    connected, _code = await communicator.connect(timeout=10)
    communicator.was_accepted = connected
    try:
        yield communicator
    finally:
        await communicator.disconnect()


def day_path(slot, weeks=0):
    return f"/ws/experts/{slot.expert.slug}/?day={slot.date + timedelta(weeks=weeks)}"


def week_of(slot):
    """The key of the slot's week, by the expert's clock."""
    first = calendar.week_of(slot.date, slot.expert.today())
    return WeekKey(slot.expert_id, first, first + timedelta(days=6))


async def closing_code(communicator):
    while True:
        message = await communicator.receive_output(timeout=10)
        if message["type"] == "websocket.close":
            return message["code"]


async def frames(communicator, until):
    """Frames up to the first one that satisfies ``until``, that one included."""
    seen = []
    while True:
        seen.append(await communicator.receive_from(timeout=10))
        if until(seen[-1]):
            return seen


def is_beat(frame):
    return frame.startswith("{")


def shows(slot, text):
    return lambda frame: (
        re.search(rf'id="slot-{slot.pk}-state"[^>]*>(?:(?!id="slot-).)*{text}', frame, re.S) is not None
    )
