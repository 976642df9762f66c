"""Hours that change while others book, or change them too."""

import threading
from datetime import time

import pytest

from bookings.models import Booking
from experts import services
from experts.errors import PreviewNeeded
from experts.models import Slot, WeeklyHours
from tests.cast import book, day_ahead, make_expert
from tests.concurrency.contention import held_row, run_together
from tests.experts.services.test_hours import row, starts, work

pytestmark = pytest.mark.django_db(transaction=True)
DAY = 3


@pytest.fixture
def expert():
    expert = make_expert(horizon_days=10)
    work(expert, row(day_ahead(DAY)))
    return expert


def key_of(expert, *rows) -> str:
    with pytest.raises(PreviewNeeded) as preview:
        services.apply_hours(expert_id=expert.pk, hours=list(rows))
    return preview.value.key


def test_somebody_books_what_is_about_to_go(expert):
    """Either the booking is first, and staff look again; or the slot is gone, and the booking is refused."""
    slot = Slot.objects.get(date=day_ahead(DAY), time=time(9))
    seen = key_of(expert)

    def work_on(number):
        if number:
            return book(slot)
        return services.apply_hours(expert_id=expert.pk, hours=[], seen=seen)

    with held_row(slot) as row_lock:
        results = []
        thread = threading.Thread(target=lambda: results.extend(run_together(work_on, 2)))
        thread.start()
        row_lock.wait_for(2)
        row_lock.let_go()
        thread.join(timeout=30)
    applied, booked = results
    if isinstance(applied, PreviewNeeded):
        assert booked == Booking.objects.get()
        assert [kept.slot for kept in applied.plans[0].kept] == [slot]
        assert WeeklyHours.objects.exists()
    else:
        assert isinstance(booked, Exception)
        assert not isinstance(booked, AssertionError)
        assert starts(expert) == []
        assert not Booking.objects.exists()


def test_two_changes_and_two_nights_at_once_follow_each_other(expert):
    hours = [row(day_ahead(DAY), "13:00", "15:00")]
    seen = key_of(expert, *hours)

    def change(number):
        if number % 2:
            return services.extend_horizon(expert_id=expert.pk)
        again = [row(day_ahead(DAY), "13:00", "15:00")]
        return services.apply_hours(expert_id=expert.pk, hours=again, seen=seen)

    results = run_together(change, 6)
    assert not [each for each in results if isinstance(each, Exception)]
    assert starts(expert, day_ahead(DAY)) == ["13:00", "14:00"]
    assert WeeklyHours.objects.count() == 1
