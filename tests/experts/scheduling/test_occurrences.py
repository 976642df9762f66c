"""Weekly hours become slots: no overlap, within the hours, beside time off, also on nights that change the clocks."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experts.models import TimeOff, WeeklyHours
from experts.models.hours import MIDNIGHT
from experts.scheduling.occurrences import wanted_slots
from experts.timezones import edge_of

BERLIN = ZoneInfo("Europe/Berlin")
SPRING, AUTUMN = date(2027, 3, 28), date(2027, 10, 31)  # Sundays: 02:00 -> 03:00, and 03:00 -> 02:00
MONDAY = date(2027, 5, 3)


def clock(text: str) -> time:
    return time.fromisoformat(text)


def row(start: str, end: str, **values) -> WeeklyHours:
    defaults = {"weekday": 0, "slot_minutes": 60, "buffer_minutes": 0, "capacity": 1, "title": ""}
    return WeeklyHours(start=clock(start), end=clock(end), **defaults | values)


def off(first: date, last: date | None = None, **values) -> TimeOff:
    return TimeOff(first_day=first, last_day=last or first, **values)


def times(hours, *, day=MONDAY, time_off=(), zone=BERLIN) -> list[str]:
    return [f"{slot.time:%H:%M}" for slot in wanted_slots(hours, time_off, zone, day, day)]


def test_sessions_follow_each_other_until_no_more_fit():
    assert times([row("09:00", "12:30")]) == ["09:00", "10:00", "11:00"]
    [slot] = wanted_slots([row("09:00", "10:00", capacity=4, title="Yoga")], [], BERLIN, MONDAY, MONDAY)
    assert (slot.date, slot.capacity, slot.title, slot.minutes) == (MONDAY, 4, "Yoga", 60)
    assert slot.starts_at == datetime(2027, 5, 3, 7, tzinfo=UTC)


def test_a_buffer_lies_between_sessions_and_may_reach_past_the_end():
    assert times([row("09:00", "12:00", slot_minutes=50, buffer_minutes=10)]) == ["09:00", "10:00", "11:00"]
    assert times([row("09:00", "10:50", slot_minutes=50, buffer_minutes=10)]) == ["09:00", "10:00"]


def test_the_buffer_of_one_stretch_reaches_into_the_next():
    morning = row("09:00", "10:00", buffer_minutes=15)
    assert times([morning, row("10:00", "12:00", slot_minutes=30)]) == ["09:00", "10:30", "11:00", "11:30"]


def test_a_break_is_a_gap_between_two_stretches():
    assert times([row("13:00", "15:00"), row("09:00", "11:00")]) == ["09:00", "10:00", "13:00", "14:00"]


def test_until_midnight():
    assert times([row("22:00", "00:00")]) == ["22:00", "23:00"]


def test_only_on_its_weekday_and_while_valid():
    hours = [row("09:00", "10:00", valid_from=MONDAY, valid_to=MONDAY + timedelta(days=7))]
    days = [slot.date for slot in wanted_slots(hours, [], BERLIN, MONDAY - timedelta(days=14), date(2027, 6, 30))]
    assert days == [MONDAY, MONDAY + timedelta(days=7)]


@pytest.mark.parametrize(
    ("time_off", "left"),
    [
        (off(MONDAY), []),
        (off(MONDAY - timedelta(days=3), MONDAY - timedelta(days=1)), ["09:00", "10:00", "11:00"]),
        (off(MONDAY, from_time=clock("10:30")), ["09:00"]),
        (off(MONDAY, to_time=clock("10:00")), ["10:00", "11:00"]),
        (off(MONDAY, from_time=clock("10:59"), to_time=clock("11:01")), ["09:00"]),
        (off(MONDAY - timedelta(days=1), MONDAY, from_time=clock("20:00"), to_time=clock("09:30")), ["10:00", "11:00"]),
    ],
    ids=["all day", "another day", "from", "until", "across two", "over night"],
)
def test_time_off_leaves_out_what_it_touches(time_off, left):
    assert times([row("09:00", "12:00")], time_off=[time_off]) == left


class TestNightsThatChangeTheClocks:
    def test_a_skipped_time_yields_no_slot(self):
        hours = [row("00:00", "05:00", weekday=6)]
        assert times(hours, day=SPRING) == ["00:00", "01:00", "03:00", "04:00"]

    def test_nothing_overlaps_after_the_skip(self):
        # 01:30 lasts 45 minutes of that night, until 03:15 by the clocks.
        hours = [row("01:30", "05:00", weekday=6, slot_minutes=45)]
        assert times(hours, day=SPRING) == ["01:30", "03:45"]

    def test_nothing_reaches_past_the_end_by_the_skip(self):
        assert times([row("01:30", "03:30", weekday=6, slot_minutes=60)], day=SPRING) == ["01:30"]
        assert times([row("01:30", "03:00", weekday=6, slot_minutes=60)], day=SPRING) == []
        assert times([row("01:30", "02:30", weekday=6, slot_minutes=30)], day=SPRING) == ["01:30"]

    def test_a_repeated_time_yields_one_slot_the_first(self):
        slots = wanted_slots([row("01:00", "05:00", weekday=6)], [], BERLIN, AUTUMN, AUTUMN)
        assert [f"{slot.starts_at:%H:%M}" for slot in slots] == ["23:00", "00:00", "02:00", "03:00"]

    def test_time_off_holds_at_a_repeated_time_both_times(self):
        hours = [row("01:30", "05:00", weekday=6, slot_minutes=90)]
        assert times(hours, day=AUTUMN, time_off=[off(AUTUMN, from_time=clock("02:30"), to_time=clock("02:45"))]) == [
            "03:00"
        ]

    @pytest.mark.parametrize(
        ("wall", "last", "instant"),
        [
            ("01:59", False, "2027-03-28T00:59"),
            ("02:00", False, "2027-03-28T01:00"),
            ("02:30", False, "2027-03-28T01:00"),
            ("02:30", True, "2027-03-28T01:00"),
            ("03:00", False, "2027-03-28T01:00"),
            ("03:01", False, "2027-03-28T01:01"),
        ],
    )
    def test_the_edge_of_a_stretch_on_the_night_of_the_skip(self, wall, last, instant):
        assert edge_of(SPRING, clock(wall), BERLIN, last=last) == datetime.fromisoformat(instant).replace(tzinfo=UTC)

    def test_the_edge_of_a_stretch_on_the_night_of_the_repeat(self):
        first, second = (edge_of(AUTUMN, clock("02:30"), BERLIN, last=last) for last in (False, True))
        assert second - first == timedelta(hours=1)

    def test_a_day_whose_midnight_is_skipped(self):
        cairo, day = ZoneInfo("Africa/Cairo"), date(2027, 4, 30)  # a Friday that begins at 01:00
        hours = [row("23:00", "00:00", weekday=3), row("00:00", "02:00", weekday=4)]
        slots = wanted_slots(hours, [off(day)], cairo, day - timedelta(days=1), day)
        assert [(slot.date, f"{slot.time:%H:%M}") for slot in slots] == [(day - timedelta(days=1), "23:00")]
        assert times(hours, day=day, zone=cairo) == ["01:00"]


# Anything that staff may enter, around nights that change the clocks

ZONES = ["Europe/Berlin", "Europe/London", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Africa/Cairo"]
FIRST_DAYS = [date(2027, 3, 8), date(2027, 3, 22), date(2027, 3, 29), date(2027, 4, 26), date(2027, 10, 25)]
FIRST_DAYS += [date(2027, 10, 1), date(2027, 11, 1)]
minutes_of_day = st.integers(0, 24 * 4).map(lambda quarters: quarters * 15)


def at(minute: int) -> time:
    return time(minute // 60 % 24, minute % 60)


@st.composite
def weekly_hours(draw):
    """Rows of a week as the form accepts them: in order, and without overlap."""
    rows = []
    for _ in range(draw(st.integers(1, 8))):
        start, end = sorted((draw(minutes_of_day), draw(minutes_of_day)))
        if start == end:
            continue
        new = WeeklyHours(
            weekday=draw(st.sampled_from([0, 4, 5, 6])),
            start=at(start),
            end=at(end),
            slot_minutes=draw(st.integers(5, 100)),
            buffer_minutes=draw(st.sampled_from([0, 0, 5, 10, 45])),
            capacity=1,
        )
        if not any(new.overlaps(other) for other in rows):
            rows.append(new)
    return rows


@st.composite
def times_off(draw, first):
    start = first + timedelta(days=draw(st.integers(0, 9)))
    end = start + timedelta(days=draw(st.integers(0, 2)))
    edges = [draw(st.none() | minutes_of_day.map(at)) for _ in range(2)]
    if start == end and None not in edges:
        edges.sort()
    return TimeOff(first_day=start, last_day=end, from_time=edges[0], to_time=edges[1])


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_overlap_nothing_outside_the_hours_nothing_in_time_off(data):
    zone, first = ZoneInfo(data.draw(st.sampled_from(ZONES))), data.draw(st.sampled_from(FIRST_DAYS))
    hours, away = data.draw(weekly_hours()), data.draw(st.lists(times_off(first), max_size=2))
    last = first + timedelta(days=9)
    slots = wanted_slots(hours, away, zone, first, last)

    for one, other in pairwise(slots):
        assert one.ends_at <= other.starts_at
    for slot in slots:
        [source] = [r for r in hours if r.holds_on(slot.date) and _covers(r, slot, zone)]
        assert slot.ends_at - slot.starts_at == timedelta(minutes=source.slot_minutes)
        following = [s for s in slots if s.date == slot.date and s.starts_at > slot.starts_at]
        assert all(s.starts_at - slot.ends_at >= timedelta(minutes=source.buffer_minutes) for s in following)
        for moment in _moments(slot):
            assert not any(_is_off(row, moment.astimezone(zone).replace(tzinfo=None)) for row in away)
        # The clocks show the time that the slot names, and for the first time that day.
        local = slot.starts_at.astimezone(zone)
        assert (local.date(), local.time(), local.fold) == (slot.date, slot.time, 0)

    assert len({(slot.date, slot.time) for slot in slots}) == len(slots)
    # Where a range begins makes no difference: what is made night after night is what is made at once.
    days = [first + timedelta(days=n) for n in range(10)]
    assert [slot for day in days for slot in wanted_slots(hours, away, zone, day, day)] == slots


def _moments(slot):
    """Some instants within the slot, its first and its last minute among them."""
    step = timedelta(minutes=1)
    moment = slot.starts_at
    while moment < slot.ends_at:
        yield moment
        moment += step


def _covers(row: WeeklyHours, slot, zone) -> bool:
    """From when the clocks first show the start until they first show the end; what they repeat between is inside."""
    closes = slot.date + timedelta(days=1) if row.end == MIDNIGHT else slot.date
    return edge_of(slot.date, row.start, zone) <= slot.starts_at and slot.ends_at <= edge_of(closes, row.end, zone)


def _is_off(row: TimeOff, local: datetime) -> bool:
    start = datetime.combine(row.first_day, row.from_time or MIDNIGHT)
    end = (
        datetime.combine(row.last_day + timedelta(days=1), MIDNIGHT)
        if row.to_time is None
        else datetime.combine(row.last_day, row.to_time)
    )
    return start <= local < end
