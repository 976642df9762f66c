"""A change of hours, time off or zone: seen first, then written, and no booking is lost on the way."""

from datetime import date, time, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from bookings.models import Booking, Status
from bookings.services import cancel
from experts import services
from experts.errors import InvalidExpert, InvalidHours, InvalidSlot, NotFound, PreviewNeeded
from experts.models import Expert, Slot, TimeOff, WeeklyHours
from experts.models.hours import end_minutes
from experts.scheduling.plan import Calendar
from experts.services import horizons
from experts.tasks import extend_horizons
from tests.cast import (
    book,
    day_ahead,
    fresh,
    make_booking,
    make_expert,
    make_organization,
    make_session_type,
    make_slot,
)
from tests.experts.scheduling.test_occurrences import weekly_hours

pytestmark = pytest.mark.django_db


def row(day: date, start: str = "09:00", end: str = "12:00", **values) -> WeeklyHours:
    """Hours on the weekday of ``day``."""
    defaults = {"weekday": day.weekday(), "slot_minutes": 60, "capacity": 1}
    return WeeklyHours(start=time.fromisoformat(start), end=time.fromisoformat(end), **defaults | values)


def agreed(call, **values):
    """Look at the preview, and agree."""
    try:
        return call(**values)
    except PreviewNeeded as preview:
        return call(**values, seen=preview.key)


def preview(call, **values):
    """The plan for the one expert that is concerned."""
    with pytest.raises(PreviewNeeded) as raised:
        call(**values)
    [plan] = raised.value.plans
    return plan


def work(expert: Expert, *rows: WeeklyHours):
    agreed(services.apply_hours, expert_id=expert.pk, hours=list(rows))
    expert.refresh_from_db()


def stored(expert: Expert) -> list[WeeklyHours]:
    return list(expert.hours.all())


def starts(expert: Expert, day: date | None = None) -> list[str]:
    slots = Slot.objects.filter(expert=expert)
    return [f"{slot.time:%H:%M}" for slot in (slots.filter(date=day) if day else slots).order_by("starts_at")]


@pytest.fixture
def day():
    return day_ahead(3)


@pytest.fixture
def expert():
    """Whose horizon holds each weekday once or twice."""
    return make_expert(horizon_days=10)


# Hours


def test_nothing_is_written_before_the_preview_was_seen(expert, day):
    plan = preview(services.apply_hours, expert_id=expert.pk, hours=[row(day)])
    assert [f"{slot.time:%H:%M}" for slot, _ in plan.added if slot.date == day] == ["09:00", "10:00", "11:00"]
    assert not Slot.objects.exists()
    assert not WeeklyHours.objects.exists()


def test_hours_become_slots_up_to_the_horizon(expert, day):
    work(expert, row(day, capacity=4, title="Yoga"))
    assert starts(expert, day) == ["09:00", "10:00", "11:00"]
    days = set(Slot.objects.values_list("date", flat=True))
    assert days == {day, day + timedelta(days=7)}
    slot = Slot.objects.first()
    assert (slot.capacity, slot.title, slot.minutes, slot.from_hours, slot.version) == (4, "Yoga", 60, True, 1)
    assert expert.slots_until == expert.last_bookable_day()


def test_a_second_run_changes_nothing(expert, day):
    work(expert, row(day))
    before = list(Slot.objects.values())
    [plan] = services.apply_hours(expert_id=expert.pk, hours=stored(expert))  # needs no preview
    assert plan.is_empty
    assert services.extend_horizon(expert_id=expert.pk) == 0
    assert list(Slot.objects.values()) == before


def test_what_is_not_wanted_any_more_goes_and_the_rest_stays_the_same(expert, day):
    work(expert, row(day))
    kept = Slot.objects.get(date=day, time=time(9))
    [hours] = stored(expert)
    hours.end = time(10)
    work(expert, hours)
    assert starts(expert, day) == ["09:00"]
    assert fresh(kept).version == kept.version
    assert WeeklyHours.objects.get().pk == hours.pk


