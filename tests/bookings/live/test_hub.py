"""The hub reads no more than it must, goes on after failures, and forgets pages that go."""

import asyncio
from datetime import timedelta
from zoneinfo import ZoneInfoNotFoundError

import pytest
from asgiref.sync import sync_to_async
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from bookings.access.visitor import visitor_group
from bookings.live import consumers, queries
from bookings.live import hub as hub_module
from bookings.live.sockets import OWN_CHANGED
from experts.models.expert import Venue
from tests.bookings.live.sockets import (
    OTHER,
    VISITOR,
    closing_code,
    day_path,
    frames,
    in_loop,
    is_beat,
    shows,
    socket,
    week_of,
)
from tests.cast import book, make_booking, make_expert, make_slot

pytestmark = pytest.mark.django_db(transaction=True)


async def until_heard():
    """Wait until the hub hears what is published, which takes a moment when it is new."""
    while not hub_module.hub().hears:
        await asyncio.sleep(0.01)


async def rounds(hub):
    """Wait until all was read that is asked for now, and what that led to."""
    newcomer = FakePage("f" * 32)
    for _ in range(2):
        newcomer.is_ready = False
        newcomer.was_told.clear()
        hub.join_own(newcomer)
        await newcomer.was_told.wait()
    hub.leave_own(newcomer)


def sizes(index):
    return {key: len(sockets) for key, sockets in index.items()}


class TestReading:
    @in_loop
    async def test_a_change_has_no_other_experts_week_read_again(self, monkeypatch, settings):
        settings.LIVE_CHECK_SECONDS = 86400  # the comparison would read them, too
        slot, other = [await sync_to_async(make_slot)(capacity=3) for _ in range(2)]
        async with socket(day_path(slot)) as page, socket(day_path(other)) as elsewhere:
            await frames(page, is_beat)
            await frames(elsewhere, is_beat)
            await until_heard()
            read, real = [], queries.read_week
            monkeypatch.setattr(queries, "read_week", lambda key: read.append(key[0]) or real(key))
            await sync_to_async(book)(slot)
            await frames(page, shows(slot, "2 of 3 left"))
        assert set(read) == {slot.expert_id}

    @in_loop
    async def test_pages_are_told_by_the_clock_that_they_show(self, settings):
        """What is the expert's Sunday evening is Monday in Tokyo, of another week; no comparison helps it there."""
        settings.LIVE_CHECK_SECONDS = 86400
        today = timezone.now().date()
        sunday = today + timedelta(days=13 - today.weekday())
        expert = await sync_to_async(make_expert)(venue=Venue.VIDEO)
        slot = await sync_to_async(make_slot)(expert, day=sunday, at="20:00", capacity=3)
        paths = [day_path(slot), f"/ws/experts/{expert.slug}/?day={sunday + timedelta(days=1)}&zone=Asia/Tokyo"]
        async with socket(paths[0]) as here, socket(paths[1]) as there, socket(day_path(slot, weeks=1)) as elsewhere:
            for page in (here, there, elsewhere):
                await frames(page, is_beat)
            await until_heard()
            await sync_to_async(book)(slot)
            assert await frames(here, shows(slot, "2 of 3 left"))
            assert await frames(there, shows(slot, "2 of 3 left"))
            assert await elsewhere.receive_nothing(timeout=0.2)

    @pytest.mark.parametrize("error", [OperationalError, InterfaceError, ZoneInfoNotFoundError])
    @in_loop
    async def test_goes_on_after_it_failed(self, monkeypatch, settings, error):
        settings.LIVE_CHECK_SECONDS = 0.1
        slot = await sync_to_async(make_slot)(capacity=3)
        async with socket(day_path(slot)) as page:
            await frames(page, is_beat)
            failures, real = [error("gone")], queries.read_week

            def read_week(key):
                if failures:
                    raise failures.pop()
                return real(key)

            monkeypatch.setattr(queries, "read_week", read_week)
            await sync_to_async(book)(slot)
            assert await frames(page, shows(slot, "2 of 3 left"))
        assert not failures

    @in_loop
    async def test_a_page_that_can_be_told_nothing_is_to_dial_again(self, monkeypatch):
        """Else pages that dial again and again while the database is away would all be kept."""

        def fail(_keys):
            raise OperationalError("gone")

        monkeypatch.setattr(queries, "read_versions", fail)
        monkeypatch.setattr(consumers, "JOIN_SECONDS", 0.2)
        slot = await sync_to_async(make_slot)()
        async with socket(day_path(slot)) as page:
            assert await closing_code(page) == consumers.AGAIN
        assert not hub_module.hub().rooms

    @in_loop
    async def test_a_page_that_goes_while_it_joins_takes_nothing_from_the_others(self):
        """The server cancels it before it was sent anything; and it leaves, perhaps twice."""
        slot = await sync_to_async(make_slot)()
        async with socket(day_path(slot), visitor=VISITOR) as page:
            await frames(page, is_beat)
            hub = hub_module.hub()
            members = sizes(hub.members)
            other = FakePage(VISITOR, slot.date)
            joining = asyncio.create_task(hub.join_room(other, week_of(slot)))
            await asyncio.sleep(0)
            joining.cancel()
            await asyncio.gather(joining, return_exceptions=True)
            hub.leave_room(other)
            hub.leave_room(other)
            assert sizes(hub.members) == members
            [room] = hub.rooms.values()
            assert len(room.sockets) == 1
        assert (hub.rooms, dict(hub.members)) == ({}, {})

    @in_loop
    async def test_nothing_is_left_behind_when_pages_go(self):
        slot = await sync_to_async(make_slot)()
        async with (
            socket(day_path(slot), visitor=VISITOR) as page,
            socket("/ws/bookings/", visitor=VISITOR) as own_page,
        ):
            await frames(page, is_beat)
            await frames(own_page, is_beat)
            hub = hub_module.hub()
            assert len(hub.rooms) == 1
        assert (hub.rooms, dict(hub.own_pages), hub.own_keys, dict(hub.members)) == ({}, {}, {}, {})


