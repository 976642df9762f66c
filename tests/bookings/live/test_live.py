"""Sockets without a browser: what each page is told, what it is not, and what strangers are refused."""

import asyncio
import json
import re
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfoNotFoundError

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.core import signing
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from bookings import services as bookings
from bookings.live import hub as hub_module
from bookings.live import queries
from bookings.live.consumers import LONGEST_MESSAGE, MOST_MESSAGES, NOBODY, NOT_FOUND, TALKATIVE, TOO_MANY
from bookings.live.snapshot import Picture
from bookings.models import Booking, Proof, Status
from bookings.selectors import own_slots
from bookings.selectors.week import Week
from bookingsite.asgi import application
from experts import services
from experts.publisher import expert_group
from tests.cast import book, fresh, make_booking, make_expert, make_slot

pytestmark = pytest.mark.django_db(transaction=True)
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
    run.__signature__ = __import__("inspect").signature(test)
    return run


def cookie(visitor):
    return f"visitor={signing.TimestampSigner(salt='bookings.visitor').sign(visitor)}".encode()


@asynccontextmanager
async def socket(path, *, visitor="", origin="http://testserver"):
    headers = [(b"origin", origin.encode()), (b"host", b"testserver")]
    if visitor:
        headers.append((b"cookie", cookie(visitor)))
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


class TestSnapshot:
    @in_loop
    async def test_everything_of_the_day_then_a_sign_of_life(self):
        slot = await sync_to_async(make_slot)(capacity=3)
        other_day = await sync_to_async(make_slot)(slot.expert, day=slot.date + timedelta(days=14))
        async with socket(day_path(slot)) as page:
            snapshot, beat = await frames(page, is_beat)
        assert shows(slot, "3 seats")(snapshot)
        assert f"slot-{other_day.pk}-" not in snapshot
        assert f'id="day-{slot.date}-count"' in snapshot
        week = await sync_to_async(Week.read)(slot.expert, slot.date - timedelta(days=slot.date.weekday()), fresh_now())
        assert json.loads(beat) == {"beat": {"grid": week.grid_key(slot.date), "fresh": True}}

    @in_loop
    async def test_a_change_goes_to_those_who_look_at_its_day(self):
        slot = await sync_to_async(make_slot)(capacity=3)
        async with socket(day_path(slot)) as page, socket(day_path(slot, weeks=4)) as elsewhere:
            await frames(page, is_beat)
            await frames(elsewhere, is_beat)
            await sync_to_async(book)(slot)
            assert await frames(page, shows(slot, "2 of 3 left"))
            assert await elsewhere.receive_nothing(timeout=0.2)

    @in_loop
    async def test_nothing_is_sent_for_a_transaction_that_rolls_back(self):
        def try_and_fail(slot):
            with transaction.atomic():
                book(slot)
                transaction.set_rollback(True)

        slot = await sync_to_async(make_slot)(capacity=3)
        async with socket(day_path(slot)) as page:
            await frames(page, is_beat)
            await sync_to_async(try_and_fail)(slot)
            assert await page.receive_nothing(timeout=0.3)


def fresh_now():
    return timezone.now()


class TestOrder:
    """An older state never overwrites a newer one."""

    @in_loop
    async def test_a_message_is_only_a_hint(self):
        """A message that claims an old state, comes twice or makes no sense changes nothing that is shown."""
        slot = await sync_to_async(make_slot)(capacity=3)
        await sync_to_async(book)(slot)
        async with socket(day_path(slot)) as page:
            await frames(page, shows(slot, "2 of 3 left"))
            await frames(page, is_beat)
            for stale in (
                {
                    "type": "slot.changed",
                    "expert": slot.expert_id,
                    "day": str(slot.date),
                    "version": 1,
                    "state": "open",
                },
                {"type": "slot.changed", "expert": slot.expert_id, "day": "nonsense"},
                {"type": "slot.changed", "expert": ["nobody"], "day": str(slot.date)},
                {"type": "unknown"},
            ):
                await get_channel_layer().group_send(expert_group(slot.expert_id), stale)
            assert await page.receive_nothing(timeout=0.3)
            await sync_to_async(book)(slot)
            assert await frames(page, shows(slot, "1 of 3 left"))

    def test_a_reading_that_was_overtaken_is_dropped(self):
        slot = make_slot(capacity=3)
        monday = slot.date - timedelta(days=slot.date.weekday())
        older = Picture.of(Week.read(slot.expert, monday, fresh_now()))
        book(slot)
        newer = Picture.of(Week.read(slot.expert, monday, fresh_now()))
        assert older.is_older_than(newer)
        assert not newer.is_older_than(older)
        assert "2 of 3 left" in newer.changes_since(older, slot.date, "en")
        assert older.changes_since(newer, slot.date, "en").count("tile-state") == 0


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


