"""Lists of experts show days and times by the clock that leads for each: the place's in person, else the visitor's."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from experts.models.expert import Venue
from tests.cast import make_expert, make_organization, make_slot
from tests.kept import body_of

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
        text = re.sub(r"<[^>]+>", " ", card.partition('class="expert-card-foot"')[2].partition("</article>")[0])
        found[name] = " ".join(text.split())
    return found


def at(zone, day, hour, minute=0):
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).astimezone(UTC)


def test_each_card_is_by_its_own_clock_and_names_it(client, organization):
    day = timezone.now().date() + timedelta(days=9)
    for name, venue in (("Ann", Venue.IN_PERSON), ("Vic", Venue.VIDEO)):
        make_slot(make_expert(organization=organization, name=name, venue=venue), starts_at=at(LONDON, day, 14))
    winter = f"{at(LONDON, day, 14).astimezone(TOKYO):%H:%M}"
    found = words_of(client, "Asia/Tokyo")
    assert f"14:00 London, {winter} in Tokyo" in found["Ann"]
    assert f"{winter} Tokyo time" in found["Vic"]
    found = words_of(client, "")
    assert "14:00 London time" in found["Ann"]
    assert "14:00 London time" in found["Vic"]


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
        assert f"Next: Today {start[0]:02}:{start[1]:02}" in words_of(client, zone.key, **query)["Vic"]
        assert "1 left today" in words_of(client, zone.key, **query)["Vic"]
    assert "Vic" not in words_of(client, zone.key, when="tomorrow")