def test_a_booked_slot_is_listed_and_stays_closed(expert, day):
    work(expert, row(day, capacity=3))
    booked = Slot.objects.get(date=day, time=time(9))
    booking = make_booking(booked)
    plan = preview(services.apply_hours, expert_id=expert.pk, hours=[row(day, "14:00", "15:00")])
    assert [(kept.slot, kept.wanted, kept.seats_taken) for kept in plan.kept] == [(booked, None, 1)]
    work(expert, row(day, "14:00", "15:00"))
    assert starts(expert, day) == ["09:00", "14:00"]
    assert (fresh(booked).is_closed, fresh(booked).closed_by_hours) == (True, True)
    booking.refresh_from_db()
    assert booking.status == Status.CONFIRMED


def test_a_held_slot_counts_as_booked(expert, day):
    work(expert, row(day))
    held = Slot.objects.get(date=day, time=time(9))
    make_booking(held, status=Status.HELD)
    work(expert)
    assert starts(expert) == ["09:00"]


def test_a_slot_with_ended_bookings_is_closed_and_used_again(expert, day):
    work(expert, row(day))
    used = Slot.objects.get(date=day, time=time(9))
    make_booking(used, status=Status.CANCELLED)
    plan = preview(services.apply_hours, expert_id=expert.pk, hours=[])
    assert plan.retired == [used]
    work(expert)
    assert list(Slot.objects.all()) == [used]
    assert fresh(used).is_closed
    work(expert, row(day, capacity=2))
    assert (fresh(used).is_closed, fresh(used).closed_by_hours, fresh(used).capacity) == (False, False, 2)
    assert starts(expert, day) == ["09:00", "10:00", "11:00"]


def test_what_would_overlap_a_booked_or_a_hand_made_slot_is_left_out_and_listed(expert, day):
    by_hand = make_slot(expert, day=day, at="09:30", minutes=30)
    plan = preview(services.apply_hours, expert_id=expert.pk, hours=[row(day)])
    assert [(skipped.wanted.time, skipped.by) for skipped in plan.skipped] == [(time(9), by_hand)]
    work(expert, row(day))
    assert starts(expert, day) == ["09:30", "10:00", "11:00"]
    booked = Slot.objects.get(date=day, time=time(11))
    make_booking(booked)
    plan = preview(services.apply_hours, expert_id=expert.pk, hours=[row(day, "10:30", "12:30", slot_minutes=90)])
    assert [(s.wanted.time, s.by) for s in plan.skipped if s.wanted.date == day] == [(time(10, 30), booked)]


def test_slots_made_by_hand_are_left_alone(expert, day):
    by_hand = make_slot(expert, day=day, at="16:00")
    work(expert, row(day))
    work(expert)
    assert list(Slot.objects.all()) == [by_hand]
    assert fresh(by_hand).version == by_hand.version


def test_an_empty_slot_gets_its_new_length_seats_and_title_in_place(expert, day):
    work(expert, row(day))
    slot = Slot.objects.get(date=day, time=time(9))
    work(expert, row(day, slot_minutes=90, capacity=5, title="Workshop"))
    assert starts(expert, day) == ["09:00", "10:30"]
    slot = fresh(slot)
    assert (slot.minutes, slot.capacity, slot.title) == (90, 5, "Workshop")


def test_an_empty_slot_that_cannot_be_as_long_as_wanted_goes(expert, day):
    work(expert, row(day))
    make_booking(Slot.objects.get(date=day, time=time(10)))
    work(expert, row(day, slot_minutes=90))
    assert [(f"{slot.time:%H:%M}", slot.minutes) for slot in Slot.objects.filter(date=day)] == [("10:00", 60)]


def test_a_booked_slot_gets_other_seats_but_never_fewer_than_are_taken(expert, day):
    work(expert, row(day, capacity=3))
    booked = Slot.objects.get(date=day, time=time(9))
    make_booking(booked, seats=2)
    work(expert, row(day, capacity=4))
    assert fresh(booked).capacity == 4
    plan = preview(services.apply_hours, expert_id=expert.pk, hours=[row(day, capacity=1)])
    assert [kept.slot for kept in plan.kept] == [booked]
    work(expert, row(day, capacity=1))
    assert (fresh(booked).capacity, fresh(booked).is_closed) == (4, False)


