"""What strangers are refused."""

import pytest
from asgiref.sync import sync_to_async

from bookings.live import hub as hub_module
from bookings.live.consumers import LONGEST_MESSAGE, MOST_MESSAGES, NOT_FOUND, TOO_MANY_MESSAGES, TOO_MANY_SOCKETS
from tests.bookings.live.sockets import OTHER, VISITOR, closing_code, day_path, frames, in_loop, is_beat, socket
from tests.cast import fresh, make_expert, make_slot

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("origin", ["https://evil.example", "http://testserver.evil.example", "null", "http://["])
@in_loop
async def test_foreign_origins_are_refused(origin):
    slot = await sync_to_async(make_slot)()
    async with socket(day_path(slot), origin=origin) as page:
        assert not page.was_accepted


@pytest.mark.parametrize(
    "path",
    [
        "/ws/experts/nobody/?day=2026-12-01",
        "/ws/experts/amara/?day=nonsense",
        "/ws/experts/amara/?day=9999-12-31",
        "/ws/experts/amara/?day=%00",
        "/ws/elsewhere/",
        "/ws/",
    ],
)
@in_loop
async def test_unknown_addresses_are_closed_for_good(path):
    await sync_to_async(make_expert)(slug="amara")
    async with socket(path) as page:
        assert await closing_code(page) == NOT_FOUND


@in_loop
async def test_messages_from_pages_are_ignored_and_bounded():
    slot = await sync_to_async(make_slot)(capacity=3)
    async with socket(day_path(slot)) as page:
        await frames(page, is_beat)
        for _ in range(MOST_MESSAGES):
            await page.send_to(text_data='{"type": "slot.changed"}')
        assert await page.receive_nothing(timeout=0.2)
        await page.send_to(text_data="one too many")
        assert await closing_code(page) == TOO_MANY_MESSAGES
    async with socket(day_path(slot)) as page:
        await frames(page, is_beat)
        await page.send_to(bytes_data=b"x" * (LONGEST_MESSAGE + 1))
        assert await closing_code(page) == TOO_MANY_MESSAGES
    assert (await sync_to_async(fresh)(slot)).version == slot.version


@in_loop
async def test_a_visitor_has_twenty_sockets_and_no_more(settings, monkeypatch):
    settings.RATE_LIMITS = True
    slot = await sync_to_async(make_slot)()
    sockets = [socket(day_path(slot), visitor=VISITOR) for _ in range(hub_module.MOST_SOCKETS_PER_VISITOR)]
    for one in sockets:
        await frames(await one.__aenter__(), is_beat)
    async with socket(day_path(slot), visitor=VISITOR) as page:
        assert await closing_code(page) == TOO_MANY_SOCKETS
    async with socket(day_path(slot), visitor=OTHER) as page:
        await frames(page, is_beat)
    # A new identity costs nothing, so an address has a limit, too.
    monkeypatch.setattr("bookings.live.consumers.MOST_SOCKETS_PER_ADDRESS", hub_module.MOST_SOCKETS_PER_VISITOR)
    async with socket(day_path(slot), visitor=OTHER) as page:
        assert await closing_code(page) == TOO_MANY_SOCKETS
    monkeypatch.undo()
    settings.RATE_LIMITS = True
    await sockets[0].__aexit__(None, None, None)
    async with socket(day_path(slot), visitor=VISITOR) as page:
        await frames(page, is_beat)
    for one in sockets[1:]:
        await one.__aexit__(None, None, None)
