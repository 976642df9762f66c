"""Counters that went wrong are found and mended by the rule that keeps them right."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from bookings.models import Booking, Status
from bookings.services import counters
from bookings.services.counters import mend_counters, wrong_counters
from experts.models import Slot
from tests.cast import book, fresh, make_booking, make_expert, make_row_of_slots, make_slot, make_type

pytestmark = pytest.mark.django_db
COUNTERS = ("seats_held", "seats_booked", "next_hold_expiry")


def of(slot: Slot) -> tuple:
    row = fresh(slot)
    return tuple(getattr(row, name) for name in COUNTERS)


def behind_its_back(statement: str, *values) -> None:
    """Write as what comes past the triggers does: a dump that is loaded, or a replica."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, values)
        cursor.execute("SET LOCAL session_replication_role = origin")


@pytest.fixture
def cast():
    """Slots with bookings of every status, a session of two slots, holds, and one without anything."""
    expert = make_expert()
    slots = list(make_row_of_slots(expert, start="09:00", end="12:00", capacity=8).values())
    soon = timezone.now() + timedelta(minutes=5)
    for status in Status:
        for slot in slots[:2]:
            make_booking(slot, status=status, seats=1, expires_at=soon if status in ("HELD", "PENDING") else None)
    book(slots[3], session_type=make_type(expert, minutes=40).pk)
    return slots


def test_what_is_right_is_not_touched(cast):
    before = {slot.pk: (fresh(slot).version, of(slot)) for slot in cast}
    assert list(wrong_counters()) == []
    assert mend_counters(slot_ids=[slot.pk for slot in cast]) == 0
    assert {slot.pk: (fresh(slot).version, of(slot)) for slot in cast} == before


@pytest.mark.parametrize("batch", [3, 2000])
def test_what_is_wrong_is_found_and_mended_as_the_trigger_has_it(cast, batch, monkeypatch):
    monkeypatch.setattr(counters, "BATCH", batch)
    right = {slot.pk: of(slot) for slot in cast}
    behind_its_back("UPDATE experts_slot SET seats_held = 0, seats_booked = 1, next_hold_expiry = now()")
    wrong = list(wrong_counters())
    assert {it.slot_id for it in wrong} == right.keys()
    assert mend_counters(slot_ids=[it.slot_id for it in wrong]) == len(cast)
    assert {slot.pk: of(slot) for slot in cast} == right
    assert list(wrong_counters()) == []
    book(cast[8])  # the triggers work as before
    assert of(cast[8])[1] == right[cast[8].pk][1] + 1
    behind_its_back("UPDATE experts_slot SET seats_booked = 0")
    assert mend_counters(slot_ids=[slot.pk for slot in cast]) > 0, "and twice in one session"


def test_what_is_overbooked_is_told_and_stays():
    slot = make_slot()
    book(slot)
    other = Booking.objects.get()
    behind_its_back("UPDATE bookings_booking SET seats = 3 WHERE id = %s", other.pk)
    [wrong] = wrong_counters()
    assert wrong.is_overbooked
    assert mend_counters(slot_ids=[slot.pk]) == 0
    assert of(slot) == (0, 1, None)