def test_a_booked_slot_keeps_its_length_and_title(expert, day):
    work(expert, row(day))
    booked = Slot.objects.get(date=day, time=time(9))
    make_booking(booked)
    work(expert, row(day, slot_minutes=30, title="Short"))
    assert (fresh(booked).minutes, fresh(booked).title, fresh(booked).is_closed) == (60, "", False)
    assert starts(expert, day) == ["09:00", "10:00", "10:30", "11:00", "11:30"]


def test_what_staff_did_by_hand_survives_a_change_elsewhere(expert, day):
    work(expert, row(day))
    nine, ten, eleven = Slot.objects.filter(date=day).order_by("time")
    services.close_slot(slot_id=nine.pk)
    services.set_capacity(slot_id=ten.pk, capacity=7)
    services.delete_slot(slot_id=eleven.pk)
    work(expert, *stored(expert), row(day, "15:00", "16:00"))
    assert starts(expert, day) == ["09:00", "10:00", "15:00"]
    assert (fresh(nine).is_closed, fresh(nine).closed_by_hours, fresh(ten).capacity) == (True, False, 7)


def test_a_slot_that_staff_reopen_is_theirs_from_then_on(expert, day):
    work(expert, row(day, capacity=2))
    booked = Slot.objects.get(date=day, time=time(9))
    make_booking(booked)
    work(expert)
    services.reopen_slot(slot_id=booked.pk)
    work(expert, row(day, "15:00", "16:00"))
    assert (fresh(booked).is_closed, fresh(booked).from_hours, fresh(booked).closed_by_hours) == (False, False, False)


def test_what_has_begun_is_not_touched(expert):
    now = timezone.now()
    running = make_slot(expert, starts_at=now - timedelta(minutes=10), from_hours=True)
    past = make_slot(expert, starts_at=now - timedelta(days=3), from_hours=True)
    work(expert, row(day_ahead(4)))
    work(expert)
    assert set(Slot.objects.all()) == {running, past}


def test_a_preview_that_is_no_longer_true_is_shown_again(expert, day):
    work(expert, row(day))
    with pytest.raises(PreviewNeeded) as seen:
        services.apply_hours(expert_id=expert.pk, hours=[])
    booked = Slot.objects.get(date=day, time=time(9))
    make_booking(booked)
    with pytest.raises(PreviewNeeded) as again:
        services.apply_hours(expert_id=expert.pk, hours=[], seen=seen.value.key)
    assert [kept.slot for kept in again.value.plans[0].kept] == [booked]
    assert WeeklyHours.objects.count() == 1
    services.apply_hours(expert_id=expert.pk, hours=[], seen=again.value.key)
    assert list(Slot.objects.all()) == [booked]


def test_the_history_tells_of_hours_and_their_slots(expert, day):
    work(expert, row(day))
    [hours] = stored(expert)
    hours.capacity = 2
    work(expert, hours)
    assert list(hours.events.values_list("pgh_label", "capacity")) == [("insert", 1), ("update", 2)]
    assert set(Slot.objects.first().events.values_list("pgh_label", flat=True)) == {"insert", "update"}


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"end": time(8)}, "after the start"),
        ({"end": time(9)}, "after the start"),
        ({"slot_minutes": 0}, "greater than or equal to 1"),
        ({"slot_minutes": 181}, "Not one session"),
        ({"capacity": 0}, "greater than or equal to 1"),
        ({"valid_from": date(2027, 2, 2), "valid_to": date(2027, 2, 1)}, "before the first"),
        ({"title": "x" * 81}, "at most 80"),
    ],
    ids=str,
)
def test_hours_that_cannot_be(expert, day, values, text):
    wrong = row(day)
    for name, value in values.items():
        setattr(wrong, name, value)
    with pytest.raises(InvalidHours, match=text):
        services.apply_hours(expert_id=expert.pk, hours=[row(day, "06:00", "07:00"), wrong])
    assert not WeeklyHours.objects.exists()


