"""The trigger on Booking keeps the slots' counters equal to the rows, whichever way rows come, change and go."""

from datetime import timedelta

import pytest
from django.db.models import Q
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from bookings.models import Booking, Status
from bookings.transitions import OCCUPYING
from experts.models import Slot
from tests.cast import fresh, make_booking, make_expert, make_slot, make_type

pytestmark = pytest.mark.django_db


def assert_counters_equal_rows(slot):
    slot = fresh(slot)
    rows = list(Booking.objects.filter(Q(slot=slot) | Q(more_slots__contains=[slot.pk])))
    holds = [b for b in rows if b.status == Status.HELD]
    assert slot.seats_held == sum(b.seats for b in holds)
    assert slot.seats_booked == sum(b.seats for b in rows if b.status in OCCUPYING and b.status != Status.HELD)
    assert slot.next_hold_expiry == min((b.expires_at for b in holds), default=None)


def of_both(first, second):
    """What a booking says that takes two slots of an expert."""
    terms = {"session_type": make_type(first.expert), "session_ends_at": second.ends_at, "agreed": {}}
    return terms | {"slot": first, "more_slots": [second.pk]}


@pytest.mark.parametrize("status", Status.values)
def test_each_status_counts_where_it_should(status):
    slot = make_slot(capacity=3)
    booking = make_booking(slot, status=status, seats=2)
    assert_counters_equal_rows(slot)
    booking.delete()
    slot = fresh(slot)
    assert (slot.seats_held, slot.seats_booked, slot.next_hold_expiry) == (0, 0, None)


@pytest.mark.parametrize("before", Status.values)
@pytest.mark.parametrize("after", Status.values)
def test_each_change_of_status_moves_the_seats(before, after):
    slot = make_slot(capacity=3)
    booking = make_booking(slot, status=before, expires_at=timezone.now() + timedelta(minutes=5))
    Booking.objects.filter(pk=booking.pk).update(status=after)
    assert_counters_equal_rows(slot)


def test_the_earliest_hold_is_the_next_to_run_out():
    slot = make_slot(capacity=3)
    now = timezone.now()
    make_booking(slot, status=Status.HELD, expires_at=now + timedelta(minutes=5))
    first = make_booking(slot, status=Status.HELD, expires_at=now + timedelta(minutes=2))
    assert fresh(slot).next_hold_expiry == now + timedelta(minutes=2)
    Booking.objects.filter(pk=first.pk).update(expires_at=now + timedelta(minutes=9))
    assert fresh(slot).next_hold_expiry == now + timedelta(minutes=5)


def test_a_hold_of_several_slots_may_be_the_next_to_run_out_of_each():
    expert = make_expert()
    first, second = (make_slot(expert, at=at, minutes=60, capacity=3) for at in ("09:00", "10:00"))
    now = timezone.now()
    both = make_booking(**of_both(first, second), status=Status.HELD, expires_at=now + timedelta(minutes=2))
    one = make_booking(second, status=Status.HELD, expires_at=now + timedelta(minutes=5))
    assert [fresh(slot).next_hold_expiry for slot in (first, second)] == [now + timedelta(minutes=2)] * 2
    Booking.objects.filter(pk=both.pk).update(status=Status.EXPIRED)
    assert [fresh(slot).next_hold_expiry for slot in (first, second)] == [None, now + timedelta(minutes=5)]
    Booking.objects.filter(pk__in=[both.pk, one.pk]).update(status=Status.HELD, expires_at=now + timedelta(minutes=7))
    assert_counters_equal_rows(first)
    assert_counters_equal_rows(second)


def test_a_move_takes_the_seats_along():
    expert = make_expert()
    here, there = make_slot(expert, at="09:00", capacity=3), make_slot(expert, at="10:00", capacity=3)
    booking = make_booking(here, seats=2)
    Booking.objects.filter(pk=booking.pk).update(slot=there, seats=3)
    assert (fresh(here).seats_booked, fresh(there).seats_booked) == (0, 3)


steps = st.lists(
    st.tuples(
        st.sampled_from(["add", "add both", "change", "move", "delete"]),
        st.integers(0, 5),
        st.sampled_from(Status.values),
        st.integers(1, 2),
        st.integers(-5, 5),
    ),
    max_size=12,
)


@pytest.mark.slow
@given(steps)
@settings(max_examples=30, deadline=None)
def test_any_sequence_of_raw_changes(sequence):
    expert = make_expert()
    slots = [make_slot(expert, at=at, minutes=60, capacity=50) for at in ("09:00", "10:00")]
    both, bookings = of_both(*slots), []
    for kind, number, status, seats, minutes in sequence:
        values = {"status": status, "seats": seats, "expires_at": timezone.now() + timedelta(minutes=minutes)}
        if kind == "add both":
            bookings.append(make_booking(**both, **values))
            continue
        if kind == "add" or not bookings:
            bookings.append(make_booking(slots[number % 2], **values))
            continue
        chosen = Booking.objects.filter(pk=bookings[number % len(bookings)].pk)
        if kind == "change":
            chosen.update(**values)
        elif kind == "move":
            one = {"more_slots": [], "session_type": None, "session_ends_at": None, "agreed": None}
            chosen.update(slot=slots[number % 2], **one)
        else:
            chosen.delete()
    for slot in slots:
        assert_counters_equal_rows(slot)
    Booking.objects.filter(slot__in=slots).delete()
    Slot.objects.filter(pk__in=[s.pk for s in slots]).delete()
