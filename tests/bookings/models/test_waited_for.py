"""Slots know that somebody waits for them, so that each minute finds what is free by an index of these."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timezone

from bookings.models import Booking, Status, WaitlistEntry
from bookings.services.catch_up import free_and_waited_for
from experts.models import Slot
from tests.cast import book, make_slot

pytestmark = pytest.mark.django_db


def marked() -> set[int]:
    return set(Slot.objects.filter(is_waited_for=True).values_list("pk", flat=True))


def make_entry(slot, **values) -> WaitlistEntry:
    return WaitlistEntry.objects.create(slot=slot, name="Lena", email="lena@example.com", **values)


def test_whoever_joins_a_line_marks_its_slot_and_no_page_hears_of_it():
    slot, other = make_slot(), make_slot()
    make_entry(slot)
    make_entry(other, status="UNPROVEN")
    make_entry(other, is_echo=True)
    assert marked() == {slot.pk}
    assert Slot.objects.get(pk=slot.pk).version == slot.version
    assert Slot.objects.get(pk=slot.pk).events.count() == slot.events.count() == 1


def test_so_does_whoever_opens_the_link_and_whoever_is_put_elsewhere():
    slot, other = make_slot(), make_slot()
    entry = make_entry(slot, status="UNPROVEN")
    WaitlistEntry.objects.filter(pk=entry.pk).update(status="WAITING")
    assert marked() == {slot.pk}
    WaitlistEntry.objects.filter(pk=entry.pk).update(slot=other)
    assert marked() == {slot.pk, other.pk}


def test_a_stale_copy_of_the_slot_does_not_take_it_back():
    slot = make_slot()
    make_entry(slot)
    slot.title = "Yoga"
    slot.save()
    assert marked() == {slot.pk}


def test_what_is_found_is_free_and_waited_for():
    slots = [make_slot() for _ in range(4)]
    bookings = [book(slot) for slot in slots]
    for slot in slots[:3]:
        make_entry(slot)
    Booking.objects.filter(pk__in=[it.pk for it in (bookings[0], bookings[1], bookings[3])]).update(
        status=Status.CANCELLED
    )
    WaitlistEntry.objects.filter(slot=slots[1]).update(status="LEFT")
    assert list(free_and_waited_for(timezone.now())) == [slots[0]]


def test_slots_that_people_waited_for_before_are_marked_in_batches(monkeypatch):
    migration = import_module("bookings.migrations.0055_slots_waited_for_known")
    monkeypatch.setattr(migration, "BATCH", 2)
    slots = [make_slot() for _ in range(5)]
    for slot in slots:
        make_entry(slot)
    make_entry(make_slot(), status="LEFT")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # without triggers
        cursor.execute("UPDATE experts_slot SET is_waited_for = false")
        cursor.execute("SET LOCAL session_replication_role = origin")
    assert marked() == set()
    migration.fill(apps, connection.schema_editor())
    assert marked() == {slot.pk for slot in slots}
