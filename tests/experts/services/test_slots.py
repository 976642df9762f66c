from datetime import date, time, timedelta

import pytest
from django.utils import timezone

from bookings.models import Booking, Status
from experts import services
from experts.errors import InvalidSlot, NotFound
from experts.models import Slot
from tests.cast import day_ahead, fresh, make_booking, make_expert, make_slot

pytestmark = pytest.mark.django_db


def test_add_slots_at_the_experts_wall_clock():
    expert = make_expert(timezone="Asia/Kathmandu", session_minutes=45, default_capacity=6)
    day = day_ahead()
    [slot] = services.add_slots(expert=expert, starts=[(day, time(9))])
    slot = fresh(slot)
    assert (slot.date, slot.time, slot.capacity, slot.minutes) == (day, time(9), 6, 45)
    assert slot.starts_at.astimezone(expert.zone).strftime("%H:%M") == "09:00"


def test_add_slots_is_all_or_nothing():
    expert, day = make_expert(), day_ahead()
    make_slot(expert, day=day, at="11:00")
    with pytest.raises(InvalidSlot, match="overlaps"):
        services.add_slots(expert=expert, starts=[(day, time(9)), (day, time(10, 45))])
    assert Slot.objects.count() == 1


def test_add_slots_leaves_out_a_time_that_the_day_skips():
    expert = make_expert(timezone="Europe/Berlin", session_minutes=30)
    added = services.add_slots(
        expert=expert, starts=[(date(2027, 3, 28), time(h, m)) for h in (1, 2, 3) for m in (0, 30)]
    )
    assert [f"{slot.time:%H:%M}" for slot in added] == ["01:00", "01:30", "03:00", "03:30"]


@pytest.mark.parametrize(
    "wrong", [{"minutes": 0}, {"minutes": 1441}, {"capacity": 0}, {"capacity": 40000}, {"title": "x" * 81}]
)
def test_add_slots_refuses_what_cannot_be(wrong):
    with pytest.raises(InvalidSlot):
        services.add_slots(expert=make_expert(), starts=[(day_ahead(), time(9))], **wrong)
    assert not Slot.objects.exists()


def test_close_and_reopen():
    slot = make_slot()
    assert services.close_slot(slot_id=slot.pk).state == "closed"
    assert services.reopen_slot(slot_id=slot.pk).state == "open"


def test_capacity_changes_but_never_below_what_is_taken():
    slot = make_slot(capacity=3)
    make_booking(slot, seats=2)
    assert services.set_capacity(slot_id=slot.pk, capacity=2).state == "full"
    for capacity in (1, 0, -1, 99999):
        with pytest.raises(InvalidSlot):
            services.set_capacity(slot_id=slot.pk, capacity=capacity)
    assert fresh(slot).capacity == 2


def test_delete_only_what_nobody_booked():
    slot, booked = make_slot(), make_slot()
    make_booking(booked)
    services.delete_slot(slot_id=slot.pk)
    with pytest.raises(InvalidSlot, match="Close it instead"):
        services.delete_slot(slot_id=booked.pk)
    assert list(Slot.objects.all()) == [booked]


@pytest.mark.parametrize("status", [Status.EXPIRED, Status.HELD])
def test_a_click_of_a_visitor_keeps_no_slot(status):
    """A hold that ended is nobody's booking: its row goes with the slot. One that is running keeps it."""
    slot = make_slot()
    hold = make_booking(slot, status=status, name="", email="", holder="a" * 32, expires_at=timezone.now())
    services.delete_slot(slot_id=slot.pk)
    assert not Booking.objects.filter(pk=hold.pk).exists()

    slot = make_slot()
    make_booking(slot, status=Status.HELD, name="", email="", holder="a" * 32)
    with pytest.raises(InvalidSlot, match="Close it instead"):
        services.delete_slot(slot_id=slot.pk)


def test_a_slot_that_does_not_exist():
    for call in (services.close_slot, services.reopen_slot, services.delete_slot):
        with pytest.raises(NotFound):
            call(slot_id=10**30)


def test_history_tells_of_changes_but_not_of_counters():
    slot = make_slot(capacity=2)
    make_booking(slot)
    services.close_slot(slot_id=slot.pk)
    labels = list(slot.events.order_by("pgh_id").values_list("pgh_label", "is_closed"))
    assert labels == [("insert", False), ("update", True)]


def test_min_notice_is_a_duration():
    expert = make_expert(min_notice=timedelta(hours=4))
    assert expert.policy("min_notice") == timedelta(hours=4)
    assert make_expert().policy("min_notice") == timedelta(hours=1)
