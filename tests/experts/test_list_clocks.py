"""Lists of experts show days and times by the clock that leads for each: the place's in person, else the visitor's."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from experts.models.expert import Venue
from tests.cast import make_expert, make_organization, make_slot
from tests.kept import body_of
from tests.statements import asked_of_database

pytestmark = pytest.mark.django_db
TOKYO, LOS_ANGELES, LONDON = ZoneInfo("Asia/Tokyo"), ZoneInfo("America/Los_Angeles"), ZoneInfo("Europe/London")


@pytest.fixture
def organization():
    return make_organization(min_notice=timedelta(0))


def words_of(client, zone, **query):
    """The names of those who are listed, each with what its card says of the next time and how many are open."""
    client.cookies["zone"] = zone
    cards = body_of(client.get("/experts/", query)).split('class="card expert-card')[1:]
    found = {}
    for card in cards:
        name = re.search(r'class="stretched"[^>]*>([^<]*)<', card)[1]
        text = re.sub(r"<[^>]+>", " ", card.partition('class="expert-card-foot')[2].partition("</article>")[0])
        found[name] = " ".join(text.partition(">")[2].split())
    return found


def at(zone, day, hour, minute=0):
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).astimezone(UTC)


def test_each_card_is_by_its_own_clock_and_names_it(client, organization):
    day = timezone.now().date() + timedelta(days=9)
    for name, venue in (("Ann", Venue.IN_PERSON), ("Vic", Venue.VIDEO)):
        make_slot(make_expert(organization=organization, name=name, venue=venue), starts_at=at(LONDON, day, 14))
    winter = f"{at(LONDON, day, 14).astimezone(TOKYO):%H:%M}"
    found = words_of(client, "Asia/Tokyo")
    assert f"London time. 14:00 is {winter} in Tokyo. 14:00" in found["Ann"]
    assert f"Tokyo time {winter}" in found["Vic"]
    found = words_of(client, "")
    assert "London time 14:00" in found["Ann"]
    assert "London time 14:00" in found["Vic"]


def test_who_is_soonest_is_told_by_the_visitors_clock_too(client, organization):
    day = timezone.now().date() + timedelta(days=9)
    for name, hour in (("Ann", 14), ("Bea", 15)):
        make_slot(
            make_expert(organization=organization, name=name, venue=Venue.IN_PERSON), starts_at=at(LONDON, day, hour)
        )

    def soonest(zone):
        client.cookies["zone"] = zone
        text = body_of(client.get("/experts/")).partition('id="soonest"')[2].partition("</p>")[0]
        return " ".join(re.sub(r"<[^>]+>", " ", text).split())

    there = f"{at(LONDON, day, 14).astimezone(TOKYO):%H:%M}"
    assert soonest("Asia/Tokyo").endswith(f"14:00 , London time ({there} in Tokyo), with Ann")
    assert soonest("Europe/London").endswith("14:00 , London time, with Ann")


@pytest.mark.parametrize(
    ("zone", "now", "start"),
    [
        (TOKYO, (0, 45), (3, 0)),  # it is yesterday in London
        (LOS_ANGELES, (22, 0), (23, 0)),  # it is tomorrow in London
    ],
)
def test_today_is_that_of_the_card_and_of_the_filter(client, organization, monkeypatch, zone, now, start):
    """The failures that were seen, in Tokyo at 00:45 and in Los Angeles on a Saturday evening."""
    expert = make_expert(organization=organization, name="Vic", venue=Venue.VIDEO)
    day = timezone.now().astimezone(zone).date() + timedelta(days=2)
    make_slot(expert, starts_at=at(zone, day, *start))
    there = at(zone, day, *now)
    assert there.astimezone(LONDON).date() != day
    monkeypatch.setattr(timezone, "now", lambda: there)
    for query in ({}, {"when": "today"}):
        told = words_of(client, zone.key, **query)["Vic"]
        assert told.startswith("Next free times: Today 1 left today")
        assert told.endswith(f"{start[0]:02}:{start[1]:02}")
    assert "Vic" not in words_of(client, zone.key, when="tomorrow")


def test_today_is_that_of_the_place_where_one_goes(client, organization, monkeypatch):
    """Seen from Berlin at 23:30, when it is tomorrow in Tokyo: the filter means what the card calls today."""
    berlin, day = ZoneInfo("Europe/Berlin"), timezone.now().date() + timedelta(days=3)
    place = make_expert(organization=organization, name="Ann", venue=Venue.IN_PERSON, timezone="Asia/Tokyo")
    call = make_expert(organization=organization, name="Vic", venue=Venue.VIDEO, timezone="Asia/Tokyo")
    for expert in (place, call):
        make_slot(expert, starts_at=at(TOKYO, day, 10))
    late = at(berlin, day - timedelta(days=1), 23, 30)
    assert late.astimezone(TOKYO).date() == day
    monkeypatch.setattr(timezone, "now", lambda: late)
    assert re.search(r"Today .* 10:00$", words_of(client, "Europe/Berlin", when="today")["Ann"])
    for query in ({"when": "today"}, {"when": "today", "part": "morning"}, {"when": "today", "sort": "name"}):
        assert set(words_of(client, "Europe/Berlin", **query)) == {"Ann"}
    assert re.search(r"Tomorrow .*0[23]:00$", words_of(client, "Europe/Berlin", when="tomorrow")["Vic"])
    assert set(words_of(client, "Europe/Berlin", when="tomorrow")) == {"Vic"}
    assert set(words_of(client, "Europe/Berlin", when="week")) == {"Ann", "Vic"}
    # A date is that date on each clock.
    assert set(words_of(client, "Europe/Berlin", when=f"{day}")) == {"Ann", "Vic"}


def test_a_part_of_any_day_is_looked_for_in_two_weeks_and_says_so(client, organization):
    today = timezone.now().astimezone(LONDON).date()
    for days, name in ((13, "Soon"), (14, "Late")):
        expert = make_expert(organization=organization, name=name, venue=Venue.VIDEO)
        make_slot(expert, starts_at=at(LONDON, today + timedelta(days=days), 19))
    assert set(words_of(client, "Europe/London", part="evening")) == {"Soon"}
    assert "in the coming two weeks" in body_of(client.get("/experts/", {"part": "evening"}))
    assert set(words_of(client, "Europe/London", part="evening", when=f"{today + timedelta(days=14)}")) == {"Late"}


def test_an_hour_that_nobody_offers_is_not_looked_for_among_all_others(client, organization):
    """Two weeks of evenings are read along the index by one statement, and not what lies between them."""
    today = timezone.now().astimezone(LONDON).date()
    expert = make_expert(organization=organization, venue=Venue.VIDEO)
    for days in range(1, 14):
        make_slot(expert, starts_at=at(LONDON, today + timedelta(days=days), 9))
    client.cookies["zone"] = "Europe/London"
    with asked_of_database() as asked:
        client.get("/experts/", {"part": "evening"})
    [walk] = [sql for sql, callers in asked.sent if "_walk" in callers]
    evenings = walk.split("unnest(")[1].split("::timestamptz[]")[0]
    assert evenings.count(f"{today.year}-") + evenings.count(f"{today.year + 1}-") == 14
    assert asked.statements <= 12, asked
