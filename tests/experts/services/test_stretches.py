"""Blocking and opening a stretch of a day: nothing is written that staff have not seen, and what is booked stays."""

from datetime import time

import pytest

from experts import services
from experts.errors import InvalidHours, NotFound, StretchPreviewNeeded
from experts.models import Slot, TimeOff
from experts.services import Stretch
from tests.cast import book, day_ahead, make_expert, make_organization, make_slot
from tests.experts.services.test_hours import agreed, row

pytestmark = pytest.mark.django_db
DAY = day_ahead(3)
MORNING = Stretch(DAY, time(10), time(12))


def with_hours(**values):
    """An expert who works from 9 to 13 in slots of 30 minutes, on that day of the week."""
    expert = make_expert(session_minutes=30, **values)
    agreed(services.apply_hours, expert_id=expert.pk, hours=[row(DAY, "09:00", "13:00", slot_minutes=30)])
    return expert


def open_at(expert, day=DAY):
    slots = Slot.objects.filter(expert=expert, date=day, is_closed=False).order_by("starts_at")
    return [f"{slot.time:%H:%M}" for slot in slots]  # a clock


def slot_at(expert, at):
    return Slot.objects.get(expert=expert, date=DAY, time=time.fromisoformat(at))


def block(expert, stretch=MORNING, **values):
    key = services.plan_block(expert, stretch).key
    return services.block_stretch(expert_id=expert.pk, stretch=stretch, **{"seen": key} | values)


def open_it(expert, stretch=MORNING, minutes=30, capacity=1):
    key = services.plan_opening(expert, stretch, minutes, capacity).key
    return services.open_stretch(expert_id=expert.pk, stretch=stretch, minutes=minutes, capacity=capacity, seen=key)


def test_a_block_takes_free_slots_away_and_keeps_what_is_booked():
    expert = with_hours()
    booking = book(slot_at(expert, "11:00"))
    done = block(expert, reason="Dentist")
    assert [f"{slot.time:%H:%M}" for slot in done.hours.removed] == ["10:00", "10:30", "11:30"]  # a clock
    assert [kept.slot.pk for kept in done.hours.kept] == [booking.slot_id]
    assert open_at(expert) == ["09:00", "09:30", "12:00", "12:30"]
    assert slot_at(expert, "11:00").is_closed
    off = TimeOff.objects.get()
    assert (off.expert, off.first_day, off.from_time, off.to_time, off.reason) == (
        expert,
        DAY,
        time(10),
        time(12),
        "Dentist",
    )


def test_slots_that_were_made_by_hand_are_closed():
    expert = make_expert()
    slot = make_slot(expert, day=DAY, at="11:30")
    outside = make_slot(expert, day=DAY, at="12:30")
    make_slot(day=DAY, at="11:30")
    assert [each.pk for each in block(expert).closed] == [slot.pk]
    assert open_at(expert) == ["12:30"]
    assert not Slot.objects.get(pk=outside.pk).is_closed
    assert Slot.objects.filter(is_closed=False).count() == 2


def test_what_was_not_seen_is_not_written():
    expert = with_hours()
    seen = services.plan_block(expert, MORNING).key
    book(slot_at(expert, "11:00"))
    for key in ("", seen):
        with pytest.raises(StretchPreviewNeeded):
            services.block_stretch(expert_id=expert.pk, stretch=MORNING, seen=key)
        with pytest.raises(StretchPreviewNeeded):
            services.open_stretch(expert_id=expert.pk, stretch=MORNING, minutes=30, capacity=1, seen=key)
    assert not TimeOff.objects.exists()
    assert len(open_at(expert)) == 8


def test_opening_is_the_way_back():
    expert = with_hours()
    book(slot_at(expert, "11:00"))
    block(expert)
    opened = open_it(expert)
    assert len(opened.ended) == 1
    assert opened.added == []
    assert not TimeOff.objects.exists()
    assert open_at(expert) == ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30", "12:00", "12:30"]
    assert Slot.objects.filter(expert=expert, date=DAY, from_hours=True).count() == 8


def test_opening_fills_what_is_free_outside_the_hours():
    expert = with_hours()
    make_slot(expert, day=DAY, at="13:45", minutes=30)
    opened = open_it(expert, Stretch(DAY, time(12, 30), time(15)))
    assert [f"{slot.time:%H:%M}" for slot in opened.added] == ["13:00", "14:15"]  # a clock
    assert open_at(expert)[-4:] == ["12:30", "13:00", "13:45", "14:15"]


def test_opening_reopens_what_was_closed_by_hand_and_leaves_holidays():
    expert = make_expert(session_minutes=60)
    TimeOff.objects.create(organization=expert.organization, first_day=DAY, last_day=DAY)
    make_slot(expert, day=DAY, at="10:00", minutes=60, is_closed=True)
    opened = open_it(expert, minutes=60, capacity=4)
    assert (len(opened.reopened), [slot.capacity for slot in opened.added]) == (1, [4])
    assert open_at(expert) == ["10:00", "11:00"]
    assert TimeOff.objects.exists()


def test_time_off_that_is_longer_stays():
    expert = make_expert()
    off = TimeOff.objects.create(expert=expert, first_day=DAY, last_day=DAY, from_time=time(11), to_time=time(13))
    assert services.plan_opening(expert, MORNING, 30, 1).ended == []
    assert services.plan_opening(expert, Stretch(DAY, time(11), time(0)), 30, 1).ended == [off]


@pytest.mark.parametrize("values", [{"minutes": 0}, {"minutes": 1441}, {"capacity": 0}, {"capacity": 40000}])
def test_nonsense_is_refused(values):
    with pytest.raises(InvalidHours):
        services.plan_opening(make_expert(), MORNING, **{"minutes": 30, "capacity": 1} | values)


def test_a_stretch_has_a_length_and_an_expert():
    with pytest.raises(InvalidHours):
        Stretch(DAY, time(12), time(12))
    with pytest.raises(NotFound):
        services.block_stretch(expert_id=2**40, stretch=MORNING)


def test_the_past_is_left_alone():
    expert = make_expert()
    make_organization()
    yesterday = Stretch(day_ahead(-1), time(10), time(12))
    make_slot(expert, day=day_ahead(-1), at="10:00")
    assert services.plan_block(expert, yesterday).is_empty
    assert services.plan_opening(expert, yesterday, 30, 1).is_empty
