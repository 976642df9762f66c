"""A row copied in memory is as Django's own copy of it, and apart from what it was copied from."""

from copy import copy

import pytest

from bookings.models import Booking
from experts.models import Slot
from tests.cast import book, make_slot

pytestmark = pytest.mark.django_db


def as_django_copies(row):
    make, arguments, state = row.__reduce__()
    other = make(*arguments)
    other.__setstate__(state)
    return other


def contents(row):
    own = {name: value for name, value in vars(row).items() if name not in ("_state", "_django_version")}
    state = {name: value for name, value in vars(row._state).items() if name != "fields_cache"}
    return type(row), own, state, dict(row._state.fields_cache)


def test_a_copy_is_as_django_copies():
    booking = Booking.objects.with_slot().get(pk=book(make_slot()).pk)
    for row in (booking, booking.slot, Booking(name="Not saved"), Slot()):
        assert contents(copy(row)) == contents(as_django_copies(row))


def test_what_is_changed_of_a_copy_stays_its_own():
    booking = Booking.objects.with_slot().get(pk=book(make_slot()).pk)
    other = copy(booking)
    other.slot = booking.slot.with_seats(booked=3)
    other._state.adding = True
    assert other.slot.seats_booked == booking.slot.seats_booked + 3
    assert not booking._state.adding
    assert other.slot.expert is booking.slot.expert
