"""What is written by hand for speed says what the ORM says."""

import pytest
from django.db import connection

from experts.locking import lock_free_slots, read_slots, slots_with_clock
from tests.cast import make_expert, make_slot

pytestmark = pytest.mark.django_db


def read_and_lock(slot_ids):
    return lock_free_slots(read_slots(slot_ids))


@pytest.mark.parametrize("read", [read_slots, read_and_lock])
def test_slots_are_read_as_the_orm_reads_them(read):
    """Every column of the slot, its expert, organisation and category."""
    slot = make_slot()
    slots = [
        slot,
        make_slot(slot.expert, at="12:00", capacity=7, title="Group"),
        make_slot(make_expert(hold_minutes=3)),
    ]
    found = read([slot.pk for slot in slots] + [2**40])
    for expected in slots_with_clock().filter(pk__in=found):
        row = found[expected.pk]
        for one, other in [
            (row, expected),
            (row.expert, expected.expert),
            (row.expert.organization, expected.expert.organization),
            (row.expert.category, expected.expert.category),
        ]:
            assert type(one) is type(other)
            assert {f.attname: getattr(one, f.attname) for f in one._meta.concrete_fields} == {
                f.attname: getattr(other, f.attname) for f in other._meta.concrete_fields
            }
        assert row.read_at <= expected.read_at
    assert set(found) == {slot.pk for slot in slots}


def test_reading_takes_one_query(django_assert_num_queries):
    slots = [make_slot() for _ in range(3)]
    with django_assert_num_queries(1):
        found = read_slots([slot.pk for slot in slots])
        assert [slot.expert.organization.name and slot.expert.category.name for slot in found.values()]


def test_locking_free_slots_bounds_the_waits_that_follow(settings):
    settings.LOCK_TIMEOUT_MS = 1234
    read_and_lock([make_slot().pk])
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("1234ms",)
