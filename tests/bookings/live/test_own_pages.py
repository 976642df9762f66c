"""My bookings and the booking page are told when what they show has changed."""

import json

import pytest
from asgiref.sync import sync_to_async

from bookings.live.consumers import NO_VISITOR
from bookings.selectors import own_slots
from tests.bookings.live.sockets import OTHER, VISITOR, closing_code, frames, in_loop, is_beat, socket
from tests.cast import book, make_slot

pytestmark = pytest.mark.django_db(transaction=True)


@in_loop
async def test_a_change_of_a_booking_is_told_by_a_new_key():
    slot = await sync_to_async(make_slot)()
    async with socket("/ws/bookings/", visitor=VISITOR) as page:
        [first] = await frames(page, is_beat)
        await sync_to_async(book)(slot, visitor=VISITOR)
        [second] = await frames(page, is_beat)
        assert json.loads(first)["beat"]["grid"] != json.loads(second)["beat"]["grid"]
        assert json.loads(second)["beat"]["grid"] == await sync_to_async(own_slots.own_key)(VISITOR)
        assert "lena" not in second.lower()


@in_loop
async def test_another_visitor_hears_nothing():
    slot = await sync_to_async(make_slot)()
    async with socket("/ws/bookings/", visitor=OTHER) as page:
        await frames(page, is_beat)
        await sync_to_async(book)(slot, visitor=VISITOR)
        assert await page.receive_nothing(timeout=0.3)


@in_loop
async def test_without_an_identity_there_is_nothing_to_hear():
    async with socket("/ws/bookings/") as page:
        assert await closing_code(page) == NO_VISITOR
