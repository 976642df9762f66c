"""Promise 7: a wall-clock time and its instant, on days when clocks change too."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from experts.timezones import _RENAMED, city, instant_of, known_zone, offset_label, validate_zone, zone_names

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
LORD_HOWE, KATHMANDU = ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Asia/Kathmandu")


@pytest.mark.parametrize(
    ("zone", "day", "at", "instant"),
    [
        (BERLIN, "2026-01-15", "09:00", "2026-01-15T08:00"),
        (BERLIN, "2026-07-15", "09:00", "2026-07-15T07:00"),
        (KATHMANDU, "2026-07-15", "09:00", "2026-07-15T03:15"),
        (NEW_YORK, "2026-03-08", "03:00", "2026-03-08T07:00"),
    ],
)
def test_ordinary_times(zone, day, at, instant):
    assert instant_of(date.fromisoformat(day), time.fromisoformat(at), zone) == datetime.fromisoformat(instant).replace(
        tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("zone", "day", "at"),
    [
        (BERLIN, "2026-03-29", "02:30"),
        (NEW_YORK, "2026-03-08", "02:00"),
        (LORD_HOWE, "2026-10-04", "02:15"),  # half an hour only
    ],
)
def test_a_skipped_time_is_no_instant(zone, day, at):
    assert instant_of(date.fromisoformat(day), time.fromisoformat(at), zone) is None


@pytest.mark.parametrize(
    ("zone", "day", "at", "first"),
    [
        (BERLIN, "2026-10-25", "02:30", "2026-10-25T00:30"),
        (NEW_YORK, "2026-11-01", "01:30", "2026-11-01T05:30"),
        (LORD_HOWE, "2026-04-05", "01:45", "2026-04-04T14:45"),
    ],
)
def test_a_repeated_time_is_the_first_of_the_two(zone, day, at, first):
    assert instant_of(date.fromisoformat(day), time.fromisoformat(at), zone) == datetime.fromisoformat(first).replace(
        tzinfo=UTC
    )


@given(
    st.sampled_from(sorted(zone_names())),
    st.dates(date(2020, 1, 1), date(2035, 12, 31)),
    st.times().map(lambda t: t.replace(second=0, microsecond=0)),
)
def test_an_instant_reads_back_as_the_wall_clock_it_came_from(name, day, at):
    zone = ZoneInfo(name)
    instant = instant_of(day, at, zone)
    if instant is None:
        before = datetime.combine(day, at, tzinfo=UTC) - timedelta(days=1)
        offsets = {(before + timedelta(hours=h)).astimezone(zone).utcoffset() for h in range(0, 49)}
        assert len(offsets) > 1, "only a day with a change of offset skips a time"
    else:
        assert instant.astimezone(zone).replace(tzinfo=None) == datetime.combine(day, at)


def test_the_offset_is_that_of_the_day_not_of_today():
    assert offset_label(BERLIN, datetime(2026, 1, 15, 12, tzinfo=UTC)) == "GMT+1"
    assert offset_label(BERLIN, datetime(2026, 7, 15, 12, tzinfo=UTC)) == "GMT+2"
    assert offset_label(KATHMANDU, datetime(2026, 7, 15, 12, tzinfo=UTC)) == "GMT+5:45"
    assert offset_label(ZoneInfo("America/St_Johns"), datetime(2026, 1, 15, 12, tzinfo=UTC)) == "GMT−3:30"
    assert offset_label(ZoneInfo("Europe/London"), datetime(2026, 1, 15, 12, tzinfo=UTC)) == "GMT"


def test_what_browsers_call_a_zone_is_known_by_its_present_name():
    assert known_zone("Asia/Katmandu").key == "Asia/Kathmandu"
    assert known_zone("Europe/Berlin").key == "Europe/Berlin"
    assert known_zone("UTC").key == "UTC"
    for name in ("Mars/Olympus", "../etc/passwd", "US/Eastern", "", None):
        assert known_zone(name) is None


def test_zones_are_places():
    assert city(NEW_YORK) == "New York"
    validate_zone("Europe/Berlin")
    for name in ("Mars/Olympus", "../etc/passwd", "EST5EDT", ""):
        with pytest.raises(ValidationError):
            validate_zone(name)


def test_scripts_name_cities_as_the_server_does():
    script = (settings.BASE_DIR / "static/js/zone.js").read_text()
    table = dict(re.findall(r'^ +(\w+): "([^"]+)",$', script, re.MULTILINE))
    cities = {old.rsplit("/")[-1]: city(ZoneInfo(new)) for old, new in _RENAMED.items()}
    assert table == {old: new for old, new in cities.items() if old.replace("_", " ") != new}
