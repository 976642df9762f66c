"""Whoever books a slot that ends at another time meanwhile knows the new end."""

from datetime import timedelta

import pytest

from bookings.models import Booking
from tests.cast import book, make_slot
from tests.concurrency.contention import held_row, run_together

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_booking_that_waits_for_its_slot_knows_its_new_end():
    slot = make_slot()
    ends_at = slot.ends_at - timedelta(minutes=5)
    with held_row(slot) as held:
        held.change("UPDATE experts_slot SET ends_at = %s WHERE id = %s", [ends_at, slot.pk])

        def contender(number: int) -> None:
            if number:
                held.wait_for(1)
                held.change_and_let_go("SELECT 1", [])
            else:
                book(slot)

        assert [it for it in run_together(contender, 2) if isinstance(it, BaseException)] == []
    assert Booking.objects.get().over_at == ends_at
