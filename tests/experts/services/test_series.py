"""Slots added by hand in a series, and seats of several slots at once."""

from datetime import time, timedelta

import pytest

from experts import services
from experts.errors import InvalidSlot, NotFound, PreviewNeeded
from experts.models import Slot
from tests.cast import day_ahead, fresh, make_booking, make_expert, make_slot
from tests.experts.admin.test_admin import new_slot
from tests.experts.admin.test_hours import press, sections
from tests.experts.services.test_hours import agreed, preview, starts
from tests.staff import admin_url, errors_of, logged_in, make_superuser, messages_of, run_action

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff():
    return logged_in(make_superuser())


@pytest.fixture
def expert():
    return make_expert(session_minutes=60)


def series(expert, **values):
    days = [day_ahead(n) for n in (2, 3)]
    return {"expert_id": expert.pk, "days": days, "times": [time(9), time(11)]} | values


def test_a_series_is_seen_then_added(expert):
    plan = preview(services.add_series, **series(expert))
    assert len(plan.added) == 4
    assert not Slot.objects.exists()
    slots = agreed(services.add_series, **series(expert, capacity=3, title="Open day"))
    assert {(slot.capacity, slot.title, slot.minutes, slot.from_hours) for slot in slots} == {
        (3, "Open day", 60, False)
    }
    assert starts(expert, day_ahead(3)) == ["09:00", "11:00"]


def test_what_overlaps_or_has_passed_is_left_out_and_listed(expert):
    there = make_slot(expert, day=day_ahead(2), at="08:30")
    times = [time(9), time(9, 30), time(9, 45)]
    plan = preview(services.add_series, **series(expert, days=[day_ahead(-1), day_ahead(2)], times=times))
    assert [slot.time for slot, _ in plan.added] == [time(9, 30)]
    assert len(plan.skipped) == 5
    assert there in [skipped.by for skipped in plan.skipped]


@pytest.mark.parametrize(
    "wrong",
    [
        {"minutes": 0},
        {"days": [day_ahead(-3)]},
        {"days": [day_ahead(n) for n in range(1, 700)], "times": [time(h) for h in range(3)]},
    ],
    ids=["no length", "past", "too many"],
)
def test_a_series_that_cannot_be(expert, wrong):
    with pytest.raises(InvalidSlot):
        services.add_series(**series(expert, **wrong))


def test_a_series_of_nobody_and_one_that_changed_meanwhile(expert):
    with pytest.raises(NotFound):
        services.add_series(**series(expert, expert_id=0))
    with pytest.raises(PreviewNeeded) as seen:
        services.add_series(**series(expert))
    make_slot(expert, day=day_ahead(2), at="09:00")
    with pytest.raises(PreviewNeeded):
        services.add_series(**series(expert), seen=seen.value.key)


def test_a_series_from_the_form(staff, expert):
    day, url = day_ahead(3), admin_url(Slot, "add")
    form = new_slot(expert, date=day, time="09:00", more_times="11:00; 14:30", until=day + timedelta(days=13))
    response = staff.post(url, form | {"weekdays": [day.weekday(), (day.weekday() + 1) % 7]})
    assert sections(response) == {"Added": 12}
    response = press(staff, response, url)
    assert "12 slots added." in messages_of(response)
    assert starts(expert, day + timedelta(days=1)) == ["09:00", "11:00", "14:30"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"more_times": "noon"}, "more_times"),
        ({"more_times": "24:00"}, "more_times"),
        ({"until": day_ahead(1)}, "until"),
        ({"until": day_ahead(2000)}, "until"),
        ({"weekdays": ["1"]}, "until"),
        ({"weekdays": ["9"], "until": day_ahead(9)}, "weekdays"),
    ],
    ids=str,
)
def test_a_bad_series_is_a_message_at_the_field(staff, expert, wrong, field):
    response = staff.post(admin_url(Slot, "add"), new_slot(expert, date=day_ahead(3)) | wrong)
    assert list(errors_of(response)) == [field]
    assert not Slot.objects.exists()


def test_seats_of_several_slots(staff, expert):
    slots = [make_slot(expert, at=at, capacity=3) for at in ("09:00", "12:00")]
    make_booking(slots[1], seats=3)
    response = run_action(staff, Slot, "set_seats", slots, seats="2")
    assert [fresh(slot).capacity for slot in slots] == [2, 3]
    assert any("More seats are taken than that." in text for text in messages_of(response))
    for nonsense in ("", "-1", "many", "9" * 30):
        run_action(staff, Slot, "set_seats", slots, seats=nonsense)
    assert [fresh(slot).capacity for slot in slots] == [2, 3]
