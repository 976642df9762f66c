"""A block is taken back: what it closed and removed is there again, as far as nobody has changed it since."""

from datetime import time, timedelta

import pytest
from django.utils import timezone

from experts import services
from experts.errors import NotFound, Refused
from experts.models import Slot, TimeOff
from experts.models.hours import MIDNIGHT
from tests.cast import book, fresh, make_slot
from tests.experts.services.test_hours import agreed, row
from tests.experts.services.test_stretches import DAY, block, open_at, slot_at, with_hours

pytestmark = pytest.mark.django_db
ALL = ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30", "12:00", "12:30"]


def shape(expert):
    fields = ("date", "time", "starts_at", "ends_at", "title", "capacity", "is_closed", "closed_by_hours", "from_hours")
    return sorted(Slot.objects.filter(expert=expert).values_list(*fields, "for_types"))


@pytest.fixture
def expert():
    """Of 9 to 13: 11:00 is booked, 10:30 has two seats and a title, 11:30 was closed by hand; 14:00 is made by hand."""
    expert = with_hours()
    Slot.objects.filter(pk=slot_at(expert, "10:30").pk).update(capacity=2, title="Pair")
    book(slot_at(expert, "11:00"))
    services.close_slot(slot_id=slot_at(expert, "11:30").pk)
    make_slot(expert, day=DAY, at="14:00")
    make_slot(expert, day=DAY, at="15:00", is_closed=True)
    return expert


WHOLE_DAY = services.Stretch(DAY, time(10), MIDNIGHT)


def unblock(expert, way_back):
    return services.unblock_stretch(expert_id=expert.pk, way_back=way_back)


def test_all_is_as_it_was(expert):
    before = shape(expert)
    done = block(expert, WHOLE_DAY)
    assert open_at(expert) == ["09:00", "09:30"]
    assert unblock(expert, done.way_back) == 0
    assert shape(expert) == before
    assert not TimeOff.objects.exists()
    assert fresh(slot_at(expert, "11:00")).seats_booked == 1


def test_what_was_closed_before_stays_closed(expert):
    done = block(expert, WHOLE_DAY)
    unblock(expert, done.way_back)
    assert open_at(expert) == ["09:00", "09:30", "10:00", "10:30", "11:00", "12:00", "12:30", "14:00"]


def test_what_a_colleague_has_changed_since_stays_as_it_is(expert):
    by_hand = slot_at(expert, "14:00")
    done = block(expert, WHOLE_DAY)
    services.reopen_slot(slot_id=by_hand.pk)
    services.close_slot(slot_id=by_hand.pk)  # as they want it
    services.set_capacity(slot_id=slot_at(expert, "11:00").pk, capacity=3)
    colleagues = make_slot(expert, day=DAY, at="10:15", minutes=30)
    assert unblock(expert, done.way_back) == 4
    assert open_at(expert) == ["09:00", "09:30", "10:15", "12:00", "12:30"]
    assert fresh(colleagues).ends_at - fresh(colleagues).starts_at == timedelta(minutes=30)


def test_what_hours_and_other_time_off_want_closed_by_now_stays_closed(expert):
    done = block(expert, WHOLE_DAY)
    other = TimeOff(expert=expert, first_day=DAY, last_day=DAY, from_time=time(12))
    agreed(services.save_time_off, time_off=other)
    unblock(expert, done.way_back)
    assert open_at(expert) == ["09:00", "09:30", "10:00", "10:30", "11:00"]
    assert list(TimeOff.objects.all()) == [other]


def test_hours_that_were_changed_since_have_the_last_word():
    expert = with_hours()
    done = block(expert)
    agreed(services.apply_hours, expert_id=expert.pk, hours=[row(DAY, "09:00", "10:30", slot_minutes=30)])
    unblock(expert, done.way_back)
    assert open_at(expert) == ["09:00", "09:30", "10:00"]


def test_time_off_that_was_changed_since_stays(expert):
    done = block(expert, WHOLE_DAY)
    row = TimeOff.objects.get()
    row.reason = "Dentist"
    agreed(services.save_time_off, time_off=row)
    with pytest.raises(Refused, match="changed"):
        unblock(expert, done.way_back)
    assert open_at(expert) == ["09:00", "09:30"]


def test_it_is_taken_back_once_and_by_its_expert(expert):
    done = block(expert, WHOLE_DAY)
    stranger = with_hours()
    with pytest.raises(NotFound):
        unblock(stranger, done.way_back)
    unblock(expert, done.way_back)
    with pytest.raises(Refused):
        unblock(expert, done.way_back)


def test_what_has_begun_meanwhile_stays_closed(expert, monkeypatch):
    done = block(expert, WHOLE_DAY)
    noon = slot_at(expert, "11:00").ends_at
    monkeypatch.setattr(timezone, "now", lambda: noon)
    unblock(expert, done.way_back)
    assert open_at(expert)[:3] == ["09:00", "09:30", "12:00"]
