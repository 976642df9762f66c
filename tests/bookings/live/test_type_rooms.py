"""Pages of a type hear of changes with any of those who offer it."""

import json
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async

from bookings.live.consumers import NOT_FOUND
from bookings.selectors.type_version import TypeKey, read_type_versions
from experts.errors import TypePreviewNeeded
from experts.services import save_session_type
from tests.bookings.live.sockets import closing_code, frames, in_loop, is_beat, socket
from tests.bookings.services.test_anyone import House
from tests.cast import book, day_ahead, make_slot

pytestmark = pytest.mark.django_db(transaction=True)


def address(house):
    first, last = day_ahead(0), day_ahead(6)
    return f"/ws/o/{house.type.organization.slug}/book/{house.type.slug}/?from={first}&to={last}"


def shown(house):
    key = TypeKey(house.type.pk, day_ahead(0), day_ahead(6))
    return read_type_versions([key])[key].grid


def grid(found):
    return json.loads(found[0])["beat"]["grid"]


@in_loop
async def test_a_booking_with_any_of_them_is_told_at_once_to_all_who_look(settings):
    settings.LIVE_CHECK_SECONDS = 60  # by the message, not by the comparison
    house = await sync_to_async(House)()
    async with socket(address(house)) as page:
        first = grid(await frames(page, is_beat))
        assert first == await sync_to_async(shown)(house)
        await sync_to_async(book)(house.slots[2]["09:00"])
        second = grid(await frames(page, is_beat))
        assert second == await sync_to_async(shown)(house) != first


@in_loop
async def test_who_comes_later_is_told_at_once_and_nobody_else_again(settings):
    settings.LIVE_CHECK_SECONDS = 60  # and no beat before
    house = await sync_to_async(House)()
    async with socket(address(house)) as first:
        told = grid(await frames(first, is_beat))
        async with socket(address(house)) as second:
            assert grid(await frames(second, is_beat)) == told
            assert await first.receive_nothing(timeout=0.1)


@in_loop
async def test_a_type_that_is_changed_or_retired_is_told_at_once(settings):
    settings.LIVE_CHECK_SECONDS = 60  # by the message, not by the comparison
    house = await sync_to_async(House)()

    def change(**values):
        for name, value in values.items():
            setattr(house.type, name, value)
        try:
            save_session_type(session_type=house.type, fields=values)
        except TypePreviewNeeded as preview:
            save_session_type(session_type=house.type, fields=values, seen=preview.key)

    async with socket(address(house)) as page:
        first = grid(await frames(page, is_beat))
        await sync_to_async(change)(price_words="€70")
        second = grid(await frames(page, is_beat))
        await sync_to_async(change)(minutes=20)
        third = grid(await frames(page, is_beat))
        await sync_to_async(change)(is_active=False)
        fourth = grid(await frames(page, is_beat))
    assert len({first, second, third, fourth}) == 4


@in_loop
async def test_others_and_days_far_away_do_not_concern_it():
    house = await sync_to_async(House)()
    far = await sync_to_async(make_slot)(house.experts[0], day=day_ahead(0) + timedelta(days=20))
    stranger = await sync_to_async(make_slot)()
    async with socket(address(house)) as page:
        await frames(page, is_beat)
        await sync_to_async(book)(far)
        await sync_to_async(book)(stranger)
        assert await page.receive_nothing(timeout=0.3)


@in_loop
async def test_what_there_is_not():
    house = await sync_to_async(House)()
    for url in (address(house).replace("/book/", "/book/no-"), address(house).partition("?")[0]):
        async with socket(url) as page:
            assert await closing_code(page) == NOT_FOUND
