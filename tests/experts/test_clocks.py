"""Which clock leads: the place's for a session in person, the visitor's for one by phone or video."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from experts.clocks import Clocks, clocks_for
from experts.models.expert import Venue
from experts.timezones import day_bounds

LONDON, BERLIN, LISBON = ZoneInfo("Europe/London"), ZoneInfo("Europe/Berlin"), ZoneInfo("Europe/Lisbon")
NEW_YORK = ZoneInfo("America/New_York")
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize("venue", Venue)
def test_the_place_leads_in_person_and_the_visitor_by_phone_and_video(venue):
    clocks = clocks_for(venue, LONDON, BERLIN)
    place = Clocks(LONDON, BERLIN, is_of_place=True)
    assert clocks == (place if venue == Venue.IN_PERSON else Clocks(BERLIN, LONDON))
    assert clocks.beside(NOON) == clocks.other


@pytest.mark.parametrize("venue", Venue)
def test_a_visitor_whose_zone_is_not_known_is_told_the_experts_clock_alone(venue):
    clocks = clocks_for(venue, LONDON, None)
    assert (clocks.leading, clocks.other, clocks.beside(NOON)) == (LONDON, None, None)


@pytest.mark.parametrize("venue", Venue)
def test_clocks_that_show_the_same_are_told_once(venue):
    """Zones of other names, too."""
    assert clocks_for(venue, LONDON, LONDON).other is None
    assert clocks_for(venue, LONDON, LISBON).beside(NOON) is None


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        (BERLIN, "2026-11-24", 24),
        (BERLIN, "2026-03-29", 23),
        (BERLIN, "2026-10-25", 25),
        (NEW_YORK, "2026-03-08", 23),
        (NEW_YORK, "2026-11-01", 25),
        (ZoneInfo("America/Havana"), "2026-03-08", 23),  # midnight itself is skipped
        (ZoneInfo("America/Havana"), "2026-11-01", 25),  # midnight is shown twice
        (ZoneInfo("Asia/Tokyo"), "2026-03-29", 24),
    ],
)
def test_a_day_lasts_from_midnight_to_midnight(zone, day, hours):
    day = date.fromisoformat(day)
    first, end = day_bounds(day, zone)
    assert (end - first).total_seconds() == hours * 3600
    assert first.astimezone(zone).date() == (end - timedelta(microseconds=1)).astimezone(zone).date() == day
    assert (first - timedelta(microseconds=1)).astimezone(zone).date() < day < end.astimezone(zone).date()


def test_today_is_that_of_the_leading_clock():
    late = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
    assert clocks_for("in_person", LONDON, BERLIN).today(late) == date(2026, 11, 24)
    assert clocks_for("video", LONDON, BERLIN).today(late) == date(2026, 11, 25)
