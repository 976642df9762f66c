"""What the comparison with the database asks, for all pages at once."""

import pytest

from bookings.live import queries
from experts import services
from experts.models import Slot
from tests.bookings.live.sockets import week_of
from tests.cast import book, make_slot

pytestmark = pytest.mark.django_db


def versions_of(*slots):
    return queries.read_versions([week_of(slot) for slot in slots])


@pytest.mark.parametrize("slot_id", [2**31 - 1, 2**31, 2**32, 2**62])
def test_slots_of_any_id_are_compared(slot_id):
    slot = make_slot(pk=slot_id)
    before = versions_of(slot)
    services.set_capacity(slot_id=slot.pk, capacity=9)
    changed = versions_of(slot)
    Slot.objects.filter(pk=slot.pk).delete()
    assert len(before) == 1
    assert len({str(versions) for versions in (before, changed, versions_of(slot))}) == 3


@pytest.mark.parametrize("letters", ["a", "abc"])
def test_own_pages_are_compared_with_one_query(letters, django_assert_num_queries):
    slot = make_slot(capacity=3)
    visitors = [letter * 32 for letter in letters]
    for visitor in visitors:
        book(slot, visitor=visitor)
    with django_assert_num_queries(1):
        assert set(queries.read_own_keys(visitors)) == set(visitors)