def test_hours_that_overlap_are_refused_by_the_service_and_by_the_database(expert, day):
    both = [row(day, "09:00", "12:00"), row(day, "11:00", "00:00")]
    with pytest.raises(InvalidHours, match="overlap"):
        services.apply_hours(expert_id=expert.pk, hours=both)
    one, other = both
    one.expert = other.expert = expert
    with pytest.raises(IntegrityError, match="hours_no_overlap_for_expert"), transaction.atomic():
        one.save()
        other.save()
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_hours_of_different_months_do_not_overlap(expert, day):
    until, since = day + timedelta(days=20), day + timedelta(days=21)
    work(expert, row(day, valid_to=until), row(day, valid_from=since), row(day, "12:00", "13:00"))
    assert WeeklyHours.objects.count() == 3


def test_stretches_may_change_places(expert, day):
    work(expert, row(day, "09:00", "10:00"), row(day, "10:00", "12:00"))
    early, late = stored(expert)
    early.start, early.end, late.start, late.end = time(11), time(12), time(9), time(11)
    work(expert, early, late)
    assert [hours.pk for hours in stored(expert)] == [late.pk, early.pk]


# Time off


def test_time_off_takes_slots_away_and_brings_them_back(expert, day):
    work(expert, row(day))
    booked = Slot.objects.get(date=day, time=time(10))
    make_booking(booked)
    time_off = TimeOff(expert=expert, first_day=day, last_day=day, reason="Course")
    plan = preview(services.save_time_off, time_off=time_off)
    assert [kept.slot for kept in plan.kept] == [booked]
    assert not TimeOff.objects.exists()
    agreed(services.save_time_off, time_off=TimeOff(expert=expert, first_day=day, last_day=day))
    assert starts(expert, day) == ["10:00"]
    assert fresh(booked).is_closed
    agreed(services.delete_time_off, time_off_id=TimeOff.objects.get().pk)
    assert starts(expert, day) == ["09:00", "10:00", "11:00"]
    assert not fresh(booked).is_closed


def test_a_holiday_is_for_all_experts_of_the_organisation_and_no_other(expert, day):
    colleague, stranger = make_expert(organization=expert.organization, horizon_days=10), make_expert(horizon_days=10)
    for each in (expert, colleague, stranger):
        work(each, row(day))
    agreed(services.save_time_off, time_off=TimeOff(organization=expert.organization, first_day=day, last_day=day))
    assert [starts(each, day) for each in (expert, colleague)] == [[], []]
    assert starts(stranger, day) == ["09:00", "10:00", "11:00"]


def test_time_off_that_moves_to_somebody_else(expert, day):
    colleague = make_expert(organization=expert.organization, horizon_days=10)
    for each in (expert, colleague):
        work(each, row(day))
    agreed(services.save_time_off, time_off=TimeOff(expert=expert, first_day=day, last_day=day))
    time_off = TimeOff.objects.get()
    time_off.expert = colleague
    agreed(services.save_time_off, time_off=time_off)
    assert (starts(expert, day), starts(colleague, day)) == (["09:00", "10:00", "11:00"], [])


def test_time_off_that_cannot_be(expert, day):
    for values, field in (
        ({"expert": expert, "first_day": day, "last_day": day - timedelta(days=1)}, "last_day"),
        ({"expert": expert, "organization": make_organization(), "first_day": day, "last_day": day}, "organization"),
        ({"first_day": day, "last_day": day}, "expert"),
        ({"expert": expert, "first_day": day, "last_day": day, "from_time": time(9), "to_time": time(9)}, "to_time"),
    ):
        with pytest.raises(InvalidHours) as refused:
            services.save_time_off(time_off=TimeOff(**values))
        assert refused.value.field == field
    with pytest.raises(NotFound):
        services.delete_time_off(time_off_id=0)


