"""A cancellation is taken back while others book the seat that it freed: one of them has it, and no mail lies."""

import pytest

from bookings import services
from bookings.errors import Refused
from bookings.models import Booking, OutboxMail, Status
from tests.cast import book, fresh, make_slot
from tests.concurrency.contention import line_up, run_together

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 8


@pytest.fixture
def cancelled():
    booking = book(make_slot())
    OutboxMail.objects.all().delete()
    return services.cancel(booking_id=booking.pk, by_customer=False, can_undo=True)


def take_back(booking):
    return services.undo_cancellation(booking_id=booking.pk)


def stands(booking):
    return Booking.objects.get(pk=booking.pk).status == Status.CONFIRMED


@pytest.mark.parametrize("undo_first", [True, False])
def test_whoever_comes_first_has_the_seat(cancelled, undo_first):
    works = [lambda: take_back(cancelled), lambda: book(cancelled.slot)]
    first, second = line_up(*(works if undo_first else works[::-1]), behind=cancelled.slot)
    assert isinstance(first, Booking) and isinstance(second, Refused)
    assert stands(cancelled) is undo_first
    assert fresh(cancelled.slot).seats_booked == 1


def test_of_many_who_take_it_back_or_book_one_has_the_seat(cancelled):
    run_together(lambda n: book(cancelled.slot) if n % 2 else take_back(cancelled), MANY)
    assert fresh(cancelled.slot).seats_booked == 1
    standing = Booking.objects.filter(status=Status.CONFIRMED)
    assert standing.count() == 1
    assert OutboxMail.objects.filter(booking=cancelled).exists() is not stands(cancelled)