class TestOwnMarks:
    @in_loop
    async def test_are_sent_to_their_owner_alone(self):
        slot = await sync_to_async(make_slot)(capacity=3)
        async with socket(day_path(slot), visitor=VISITOR) as mine, socket(day_path(slot), visitor=OTHER) as theirs:
            await frames(mine, is_beat)
            await frames(theirs, is_beat)
            await sync_to_async(book)(slot, visitor=VISITOR)
            assert await frames(mine, lambda frame: 'data-mark="booked"' in frame)
            heard = await frames(theirs, shows(slot, "2 of 3 left"))
            assert not any("data-mark" in frame for frame in heard)
            assert await theirs.receive_nothing(timeout=0.2)

    @in_loop
    async def test_are_part_of_the_snapshot(self):
        slot = await sync_to_async(make_slot)(capacity=3)
        await sync_to_async(book)(slot, visitor=VISITOR)
        async with socket(day_path(slot), visitor=VISITOR) as page:
            snapshot, _beat = await frames(page, is_beat)
        assert 'data-mark="booked"' in snapshot

    @in_loop
    async def test_a_hold_counts_down_for_its_owner_and_is_being_booked_for_others(self):
        slot = await sync_to_async(make_slot)()
        async with socket(day_path(slot), visitor=VISITOR) as mine, socket(day_path(slot), visitor=OTHER) as theirs:
            await frames(mine, is_beat)
            await frames(theirs, is_beat)
            await sync_to_async(bookings.hold_slot)(slot_id=slot.pk, visitor=VISITOR)
            mark = (await frames(mine, lambda frame: 'data-mark="held"' in frame))[-1]
            assert 295 <= int(re.search(r'data-left="(\d+)"', mark)[1]) <= 300
            heard = await frames(theirs, shows(slot, "Being booked"))
            assert not any("data-mark" in frame for frame in heard)
            assert await theirs.receive_nothing(timeout=0.2)
            await sync_to_async(bookings.release_hold)(slot_id=slot.pk, visitor=VISITOR)
            assert await frames(mine, lambda frame: f'id="slot-{slot.pk}-mark" hx-swap-oob' in frame)

    @in_loop
    async def test_a_hold_is_part_of_the_snapshot_and_a_lapsed_one_is_not(self):
        slot = await sync_to_async(make_slot)(capacity=2)
        held = await sync_to_async(bookings.hold_slot)(slot_id=slot.pk, visitor=VISITOR)
        async with socket(day_path(slot), visitor=VISITOR) as page:
            snapshot, _beat = await frames(page, is_beat)
        assert 'data-mark="held"' in snapshot
        await Booking.objects.filter(pk=held.pk).aupdate(expires_at=fresh_now() - timedelta(seconds=1))
        async with socket(day_path(slot), visitor=VISITOR) as page:
            snapshot, _beat = await frames(page, is_beat)
        assert "data-mark" not in snapshot

    @in_loop
    async def test_a_hold_that_runs_out_is_told_without_a_worker(self, settings):
        """Seats enough are left, so that nothing else of the slot changes with the time."""
        settings.LIVE_CHECK_SECONDS = 0.2
        slot = await sync_to_async(make_slot)(capacity=5)
        held = await sync_to_async(bookings.hold_slot)(slot_id=slot.pk, visitor=VISITOR)
        await Booking.objects.filter(pk=held.pk).aupdate(expires_at=fresh_now() + timedelta(seconds=1.5))
        async with socket(day_path(slot), visitor=VISITOR) as page:
            snapshot, _beat = await frames(page, is_beat)
            assert 'data-mark="held"' in snapshot
            assert await frames(page, lambda frame: f'id="slot-{slot.pk}-mark" hx-swap-oob' in frame)

    @in_loop
    async def test_a_hold_on_another_week_is_told_without_a_tile(self):
        """The bar below the calendar speaks of it; the page looks again."""
        slot = await sync_to_async(make_slot)()
        later = await sync_to_async(make_slot)(slot.expert, day=slot.date + timedelta(days=14))
        async with socket(day_path(slot), visitor=VISITOR) as mine, socket(day_path(slot), visitor=OTHER) as theirs:
            await frames(mine, is_beat)
            await frames(theirs, is_beat)
            await sync_to_async(bookings.hold_slot)(slot_id=later.pk, visitor=VISITOR)
            assert await frames(mine, lambda frame: frame == '{"own": true}')
            assert await theirs.receive_nothing(timeout=0.2)

    def test_holds_of_many_are_read_at_once(self, django_assert_num_queries):
        slots = [make_slot(capacity=3)]
        slots.append(make_slot(slots[0].expert, at="15:00", capacity=3))
        booked = book(slots[0], visitor=VISITOR)
        for visitor in (VISITOR, OTHER):
            make_booking(slots[0], name="", status=Status.HELD, holder=visitor)
        make_booking(slots[1], name="", status=Status.HELD, holder=OTHER, expires_at=fresh_now())
        with django_assert_num_queries(3):
            found = own_slots.own_slots(
                [VISITOR, OTHER], expert_id=booked.slot.expert_id, first=slots[0].date, last=slots[0].date
            )
        assert found[VISITOR] == {slots[0].pk: own_slots.BOOKED}, "what is booked outweighs what is held"
        assert {pk: mark.kind for pk, mark in found[OTHER].items()} == {slots[0].pk: "held"}

    def test_proven_bookings_are_ones_own(self):
        slots = [make_slot(capacity=3) for _ in range(3)]
        expert = slots[0].expert
        by_link = make_slot(expert, at="15:00", capacity=2)
        by_mail = make_slot(expert, at="16:00", capacity=2)
        until = fresh_now() + timedelta(hours=1)
        Proof.objects.create(visitor=VISITOR, booking=make_booking(by_link), expires_at=until)
        make_booking(by_mail, email="LENA@example.com")
        Proof.objects.create(visitor=VISITOR, email="lena@example.com", expires_at=until)
        Proof.objects.create(visitor=OTHER, email="lena@example.com", expires_at=fresh_now())  # over
        found = own_slots.own_slots([VISITOR, OTHER], expert_id=expert.pk, first=by_mail.date, last=by_mail.date)
        assert found == {VISITOR: {by_link.pk: own_slots.BOOKED, by_mail.pk: own_slots.BOOKED}, OTHER: {}}


