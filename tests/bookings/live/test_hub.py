"""The hub reads no more than it must, goes on after failures, and forgets pages that go."""

import asyncio
from types import SimpleNamespace
from zoneinfo import ZoneInfoNotFoundError

import pytest
from asgiref.sync import sync_to_async
from django.db import InterfaceError, OperationalError

from bookings.live import hub as hub_module
from bookings.live import queries
from tests.bookings.live.sockets import VISITOR, day_path, frames, in_loop, is_beat, shows, socket
from tests.cast import book, make_slot

pytestmark = pytest.mark.django_db(transaction=True)


class TestReading:
    @in_loop
    async def test_a_change_has_no_other_experts_week_read_again(self, monkeypatch):
        slot, other = [await sync_to_async(make_slot)(capacity=3) for _ in range(2)]
        async with socket(day_path(slot)) as page, socket(day_path(other)) as elsewhere:
            await frames(page, is_beat)
            await frames(elsewhere, is_beat)
            read, real = [], queries.read_week
            monkeypatch.setattr(queries, "read_week", lambda key: read.append(key[0]) or real(key))
            await sync_to_async(book)(slot)
            await frames(page, shows(slot, "2 of 3 left"))
        assert set(read) == {slot.expert_id}

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
    async def test_a_page_that_goes_while_it_joins_takes_nothing_from_the_others(self, monkeypatch):
        """The server cancels it, perhaps before it has joined all its groups, and again while it leaves them."""
        slot = await sync_to_async(make_slot)()
        async with socket(day_path(slot), visitor=VISITOR) as page:
            await frames(page, is_beat)
            hub = hub_module.hub()
            wanted = dict(hub._wanted)
            hangs = asyncio.Event()
            with monkeypatch.context() as patch:
                patch.setattr(hub, "_subscribe", hangs.wait)
                other = SimpleNamespace(visitor=VISITOR, day=slot.date, language="en", room=None, is_ready=False)
                joining = asyncio.create_task(hub.join_room(other, slot.expert_id))
                await asyncio.sleep(0)
                joining.cancel()
                await asyncio.gather(joining, return_exceptions=True)
                patch.setattr(hub, "_unsubscribe", hangs.wait)
                leaving = asyncio.create_task(hub.leave_room(other))
                await asyncio.sleep(0)
                leaving.cancel()
                await asyncio.gather(leaving, return_exceptions=True)
            assert dict(hub._wanted) == wanted
            [room] = hub.rooms.values()
            assert len(room.sockets) == 1
        assert (hub.rooms, dict(hub._wanted)) == ({}, {})

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
        assert (hub.rooms, dict(hub.own_pages), hub.own_keys, dict(hub._wanted)) == ({}, {}, {}, {})
