"""Each booking knows when its session is over, whatever becomes of its slot: it is completed by an index of that."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bookings.models import Booking, Status
from experts.models import Slot
from tests.cast import book, make_booking, make_expert, make_row_of_slots, make_slot, make_type

pytestmark = pytest.mark.django_db


def over_at(booking):
    return Booking.objects.get(pk=booking.pk).over_at


def test_it_is_the_end_of_the_slot_and_nothing_else():
    slot = make_slot()
    booking = book(slot)
    assert over_at(booking) == slot.ends_at
    Booking.objects.filter(pk=booking.pk).update(over_at=timezone.now())
    assert over_at(booking) == slot.ends_at


def test_it_follows_a_slot_that_ends_at_another_time():
    slot = make_slot()
    booking, stays = book(slot), book(make_slot())
    Slot.objects.filter(pk=slot.pk).update(ends_at=slot.ends_at - timedelta(minutes=5))
    assert over_at(booking) == slot.ends_at - timedelta(minutes=5)
    assert over_at(stays) == stays.slot.ends_at
    assert not booking.events.filter(pgh_label="update").exists()  # it is no change of the booking


def test_it_follows_a_booking_to_another_slot():
    booking, elsewhere = book(make_slot()), make_slot()
    Booking.objects.filter(pk=booking.pk).update(slot=elsewhere)
    assert over_at(booking) == elsewhere.ends_at


def test_of_a_session_it_is_its_own_end_whatever_its_slot_does():
    expert = make_expert()
    slots = list(make_row_of_slots(expert, end="11:00").values())
    booking = book(slots[0], session_type=make_type(expert, minutes=30).pk)
    ends_at = slots[0].starts_at + timedelta(minutes=30)
    assert over_at(booking) == ends_at != slots[0].ends_at
    Slot.objects.filter(pk=slots[0].pk).update(ends_at=slots[0].ends_at - timedelta(minutes=1))
    assert over_at(booking) == ends_at


def test_bookings_of_before_are_filled_in_batches(monkeypatch):
    """As the migration finds them: without it, as nothing wrote it then."""
    migration = import_module("bookings.migrations.0053_ends_of_sessions_known")
    monkeypatch.setattr(migration, "BATCH", 2)
    bookings = [book(make_slot()) for _ in range(5)]
    ended = make_booking(make_slot(starts_at=timezone.now() - timedelta(days=1)), status=Status.NO_SHOW)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # without triggers
        cursor.execute("UPDATE bookings_booking SET over_at = NULL")
        cursor.execute("SET LOCAL session_replication_role = origin")
    assert {over_at(booking) for booking in (*bookings, ended)} == {None}
    with CaptureQueriesContext(connection) as asked:
        migration.fill(apps, connection.schema_editor())
    assert [over_at(booking) for booking in bookings] == [booking.slot.ends_at for booking in bookings]
    assert len([each for each in asked if each["sql"].startswith("UPDATE")]) >= 3
    assert over_at(ended) is None
    Booking.objects.filter(pk=ended.pk).update(status=Status.CONFIRMED)
    assert over_at(ended) == ended.slot.ends_at, "it is on again, and has to be completed"