# Another zone


def test_another_zone_makes_empty_slots_anew_and_booked_ones_keep_their_instant(expert, day):
    work(expert, row(day))
    booked, closed = Slot.objects.get(date=day, time=time(9)), Slot.objects.get(date=day, time=time(11))
    make_booking(booked)
    services.close_slot(slot_id=closed.pk)
    expert.timezone = "Asia/Kathmandu"
    agreed(services.save_expert, expert=expert, fields=["timezone"])
    again = fresh(booked)
    assert again.starts_at == booked.starts_at
    local = again.starts_at.astimezone(again.expert.zone)
    assert (again.date, again.time) == (local.date(), local.time())
    assert again.closed_by_hours
    assert {"09:00", "10:00", "11:00"} <= set(starts(expert, day))
    [anew] = Slot.objects.filter(date=day, time=time(11), closed_by_hours=False)
    assert anew.is_closed, "what was closed by hand stays so"
    [plan] = services.apply_hours(expert_id=expert.pk, hours=stored(expert))
    assert plan.is_empty


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Atlantic/Azores"])
def test_booked_slots_move_on_the_clock_past_each_other(expert, day, zone):
    work(expert, row(day))
    for slot in Slot.objects.all():
        make_booking(slot)
    booked = list(Slot.objects.values_list("pk", "starts_at"))
    expert.timezone = zone
    agreed(services.save_expert, expert=expert, fields=["timezone"])
    assert list(Slot.objects.filter(seats_booked=1).values_list("pk", "starts_at")) == booked
    for slot in Slot.objects.with_expert():
        local = slot.starts_at.astimezone(slot.expert.zone)
        assert (slot.date, slot.time) == (local.date(), local.time())


def test_another_zone_is_refused_while_slots_made_by_hand_lie_ahead(expert, day):
    work(expert, row(day))
    make_slot(expert, day=day, at="18:00")
    expert.timezone = "Asia/Tokyo"
    with pytest.raises(InvalidExpert) as refused:
        services.save_expert(expert=expert, fields=["timezone"])
    assert refused.value.field == "timezone"


def test_other_changes_of_an_expert_need_no_preview(expert, day):
    work(expert, row(day))
    expert.headline = "Coach"
    services.save_expert(expert=expert, fields=["headline"])
    services.save_expert(expert=expert, hours=stored(expert))


def test_what_somebody_else_changed_meanwhile_stays(expert):
    seen_before = Expert.objects.get(pk=expert.pk)
    Expert.objects.filter(pk=expert.pk).update(headline="Coach")
    seen_before.bio = "Helps."
    saved = services.save_expert(expert=seen_before, fields=["bio"])
    assert (saved.headline, saved.bio) == ("Coach", "Helps.")
    expert.refresh_from_db()
    assert (expert.headline, expert.bio) == ("Coach", "Helps.")


def test_changed_hours_read_the_same_however_many_slots_are_booked(expert, day):
    def change(capacity: int) -> int:
        hours = [*stored(expert)]
        for each in hours:
            each.capacity = capacity
        with CaptureQueriesContext(connection) as queries:
            agreed(services.apply_hours, expert_id=expert.pk, hours=hours)
        return len(queries)

    work(expert, row(day, end="15:00"))
    slots = list(Slot.objects.filter(expert=expert, date=day).order_by("time"))
    make_booking(slots[0])
    with_one = change(2)
    for slot in slots[1:4]:
        make_booking(slot)
    assert change(3) <= with_one


# Night after night


def test_the_horizon_moves_on_and_what_staff_deleted_stays_deleted(expert, day):
    work(expert, row(day))
    services.delete_slot(slot_id=Slot.objects.get(date=day, time=time(9)).pk)
    Expert.objects.filter(pk=expert.pk).update(horizon_days=20)
    assert services.extend_horizon(expert_id=expert.pk) in (3, 6)
    assert starts(expert, day) == ["10:00", "11:00"]
    assert starts(expert, day + timedelta(days=14)) == ["09:00", "10:00", "11:00"]
    assert services.extend_horizon(expert_id=expert.pk) == 0