class TestOwnPages:
    @in_loop
    async def test_a_change_of_a_booking_is_told_by_a_new_key(self):
        slot = await sync_to_async(make_slot)()
        async with socket("/ws/bookings/", visitor=VISITOR) as page:
            [first] = await frames(page, is_beat)
            await sync_to_async(book)(slot, visitor=VISITOR)
            [second] = await frames(page, is_beat)
            assert json.loads(first)["beat"]["grid"] != json.loads(second)["beat"]["grid"]
            assert json.loads(second)["beat"]["grid"] == await sync_to_async(own_slots.own_key)(VISITOR)
            assert "lena" not in second.lower()

    @in_loop
    async def test_another_visitor_hears_nothing(self):
        slot = await sync_to_async(make_slot)()
        async with socket("/ws/bookings/", visitor=OTHER) as page:
            await frames(page, is_beat)
            await sync_to_async(book)(slot, visitor=VISITOR)
            assert await page.receive_nothing(timeout=0.3)

    @in_loop
    async def test_without_an_identity_there_is_nothing_to_hear(self):
        async with socket("/ws/bookings/") as page:
            assert await closing_code(page) == NOBODY

    def test_the_key_tells_of_status_move_and_time(self):
        slot = make_slot(capacity=2)
        booking = book(slot, visitor=VISITOR)
        keys = {own_slots.own_key(VISITOR)}
        Booking.objects.filter(pk=booking.pk).update(status=Status.CANCELLED)
        keys.add(own_slots.own_key(VISITOR))
        services.set_capacity(slot_id=slot.pk, capacity=9)
        keys.add(own_slots.own_key(VISITOR))
        assert len(keys) == 3
        assert own_slots.own_key(VISITOR) in keys


class TestStrangers:
    @pytest.mark.parametrize("origin", ["https://evil.example", "http://testserver.evil.example", "null"])
    @in_loop
    async def test_foreign_origins_are_refused(self, origin):
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
    async def test_unknown_addresses_are_closed_for_good(self, path):
        await sync_to_async(make_expert)(slug="amara")
        async with socket(path) as page:
            assert await closing_code(page) == NOT_FOUND

    @in_loop
    async def test_messages_from_pages_are_ignored_and_bounded(self):
        slot = await sync_to_async(make_slot)(capacity=3)
        async with socket(day_path(slot)) as page:
            await frames(page, is_beat)
            for _ in range(MOST_MESSAGES):
                await page.send_to(text_data='{"type": "slot.changed"}')
            assert await page.receive_nothing(timeout=0.2)
            await page.send_to(text_data="one too many")
            assert await closing_code(page) == TALKATIVE
        async with socket(day_path(slot)) as page:
            await frames(page, is_beat)
            await page.send_to(bytes_data=b"x" * (LONGEST_MESSAGE + 1))
            assert await closing_code(page) == TALKATIVE
        assert (await sync_to_async(fresh)(slot)).version == slot.version

    @in_loop
    async def test_a_visitor_has_twenty_sockets_and_no_more(self, settings, monkeypatch):
        settings.RATE_LIMITS = True
        slot = await sync_to_async(make_slot)()
        sockets = [socket(day_path(slot), visitor=VISITOR) for _ in range(hub_module.MOST_SOCKETS_PER_VISITOR)]
        for one in sockets:
            await frames(await one.__aenter__(), is_beat)
        async with socket(day_path(slot), visitor=VISITOR) as page:
            assert await closing_code(page) == TOO_MANY
        async with socket(day_path(slot), visitor=OTHER) as page:
            await frames(page, is_beat)
        # A new identity costs nothing, so an address has a limit, too.
        monkeypatch.setattr("bookings.live.consumers.MOST_SOCKETS_PER_ADDRESS", hub_module.MOST_SOCKETS_PER_VISITOR)
        async with socket(day_path(slot), visitor=OTHER) as page:
            assert await closing_code(page) == TOO_MANY
        monkeypatch.undo()
        settings.RATE_LIMITS = True
        await sockets[0].__aexit__(None, None, None)
        async with socket(day_path(slot), visitor=VISITOR) as page:
            await frames(page, is_beat)
        for one in sockets[1:]:
            await one.__aexit__(None, None, None)

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
