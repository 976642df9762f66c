"""The database itself refuses to overbook or overlap, whoever writes."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from bookings.models import Booking, Status
from experts.models import Slot
from tests.cast import day_ahead, fresh, make_booking, make_expert, make_slot

pytestmark = pytest.mark.django_db
CAPACITIES = pytest.mark.parametrize("capacity", [1, 5])


def fill(slot):
    for _ in range(slot.capacity):
        make_booking(slot)


def sql(statement, *params):
    with connection.cursor() as cursor:
        cursor.execute(statement, params)


@CAPACITIES
def test_raw_insert_into_a_full_slot_is_refused(capacity):
    slot = make_slot(capacity=capacity)
    fill(slot)
    with pytest.raises(IntegrityError, match="slot_never_overbooked"), transaction.atomic():
        sql(
            "INSERT INTO bookings_booking (slot_id, seats, status, name, email, phone, notes, reference, holder,"
            " language, timezone, source) VALUES (%s, 1, 'CONFIRMED', 'X', 'x@example.com', '', '', 'EB-RAW', '',"
            " 'en', '', 'web')",
            slot.pk,
        )
    assert fresh(slot).seats_booked == capacity == slot.bookings.count()


@CAPACITIES
def test_stale_save_does_not_reset_the_counters(capacity):
    slot = make_slot(capacity=capacity)
    stale = Slot.objects.get(pk=slot.pk)
    fill(slot)
    stale.title = "Written from an old copy"
    stale.save()
    assert fresh(slot).seats_booked == capacity
    assert fresh(slot).title == "Written from an old copy"
    with pytest.raises(IntegrityError, match="slot_never_overbooked"), transaction.atomic():
        make_booking(slot)


@CAPACITIES
def test_bulk_update_does_not_reset_the_counters(capacity):
    slot = make_slot(capacity=capacity)
    fill(slot)
    Slot.objects.filter(pk=slot.pk).update(seats_booked=0, seats_held=0, version=1)
    assert fresh(slot).seats_booked == capacity
    sql("UPDATE experts_slot SET seats_booked = 0, next_hold_expiry = now()")
    assert fresh(slot).seats_booked == capacity
    assert fresh(slot).next_hold_expiry is None


@CAPACITIES
def test_bulk_update_of_bookings_cannot_bring_back_too_many(capacity):
    slot = make_slot(capacity=capacity)
    cancelled = make_booking(slot, status=Status.CANCELLED)
    fill(slot)
    with pytest.raises(IntegrityError, match="slot_never_overbooked"), transaction.atomic():
        Booking.objects.filter(pk=cancelled.pk).update(status=Status.CONFIRMED)
    assert fresh(slot).seats_booked == capacity


@CAPACITIES
def test_bulk_create_cannot_overbook(capacity):
    slot = make_slot(capacity=capacity)
    rows = [Booking(slot=slot, status=Status.CONFIRMED, name="X", email="x@example.com") for _ in range(capacity + 1)]
    with pytest.raises(IntegrityError, match="slot_never_overbooked"), transaction.atomic():
        Booking.objects.bulk_create(rows)
    assert fresh(slot).seats_booked == 0


@CAPACITIES
def test_a_party_larger_than_what_is_left_is_refused(capacity):
    slot = make_slot(capacity=capacity)
    with pytest.raises(IntegrityError, match="slot_never_overbooked"), transaction.atomic():
        make_booking(slot, seats=capacity + 1)


def test_capacity_cannot_fall_below_what_is_taken():
    slot = make_slot(capacity=5)
    fill(slot)
    with pytest.raises(IntegrityError, match="slot_never_overbooked"), transaction.atomic():
        Slot.objects.filter(pk=slot.pk).update(capacity=4)


def test_moving_a_booking_into_a_full_slot_is_refused_and_frees_nothing():
    expert = make_expert()
    full, other = make_slot(expert, at="09:00"), make_slot(expert, at="10:00")
    fill(full)
    moving = make_booking(other)
    with pytest.raises(IntegrityError, match="slot_never_overbooked"), transaction.atomic():
        Booking.objects.filter(pk=moving.pk).update(slot=full)
    assert (fresh(full).seats_booked, fresh(other).seats_booked) == (1, 1)


def test_a_new_slot_begins_empty_whatever_is_inserted():
    slot = make_slot(capacity=5, seats_booked=3, seats_held=1, next_hold_expiry=timezone.now(), version=9)
    assert (slot.seats_booked, slot.seats_held, slot.next_hold_expiry, slot.version) == (0, 0, None, 1)


def test_no_two_slots_at_the_same_date_and_time():
    slot = make_slot()
    with pytest.raises(IntegrityError, match="slot_once_per_expert_date_time"), transaction.atomic():
        make_slot(slot.expert)


def test_slots_of_one_expert_never_overlap():
    expert = make_expert(session_minutes=30)
    make_slot(expert, at="10:00")
    for at in ("09:31", "10:15", "10:29"):
        with pytest.raises(IntegrityError, match="slot_no_overlap_for_expert"), transaction.atomic():
            make_slot(expert, at=at)
    make_slot(expert, at="09:30")  # back to back is no overlap
    make_slot(expert, at="10:30")
    assert expert.slots.count() == 3


def test_raw_sql_cannot_move_a_slot_onto_another():
    expert = make_expert(session_minutes=30)
    make_slot(expert, at="10:00")
    later = make_slot(expert, at="11:00")
    with pytest.raises(IntegrityError, match="slot_no_overlap_for_expert"), transaction.atomic():
        sql(
            "UPDATE experts_slot SET starts_at = starts_at - interval '50 minutes', time = time - interval '50 minutes'"
            " WHERE id = %s",
            later.pk,
        )


def test_two_experts_may_work_at_the_same_time():
    day = day_ahead()
    assert make_slot(day=day).starts_at == make_slot(day=day).starts_at


def test_a_slot_with_bookings_cannot_be_deleted():
    slot = make_slot()
    make_booking(slot, status=Status.CANCELLED)
    with pytest.raises(IntegrityError), transaction.atomic():
        sql("DELETE FROM experts_slot WHERE id = %s", slot.pk)
        sql("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.parametrize("field", ["is_closed", "capacity", "title", "ends_at"])
def test_version_grows_with_every_visible_change(field):
    slot = make_slot(capacity=5)
    values = {"is_closed": True, "capacity": 7, "title": "First visit", "ends_at": slot.ends_at + timedelta(hours=1)}
    change = {field: values[field]}
    Slot.objects.filter(pk=slot.pk).update(**change)
    assert fresh(slot).version == slot.version + 1
    Slot.objects.filter(pk=slot.pk).update(**change)
    assert fresh(slot).version == slot.version + 1, "a write that changes nothing is no new version"


def test_version_grows_with_a_booking_and_cannot_be_set_back():
    slot = make_slot(capacity=5)
    make_booking(slot)
    assert fresh(slot).version == 2
    Slot.objects.filter(pk=slot.pk).update(version=1)
    assert fresh(slot).version == 2


class TestASlotIsTheSameAsLongAsItHasBookings:
    """Or its counters, which live in its row, would part from the bookings, which point to its id."""

    def test_it_cannot_be_deleted_and_inserted_again(self):
        slot = make_slot()
        fill(slot)
        with pytest.raises(IntegrityError, match="foreign key"), transaction.atomic():
            sql("DELETE FROM experts_slot WHERE id = %s", slot.pk)
        assert fresh(slot).seats_booked == 1

    def test_it_keeps_its_id(self):
        slot = make_slot()
        fill(slot)
        with pytest.raises(IntegrityError, match="foreign key"), transaction.atomic():
            sql("UPDATE experts_slot SET id = id + 1000 WHERE id = %s", slot.pk)

    def test_it_is_there_before_its_bookings(self):
        slot = make_slot()
        with pytest.raises(IntegrityError, match="foreign key"), transaction.atomic():
            make_booking(Slot(pk=slot.pk + 1000))