def test_the_horizon_minds_time_off_and_slots_made_by_hand(expert, day):
    work(expert, row(day))
    later = day + timedelta(days=14)
    make_slot(expert, day=later, at="09:30")
    TimeOff.objects.create(expert=expert, first_day=later, last_day=later, from_time=time(11))
    Expert.objects.filter(pk=expert.pk).update(horizon_days=20)
    services.extend_horizon(expert_id=expert.pk)
    assert starts(expert, later) == ["09:30", "10:00"]


def test_the_job_sees_to_all_experts_and_goes_on_after_one_that_fails(expert, day, caplog):
    broken, away = make_expert(horizon_days=10), make_expert(horizon_days=10, is_active=False)
    for each in (broken, expert, away):
        WeeklyHours.objects.bulk_create([row(day, expert=each)])
    # No such zone: what cannot be read must not stop the others.
    Expert.objects.filter(pk=broken.pk).update(timezone="Mars/Olympus")
    extend_horizons(timestamp=0)
    assert starts(expert, day) == ["09:00", "10:00", "11:00"]
    assert set(Slot.objects.values_list("expert", flat=True)) == {expert.pk}
    assert f"expert {broken.pk} was not extended" in caplog.text
    extend_horizons(timestamp=0)
    assert starts(expert, day) == ["09:00", "10:00", "11:00"]


def test_all_experts_are_seen_to_in_batches_once_each(day, monkeypatch):
    monkeypatch.setattr(horizons, "BATCH", 2)
    experts = [make_expert(horizon_days=10, timezone="Mars/Olympus" if n == 1 else "UTC") for n in range(5)]
    WeeklyHours.objects.bulk_create(row(day, expert=each) for each in experts)
    told: list[int] = []
    done = services.extend_horizons(note=told.append)
    assert (done.experts, done.failed, done.slots) == (5, 1, Slot.objects.count())
    assert done.slots >= 4 * 3
    assert told == [1, 2, 3, 4, 5]


def test_the_command_shows_how_far_it_is(day):
    WeeklyHours.objects.bulk_create(row(day, expert=make_expert(horizon_days=10)) for _ in range(4))
    out, progress = StringIO(), StringIO()
    call_command("make_slots", stdout=out, stderr=progress)
    assert progress.getvalue().splitlines()[-1].strip() == "100%  4 of 4"
    assert f"{Slot.objects.count()} slots for 4 experts; 0 failed" in out.getvalue()
    call_command("make_slots", stdout=out, stderr=progress)
    assert "\n0 slots for" in out.getvalue()


def test_an_expert_that_does_not_exist():
    for call in (services.extend_horizon, lambda expert_id: services.apply_hours(expert_id=expert_id, hours=[])):
        with pytest.raises(NotFound):
            call(expert_id=0)


# Any change


def possible(rows: list[WeeklyHours]) -> list[WeeklyHours]:
    """Without hours too short for one session, which the form refuses."""
    return [row for row in rows if row.start.hour * 60 + row.start.minute + row.slot_minutes <= end_minutes(row.end)]