class FakePage:
    """What the hub knows of a page, and how often it was looked at since ``is_watched``."""

    is_watched, language, room_key, is_ready = False, "en", None, False

    def __init__(self, visitor, day=None):
        self.visitor, self.day, self.was_told, self.looks, self.told = visitor, day, asyncio.Event(), 0, []

    def __getattribute__(self, name):
        if object.__getattribute__(self, "is_watched"):
            object.__getattribute__(self, "__dict__")["looks"] += 1
        return object.__getattribute__(self, name)

    def tell(self, *messages):
        self.told += [message.text for message in messages]
        if self.day is None or OWN_CHANGED in messages:
            self.was_told.set()


@in_loop
async def test_what_is_ones_own_touches_nobody_elses_sockets(monkeypatch, settings):
    settings.LIVE_CHECK_SECONDS = 86400
    monkeypatch.setattr(hub_module, "BEAT_SECONDS", 86400)
    slot, elsewhere = [await sync_to_async(make_slot)(capacity=3) for _ in range(2)]
    hub = hub_module.hub()
    visitors = [VISITOR, OTHER, "c" * 32]
    days, own = [FakePage(v, slot.date) for v in visitors], [FakePage(v) for v in visitors]
    for page in days:
        await hub.join_room(page, week_of(slot))
    for page in own:
        hub.join_own(page)
        await page.was_told.wait()
    await sync_to_async(make_booking)(elsewhere, holder=VISITOR)
    for page in [*days, *own]:
        page.was_told.clear()
        page.is_watched = True
    hub._handle({"type": "bookings.changed", "visitor": visitor_group(VISITOR)})
    await asyncio.wait_for(asyncio.gather(days[0].was_told.wait(), own[0].was_told.wait()), 10)
    await rounds(hub)  # whatever the message has led to is done
    for page in [*days, *own]:
        page.is_watched = False
    assert [page.looks for page in [*days[1:], *own[1:]]] == [0, 0, 0, 0]
    for page in days:
        hub.leave_room(page)
    for page in own:
        hub.leave_own(page)
