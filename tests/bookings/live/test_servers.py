"""What both servers of sockets say to a page that is to go: static/js/live.js acts by the code."""

import asyncio
import signal

import pytest
import websockets

from bookings.live.consumers import LONGEST_MESSAGE, NO_VISITOR, NOT_FOUND, TOO_MANY_MESSAGES
from tests.cast import make_expert, make_slot
from tests.live import SERVERS

TOO_LARGE = 1009  # RFC 6455, 7.4.1
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=SERVERS)
def site(site_with, request):
    return site_with(request.param)


def closing_code(site, path, *, says="", then=lambda: None):
    """The code with which the server closes, after the page was told something and has said something."""

    async def run():
        async with websockets.connect(f"ws://127.0.0.1:{site.port}{path}", origin=site.url) as page:
            if says:
                await asyncio.wait_for(page.recv(), 30)
                await page.send(says)
            then()
            await asyncio.wait_for(page.wait_closed(), 30)
            return page.close_code

    return asyncio.run(run())


def test_an_address_that_is_nobodys(site):
    assert closing_code(site, "/ws/experts/nobody/?day=2026-12-01") == NOT_FOUND


def test_own_bookings_without_an_identity(site):
    assert closing_code(site, "/ws/bookings/") == NO_VISITOR


def test_too_long_a_message(site):
    slot = make_slot(make_expert())
    path = f"/ws/experts/{slot.expert.slug}/?day={slot.date}"
    assert closing_code(site, path, says="x" * (LONGEST_MESSAGE + 1)) == TOO_MANY_MESSAGES


def test_a_frame_of_many_kilobytes(site):
    """The server of production does not even read it; the application would close it, too."""
    slot = make_slot(make_expert())
    path = f"/ws/experts/{slot.expert.slug}/?day={slot.date}"
    assert closing_code(site, path, says="x" * 100_000) in (TOO_LARGE, TOO_MANY_MESSAGES)


def test_a_foreign_origin(site):
    async def run():
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(f"ws://127.0.0.1:{site.port}/ws/bookings/", origin="https://evil.example")
        return refused.value.response.status_code

    assert asyncio.run(run()) == 403


def test_a_restart_has_pages_dial_again(site_with):
    """1012 is among the codes after which they do (templates/base.html)."""
    site = site_with("live_server", LIVE_CHECK_SECONDS="5")
    slot = make_slot(make_expert())
    path = f"/ws/experts/{slot.expert.slug}/?day={slot.date}"
    assert closing_code(site, path, says=" ", then=lambda: site.process.send_signal(signal.SIGTERM)) == 1012