# Without shrinking: each try is a whole change of a calendar.
@pytest.mark.slow
@settings(max_examples=15, deadline=None, phases=[Phase.generate])
@given(data=st.data())
def test_whatever_changes_no_booking_is_lost_and_a_second_run_does_nothing(data):
    zones = st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kathmandu"])
    expert = make_expert(horizon_days=6, timezone=data.draw(zones))
    work(expert, *possible(data.draw(weekly_hours())))
    booked = [slot for slot in Slot.objects.filter(expert=expert) if data.draw(st.integers(0, 5)) == 0]
    for slot in booked:
        make_booking(slot)
    hours = possible(data.draw(weekly_hours()))
    expert.timezone = data.draw(zones)
    agreed(services.save_expert, expert=expert, fields=["timezone"], hours=hours)

    expert = Expert.objects.get(pk=expert.pk)
    now = timezone.now()
    wanted = Calendar.of(expert).wanted(expert.today(now), expert.slots_until, now)
    slots = {slot.starts_at: slot for slot in Slot.objects.filter(expert=expert, starts_at__gt=now)}
    for slot in slots.values():
        local = slot.starts_at.astimezone(expert.zone)
        assert (slot.date, slot.time) == (local.date(), local.time())
    kept = {slot.starts_at for slot in booked}
    assert kept <= slots.keys(), "a booked slot is gone"
    for start in slots.keys() - kept:
        assert slots[start].ends_at == wanted[start].ends_at
    for start in wanted.keys() - slots.keys():
        assert any(slot.starts_at < wanted[start].ends_at and start < slot.ends_at for slot in booked)

    before = list(Slot.objects.order_by("pk").values())
    assert services.apply_hours(expert_id=expert.pk, hours=stored(expert))[0].is_empty
    assert services.extend_horizon(expert_id=expert.pk) == 0
    assert list(Slot.objects.order_by("pk").values()) == before


class TestForSomeTypesOnly:
    """Hours in which some session types can be booked, and no other."""

    @pytest.fixture
    def types(self, expert):
        return [make_session_type(expert.organization, expert).pk for _ in range(2)]

    def test_their_slots_are_for_these_types(self, expert, day, types):
        work(expert, row(day, end="10:00", for_types=[types[1], types[0], types[0]]), row(day, "10:00", "11:00"))
        assert [slot.for_types for slot in expert.slots.filter(date=day)] == [types, []]
        assert stored(expert)[0].for_types == types

    def test_a_change_is_seen_first_and_told_to_pages(self, expert, day, types):
        work(expert, row(day, end="10:00"))
        [slot] = expert.slots.filter(date=day)
        [hours] = stored(expert)
        hours.for_types = types[:1]
        seen = preview(services.apply_hours, expert_id=expert.pk, hours=[hours])
        assert slot in [change.slot for change in seen.changed]
        work(expert, hours)
        now = fresh(slot)
        assert (now.for_types, now.version) == (types[:1], slot.version + 1)
        assert now.events.latest("pgh_id").for_types == types[:1]

    def test_another_type_is_another_preview(self, expert, day, types):
        work(expert, row(day, end="10:00"))
        [hours] = stored(expert)
        keys = set()
        for chosen in types:
            hours.for_types = [chosen]
            keys.add(preview(services.apply_hours, expert_id=expert.pk, hours=[hours]).key)
        assert len(keys) == 2

    def test_the_seats_that_are_left_of_a_booked_slot_are_for_them_too(self, expert, day, types):
        work(expert, row(day, end="10:00", capacity=3))
        [slot] = expert.slots.filter(date=day)
        make_booking(slot)
        [hours] = stored(expert)
        hours.for_types = types[:1]
        work(expert, hours)
        now = fresh(slot)
        assert (now.for_types, now.capacity, now.seats_booked, now.is_closed) == (types[:1], 3, 1, False)

    def test_what_staff_chose_for_one_slot_stays(self, expert, day, types):
        work(expert, row(day, end="11:00"))
        first, _second = expert.slots.filter(date=day)
        services.set_types(slot_id=first.pk, for_types=types[:1])
        [hours] = stored(expert)
        hours.valid_to = day + timedelta(days=60)
        work(expert, hours)
        assert [slot.for_types for slot in expert.slots.filter(date=day)] == [types[:1], []]

    def test_somebody_elses_type_is_refused(self, expert, day):
        foreign = make_session_type(make_organization()).pk
        with pytest.raises(InvalidSlot, match="no such session type"):
            services.apply_hours(expert_id=expert.pk, hours=[row(day, for_types=[foreign])])
        with pytest.raises(InvalidSlot, match="no such session type"):
            services.add_slots(expert=expert, starts=[(day, time(9))], for_types=[foreign])
        with pytest.raises(InvalidSlot, match="no such session type"):
            services.set_types(slot_id=make_slot(expert).pk, for_types=[foreign])

    def test_slots_by_hand_and_series_name_them_too(self, expert, day, types):
        [one] = services.add_slots(expert=expert, starts=[(day, time(9))], for_types=types)
        given = {"expert_id": expert.pk, "days": [day], "times": [time(12)], "for_types": types[:1]}
        [other] = agreed(services.add_series, **given)
        assert (fresh(one).for_types, fresh(other).for_types) == (types, types[:1])


