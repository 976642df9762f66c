"""Hours that change while others book, or change them too."""

from datetime import time

import pytest

from bookings.errors import NotFound
from bookings.models import Booking
from experts import services
from experts.errors import PreviewNeeded
from experts.models import Slot, TimeOff, WeeklyHours
from tests.cast import book, day_ahead, make_expert
from tests.concurrency.contention import line_up, run_together
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


class TestSomebodyBooksWhatIsAboutToGo:
    @pytest.fixture
    def slot(self, expert, settings):
        settings.LOCK_TIMEOUT_MS = 60_000
        return Slot.objects.get(date=day_ahead(DAY), time=time(9))

    def test_the_booking_is_first_and_staff_look_again(self, expert, slot):
        seen = key_of(expert)
        booked, applied = line_up(
            lambda: book(slot), lambda: services.apply_hours(expert_id=expert.pk, hours=[], seen=seen), behind=slot
        )
        assert isinstance(applied, PreviewNeeded)
        assert booked == Booking.objects.get()
        assert [kept.slot for kept in applied.plans[0].kept] == [slot]
        assert WeeklyHours.objects.exists()

    def test_the_slot_is_gone_first_and_the_booking_is_refused(self, expert, slot):
        seen = key_of(expert)
        applied, booked = line_up(
            lambda: services.apply_hours(expert_id=expert.pk, hours=[], seen=seen), lambda: book(slot), behind=slot
        )
        assert not isinstance(applied, Exception), applied
        assert isinstance(booked, NotFound)
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


def test_two_change_one_time_off_and_nobody_writes_the_other_ones_values_back():
    """Each reads it before the other has written: what they write is read under the lock."""
    time_off = TimeOff.objects.create(expert=make_expert(), first_day=day_ahead(3), last_day=day_ahead(3))

    def change(**values):
        mine = TimeOff.objects.get(pk=time_off.pk)
        for name, value in values.items():
            setattr(mine, name, value)
        return lambda: services.save_time_off(time_off=mine, fields=list(values))

    results = line_up(change(last_day=day_ahead(5)), change(reason="Conference"), behind=time_off)
    assert not [result for result in results if isinstance(result, BaseException)], results
    time_off.refresh_from_db()
    assert (time_off.last_day, time_off.reason) == (day_ahead(5), "Conference")
    deleted, changed = line_up(
        lambda: services.delete_time_off(time_off_id=time_off.pk), change(reason="Holiday"), behind=time_off
    )
    assert not isinstance(deleted, BaseException)
    assert isinstance(changed, NotFound), "it is not written anew"
    assert not TimeOff.objects.exists()
