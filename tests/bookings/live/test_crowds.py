"""However many pages there are, and however much changes at once: so many statements, and so many messages."""

import asyncio
import re

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.live import hub as hub_module
from bookings.live.sockets import MOST_UNSENT, Message, QueuedWire
from tests.bookings.live.sockets import day_path, frames, in_loop, is_beat, shows, socket, week_of
from tests.bookings.live.test_hub import FakePage, rounds, until_heard
from tests.cast import book, make_slot

pytestmark = pytest.mark.django_db(transaction=True)
CHANGES = 20


@pytest.fixture(autouse=True)
def _nothing_by_itself(settings, monkeypatch):
    """No comparison and no sign of life but those that a page is due when it comes."""
    settings.LIVE_CHECK_SECONDS = 86400
    monkeypatch.setattr(hub_module, "BEAT_SECONDS", 86400)


@pytest.mark.parametrize("pages", [2, 50])
@in_loop
async def test_pages_that_come_together_cost_one_comparison_and_what_is_their_own(pages):
    slot = await sync_to_async(make_slot)(capacity=3)
    hub = hub_module.hub()
    first = FakePage("f" * 32, slot.date)
    await hub.join_room(first, week_of(slot))
    asked = CaptureQueriesContext(connection)
    await sync_to_async(asked.__enter__)()
    crowd = [FakePage(f"{number:032x}", slot.date) for number in range(pages)]
    assert all(await asyncio.gather(*(hub.join_room(page, week_of(slot)) for page in crowd)))
    await sync_to_async(asked.__exit__)(None, None, None)
    statements = [query["sql"] for query in await sync_to_async(lambda: asked.captured_queries)()]
    assert len(statements) == 3, statements
    assert all(shows(slot, "3 seats")(page.told[0]) for page in crowd)
    for page in [first, *crowd]:
        hub.leave_room(page)
    assert not hub.rooms


@in_loop
async def test_many_changes_at_once_are_one_message():
    slot = await sync_to_async(make_slot)(capacity=2 * CHANGES)

    def book_many():
        for _ in range(CHANGES):
            book(slot)

    async with socket(day_path(slot)) as page:
        await frames(page, is_beat)
        await until_heard()
        await sync_to_async(book_many)()  # in the thread that reads, too: each is committed and said by itself
        [only] = await frames(page, shows(slot, f"{CHANGES} of {2 * CHANGES} left|{CHANGES} seats"))
        assert await page.receive_nothing(timeout=0.3)
    assert re.search(rf'id="slot-{slot.pk}-state"', only)


@in_loop
async def test_what_changes_soon_after_a_message_waits_for_the_next(monkeypatch):
    slot = await sync_to_async(make_slot)(capacity=3)
    async with socket(day_path(slot)) as page:
        await frames(page, is_beat)
        await until_heard()
        await rounds(hub_module.hub())
        monkeypatch.setattr(hub_module, "MERGE_SECONDS", 86400)
        await sync_to_async(book)(slot)
        await frames(page, shows(slot, "2 of 3 left"))
        await sync_to_async(book)(slot)
        assert await page.receive_nothing(timeout=0.5)


@in_loop
async def test_who_does_not_take_what_waits_is_given_up():
    """By a server that does not give the connection itself, but has whoever sends wait."""
    hangs, given_up = asyncio.Event(), []
    wire = QueuedWire(lambda _event: hangs.wait(), lambda: given_up.append(True))
    message = Message("x" * (MOST_UNSENT // 4))
    for _ in range(5):
        wire.write([message])
        assert not given_up
    wire.write([message])
    assert given_up
    hangs.set()
    await wire.flush()


@pytest.mark.parametrize("length", [0, 125, 126, 65535, 65536])
def test_a_frame_says_how_long_it_is(length):
    frame = Message("x" * length).frame
    assert frame[0] == 0x81
    head = 2 if length < 126 else 4 if length < 65536 else 10
    assert len(frame) == head + length
    assert (frame[1] if head == 2 else int.from_bytes(frame[2:head])) == length