class TestASessionOfSeveralSlots:
    """What it takes beside the slot in which it starts counts as booked, too."""

    @pytest.fixture
    def booking(self, expert, day):
        """From 9:00 to 11:00, in two slots of an hour."""
        work(expert, row(day))
        kind = make_session_type(expert.organization, expert, minutes=120)
        return book(Slot.objects.get(date=day, time=time(9)), session_type=kind.pk)

    def took(self, booking):
        return [slot for slot in Slot.objects.order_by("starts_at") if slot.pk in booking.slot_ids]

    @pytest.mark.parametrize(
        ("start", "end", "kept", "left"),
        [
            ("09:00", "10:00", ["10:00"], ["09:00", "10:00"]),  # its second slot lies outside
            ("10:00", "12:00", ["09:00"], ["09:00", "10:00", "11:00"]),  # the first
            ("14:00", "15:00", ["09:00", "10:00"], ["09:00", "10:00", "14:00"]),
        ],
    )
    def test_other_hours_list_it_and_close_what_lies_outside(self, expert, day, booking, start, end, kept, left):
        plan = preview(services.apply_hours, expert_id=expert.pk, hours=[row(day, start, end)])
        assert [(f"{each.slot.time:%H:%M}", each.wanted, each.seats_taken) for each in plan.kept] == [
            (at, None, 1) for at in kept
        ]
        work(expert, row(day, start, end))
        assert starts(expert, day) == left
        assert [f"{slot.time:%H:%M}" for slot in self.took(booking) if slot.is_closed] == kept
        booking.refresh_from_db()
        assert booking.status == Status.CONFIRMED

    def test_its_slots_keep_their_length(self, expert, day, booking):
        before = [(slot.starts_at, slot.ends_at) for slot in self.took(booking)]
        work(expert, row(day, slot_minutes=90))
        assert [(slot.starts_at, slot.ends_at) for slot in self.took(booking)] == before
        work(expert, row(day, slot_minutes=30))
        assert [(slot.starts_at, slot.ends_at) for slot in self.took(booking)] == before

    def test_time_off_lists_it_and_brings_it_back(self, expert, day, booking):
        plan = preview(services.save_time_off, time_off=TimeOff(expert=expert, first_day=day, last_day=day))
        assert [each.slot for each in plan.kept] == self.took(booking)
        agreed(services.save_time_off, time_off=TimeOff(expert=expert, first_day=day, last_day=day))
        assert starts(expert, day) == ["09:00", "10:00"]
        agreed(services.delete_time_off, time_off_id=TimeOff.objects.get().pk)
        assert [slot.is_closed for slot in self.took(booking)] == [False, False]

    def test_what_a_cancelled_one_took_is_closed_and_not_deleted(self, expert, day, booking):
        cancel(booking_id=booking.pk, by_customer=False)
        work(expert)
        assert [slot.closed_by_hours for slot in self.took(booking)] == [True, True]

    @pytest.mark.parametrize("at", [9, 10])
    def test_no_slot_of_it_can_be_deleted_by_hand(self, day, booking, at):
        with pytest.raises(InvalidSlot):
            services.delete_slot(slot_id=Slot.objects.get(date=day, time=time(at)).pk)

    def test_what_only_an_ended_hold_took_goes(self, expert, day, booking):
        cancel(booking_id=booking.pk, by_customer=False)
        Booking.objects.update(status=Status.EXPIRED, name="", email="")
        work(expert, row(day, "09:00", "10:00"))
        assert starts(expert, day) == ["09:00"]
