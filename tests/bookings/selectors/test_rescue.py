"""Which bookings cannot take place."""

from datetime import time, timedelta

import pytest
from django.utils import timezone

from bookings import services as calls
from bookings.models import Booking, Status
from bookings.selectors.rescue import cannot_take_place
from experts import services
from experts.errors import PreviewNeeded
from experts.models import Expert, Slot, TimeOff, WeeklyHours
from tests.cast import (
    book,
    day_ahead,
    make_booking,
    make_expert,
    make_row_of_slots,
    make_session_type,
    make_slot,
)

pytestmark = pytest.mark.django_db


def lost(**scope) -> set[Booking]:
    return set(cannot_take_place(Booking.objects.all(), **scope))


def take_off(expert: Expert | None = None, **values) -> TimeOff:
    """Take time off and apply it, whatever it does to slots."""
    # What was booked in this test was booked before: its transaction is all of one moment.
    Booking.objects.update(created_at=timezone.now() - timedelta(days=1))
    days = {"first_day": day_ahead(), "last_day": day_ahead()} | values
    try:
        services.save_time_off(time_off=TimeOff(expert=expert, **days))
    except PreviewNeeded as preview:
        services.save_time_off(time_off=TimeOff(expert=expert, **days), seen=preview.key)
    return TimeOff.objects.get()


def with_hours(expert: Expert) -> list[Slot]:
    """Slots of 45 minutes from nine to twelve in two days, made by weekly hours."""
    hours = WeeklyHours(weekday=day_ahead().weekday(), start=time(9), end=time(12), slot_minutes=45, capacity=1)
    try:
        services.apply_hours(expert_id=expert.pk, hours=[hours])
    except PreviewNeeded as preview:
        services.apply_hours(expert_id=expert.pk, hours=[hours], seen=preview.key)
    return list(Slot.objects.filter(expert=expert, date=day_ahead()).order_by("starts_at"))


def test_nothing_is_lost_where_nobody_is_away():
    book(make_slot())
    assert lost() == set()


def test_a_slot_that_was_closed_with_its_booking():
    slot, other = make_slot(), make_slot()
    booking, _kept = book(slot), book(other)
    services.close_slot(slot_id=slot.pk)
    assert lost() == {booking}
    services.reopen_slot(slot_id=slot.pk)
    assert lost() == set()


def test_what_is_over_or_has_ended_is_not_told():
    slot = make_slot(capacity=4)
    for status in (Status.CANCELLED, Status.REJECTED, Status.EXPIRED, Status.HELD):
        make_booking(slot, status=status)
    over = make_slot(day=day_ahead(-1))
    make_booking(over)
    Slot.objects.update(is_closed=True)
    request = make_booking(slot, status=Status.PENDING)
    assert lost() == {request}


def test_time_off_of_an_expert_takes_what_came_from_hours():
    expert = make_expert()
    early, _middle, late, _last = with_hours(expert)
    booking, kept = book(early), book(late)
    take_off(expert, to_time=time(10))
    assert lost() == {booking}
    assert kept not in lost()


def test_time_off_takes_what_was_made_by_hand_and_booked_before():
    expert, colleague = make_expert(), make_expert()
    slot = make_slot(expert, at="10:00", capacity=2)
    booking, evening, of_colleague = book(slot), book(make_slot(expert, at="18:00")), book(make_slot(colleague))
    take_off(expert, from_time=time(9), to_time=time(12))
    assert lost() == {booking}
    later = book(slot)
    Booking.objects.filter(pk=later.pk).update(created_at=timezone.now() + timedelta(minutes=1))
    assert lost() == {booking}, "who books what staff left open is meant to come"
    assert not {evening, of_colleague, later} & lost()


def test_time_off_that_is_only_explained_better_hits_nobody_who_booked_in_it():
    expert = make_expert()
    slot, other = make_slot(expert, at="10:00"), make_slot(expert, day=day_ahead(9))
    row = take_off(expert)
    written = row.pgh_event_model.objects.filter(pgh_obj=row)
    written.update(pgh_created_at=timezone.now() - timedelta(days=2))
    booking, moved = book(slot), book(other)
    Booking.objects.filter(pk=booking.pk).update(created_at=timezone.now() - timedelta(days=1))
    row.reason = "Conference"
    row.save()
    assert lost() == set(), "they were booked into the open slot on purpose"
    # Staff move somebody there who had booked before.
    Booking.objects.filter(pk=moved.pk).update(created_at=timezone.now() - timedelta(days=3))
    free = make_slot(expert, at="12:00")
    calls.reschedule(booking_id=moved.pk, slot_id=free.pk, by_customer=False)
    assert lost() == set()
    row.to_time = time(11)
    row.save()
    assert lost() == {booking}, "it was changed after that was booked"


def test_whoever_is_put_back_after_a_move_is_lost_again():
    expert = make_expert()
    booking, free = book(make_slot(expert, at="10:00")), make_slot(expert, day=day_ahead(9))
    row = take_off(expert)
    row.pgh_event_model.objects.filter(pgh_obj=row).update(pgh_created_at=timezone.now() - timedelta(hours=1))
    for _ in range(2):
        assert lost() == {booking}
        rescue = calls.move_lost(booking_id=booking.pk, slot_id=free.pk, by=None)
        assert lost() == set()
        calls.undo_move(rescue_id=rescue.pk)
    assert lost() == {booking}, "nobody has moved them into the time off on purpose"


def test_a_holiday_is_read_on_the_clock_of_each_expert():
    one = make_expert(timezone="Europe/London")
    two = make_expert(organization=one.organization, timezone="Pacific/Auckland")
    elsewhere = make_expert()
    bookings = [book(make_slot(expert, at="10:00")) for expert in (one, two)]
    others = [book(make_slot(expert, at="14:00")) for expert in (one, two)] + [book(make_slot(elsewhere))]
    take_off(None, organization=one.organization, to_time=time(12))
    assert lost() == set(bookings)
    assert not lost() & set(others)


def test_a_session_is_lost_where_it_touches_what_is_closed_and_not_for_its_buffer():
    expert = make_expert()
    slots = make_row_of_slots(expert)
    visit = make_session_type(expert.organization, expert, minutes=40, buffer_after=20)
    booking = book(slots["09:00"], session_type=visit.pk)
    services.close_slot(slot_id=slots["09:40"].pk)
    assert lost() == set(), "only the time kept free after it is closed"
    services.close_slot(slot_id=slots["09:20"].pk)
    assert lost() == {booking}


def test_only_the_experts_that_are_asked_about():
    one, two = make_slot(), make_slot()
    mine, _other = book(one), book(two)
    Slot.objects.update(is_closed=True)
    assert lost(experts=Expert.objects.filter(pk=one.expert_id)) == {mine}


def test_it_is_one_query(django_assert_num_queries):
    expert = make_expert()
    for at in ("09:00", "10:00", "11:00"):
        book(make_slot(expert, at=at))
    take_off(expert, last_day=day_ahead() + timedelta(days=3))
    with django_assert_num_queries(1):
        assert len(lost()) == 3
