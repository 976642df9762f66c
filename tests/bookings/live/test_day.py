"""What a page of an expert's day is told, and what it is not."""

import json
import re
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.db import transaction
from django.utils import timezone

from bookings import services as bookings
from bookings.models import Booking
from bookings.selectors.week import Week
from experts.publisher import GROUP
from tests.bookings.live.sockets import OTHER, VISITOR, day_path, frames, in_loop, is_beat, shows, socket
from tests.cast import book, make_expert, make_slot

pytestmark = pytest.mark.django_db(transaction=True)


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
        week = await sync_to_async(Week.around)(slot.expert, slot.date, timezone.now())
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
    async def test_a_page_of_a_month_is_told_of_all_its_days(self):
        slot = await sync_to_async(make_slot)(capacity=3)
        later = await sync_to_async(make_slot)(slot.expert, day=slot.date + timedelta(days=20))
        month = f"&from={slot.date}&to={slot.date + timedelta(days=30)}"
        count = f'id="day-{later.date}-count"'
        async with socket(day_path(slot) + month) as page, socket(day_path(slot)) as week:
            snapshot, _beat = await frames(page, is_beat)
            assert count in snapshot
            snapshot, _beat = await frames(week, is_beat)
            assert count not in snapshot
            await sync_to_async(book)(later)
            assert await frames(page, lambda frame: count in frame and "Full" in frame)
            assert await week.receive_nothing(timeout=0.2)

    @in_loop
    async def test_days_that_make_no_sense_are_the_week_of_the_day(self):
        slot = await sync_to_async(make_slot)(capacity=3)
        today = slot.expert.today()
        for first, last in (("x", "y"), (today, today + timedelta(days=60)), (today, today), ("", slot.date)):
            async with socket(f"{day_path(slot)}&from={first}&to={last}") as page:
                snapshot, _beat = await frames(page, is_beat)
                assert shows(slot, "3 seats")(snapshot)
                shown = re.findall(r'id="day-([0-9-]+)-count"', snapshot)
                assert shown == [str(today + timedelta(days=n)) for n in range(7)]

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

    @in_loop
    async def test_an_address_that_has_just_become_another_experts(self):
        def hand_over(old):
            type(old).objects.filter(pk=old.pk).update(slug="amara-before", is_active=False)
            return make_slot(make_expert(slug="amara"), capacity=3)

        slot = await sync_to_async(make_slot)(await sync_to_async(make_expert)(slug="amara"))
        async with socket(day_path(slot)) as page:
            await frames(page, is_beat)
            new = await sync_to_async(hand_over)(slot.expert)
            async with socket(day_path(slot)) as later:
                assert await frames(later, shows(new, "3 seats"))


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
                {"type": "several"},
                {"type": "several", "messages": [7, {"type": "slot.changed"}]},
            ):
                await get_channel_layer().group_send(GROUP, stale)
            assert await page.receive_nothing(timeout=0.3)
            await sync_to_async(book)(slot)
            assert await frames(page, shows(slot, "1 of 3 left"))


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
        await Booking.objects.filter(pk=held.pk).aupdate(expires_at=timezone.now() - timedelta(seconds=1))
        async with socket(day_path(slot), visitor=VISITOR) as page:
            snapshot, _beat = await frames(page, is_beat)
        assert "data-mark" not in snapshot

    @in_loop
    async def test_a_hold_that_runs_out_is_told_without_a_worker(self, settings):
        """Seats enough are left, so that nothing else of the slot changes with the time."""
        settings.LIVE_CHECK_SECONDS = 0.2
        slot = await sync_to_async(make_slot)(capacity=5)
        held = await sync_to_async(bookings.hold_slot)(slot_id=slot.pk, visitor=VISITOR)
        await Booking.objects.filter(pk=held.pk).aupdate(expires_at=timezone.now() + timedelta(seconds=1.5))
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
