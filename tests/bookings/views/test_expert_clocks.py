"""The days and times of the expert page are those of one clock: the place's in person, else the visitor's."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db.models import F
from django.utils import timezone

from experts.clocks import clocks_for, leading_day, leading_zone
from experts.models import Expert, Slot
from experts.models.expert import Venue
from experts.timezones import day_bounds
from tests.cast import book, make_expert, make_slot, when
from tests.kept import body_of

pytestmark = pytest.mark.django_db
ZONES = ["Europe/Berlin", "Asia/Tokyo", "America/New_York", "America/Los_Angeles"]
# A day ahead on which no zone of these tests has summer time: the middle of the next January.
WINTER_DAY = date(date.today().year + 1, 1, 15)


def make_far_expert(**values):
    """Whoever can be booked for more than a year ahead, so that both changes of the clocks lie within."""
    return make_expert(**{"horizon_days": 500, "min_notice": timedelta(0), "venue": Venue.VIDEO} | values)


def page(client, expert, day="", zone=""):
    client.cookies["zone"] = zone
    response = client.get(f"/experts/{expert.slug}/", {"day": day} if day else {})
    assert response.status_code == 200
    return response


def tiles(response):
    return [tile for part in response.context["parts"] for tile in part.tiles]


def line(response):
    """The clock line as a wide page has it."""
    text = response.content.decode().split('class="clock-line"', 1)[1].split("</p>")[0]
    return " ".join(text.split("<span", 1)[1].split(">", 1)[1].split("</span>")[0].split())


class TestWhoseClock:
    def test_in_person_the_place_leads_and_the_visitors_time_stands_beside(self, client):
        expert = make_far_expert(venue=Venue.IN_PERSON)
        make_slot(expert, day=WINTER_DAY, at="14:30")
        response = page(client, expert, WINTER_DAY, "Europe/Berlin")
        [tile] = tiles(response)
        assert ">14:30</time>" in response.content.decode()
        assert tile.other_clock == "15:30 in Berlin"
        assert line(response) == "<strong>London time</strong>, where you will be. 14:30 is 15:30 for you in Berlin."

    @pytest.mark.parametrize("venue", [Venue.PHONE, Venue.VIDEO])
    def test_by_phone_and_video_the_visitors_leads(self, client, venue):
        expert = make_far_expert(venue=venue, name="Amara Okafor")
        make_slot(expert, day=WINTER_DAY, at="14:30")
        response = page(client, expert, WINTER_DAY, "Europe/Berlin")
        [tile] = tiles(response)
        assert ">15:30</time>" in response.content.decode()
        assert tile.other_clock == ""
        assert line(response) == (
            "<strong>Berlin time</strong>, where you are. 15:30 is 14:30 for Amara Okafor in London."
        )

    @pytest.mark.parametrize("zone", ["", "../../etc/passwd"])
    def test_a_visitor_who_is_not_known_is_told_the_experts_clock_by_name(self, client, zone):
        expert = make_far_expert(name="Amara Okafor")
        make_slot(expert, day=WINTER_DAY, at="14:30")
        response = page(client, expert, WINTER_DAY, zone)
        assert ">14:30</time>" in response.content.decode()
        assert line(response) == "<strong>London time</strong>, where Amara Okafor is"

    @pytest.mark.parametrize("zone", ["Europe/London", "Europe/Lisbon"])
    def test_where_both_show_the_same_one_is_named(self, client, zone):
        expert = make_far_expert(venue=Venue.IN_PERSON)
        make_slot(expert, day=WINTER_DAY, at="14:30")
        response = page(client, expert, WINTER_DAY, zone)
        assert tiles(response)[0].other_clock == ""
        assert line(response) == "<strong>London time</strong>, where you will be"

    def test_a_time_that_the_clock_shows_twice_has_its_offset(self, client):
        expert, zone = make_far_expert(timezone="UTC"), ZoneInfo("Europe/Berlin")
        day = changes_of(zone)[1]
        for hour in range(-1, 3):
            make_slot(expert, starts_at=datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hour))
        found = tiles(page(client, expert, day, "Europe/Berlin"))
        assert [tile.offset for tile in found] == ["", "GMT+2", "GMT+1", ""]
        assert "Berlin time (GMT+2, then GMT+1)" in line(page(client, expert, day, "Europe/Berlin"))

    @pytest.mark.parametrize("venue", Venue)
    @pytest.mark.parametrize("zone", ["", "Europe/London", "Asia/Tokyo"])
    def test_queries_know_the_same_rule(self, venue, zone):
        expert = make_expert(venue=venue)
        expected = clocks_for(venue, expert.zone, ZoneInfo(zone) if zone else None).leading
        assert Expert.objects.annotate(leads=leading_zone(zone)).values_list("leads", flat=True).get() == expected.key
        slot = make_slot(expert, day=WINTER_DAY, at="23:30")
        found = Slot.objects.annotate(on=leading_day(zone, F, lambda name: F(f"expert__{name}")))
        assert found.get().on == slot.starts_at.astimezone(expected).date()


def changes_of(zone):
    """The next day on which the clocks there go on, and the next on which they go back."""
    days = [timezone.now().date() + timedelta(days=n) for n in range(20, 420)]
    hours = {day: (day_bounds(day, zone)[1] - day_bounds(day, zone)[0]).total_seconds() / 3600 for day in days}
    return [next(day for day in days if hours[day] == length) for length in (23, 25)]


def fill(expert, first, last):
    """A slot each hour of these days and some around, but for those that the expert's clock shows a second time."""
    start = datetime.combine(first - timedelta(days=2), datetime.min.time(), tzinfo=UTC)
    starts = [start + timedelta(hours=n) for n in range(24 * ((last - first).days + 5))]
    Slot.objects.bulk_create(
        Slot(expert=expert, **when(expert, at), ends_at=at + timedelta(minutes=30))
        for at in starts
        if not at.astimezone(expert.zone).fold
    )


class TestDays:
    @pytest.mark.slow
    @pytest.mark.parametrize("zone_name", ZONES)
    def test_when_clocks_change_each_slot_is_on_the_day_that_its_tile_says(self, client, zone_name):
        """Around both changes of Berlin's clocks and both of New York's, for visitors who share them and others."""
        zone, expert = ZoneInfo(zone_name), make_far_expert()
        for sunday in changes_of(ZoneInfo("Europe/Berlin")) + changes_of(ZoneInfo("America/New_York")):
            Slot.objects.all().delete()
            fill(expert, sunday - timedelta(days=6), sunday + timedelta(days=1))
            starts_of = defaultdict(list)
            for at in Slot.objects.order_by("starts_at").values_list("starts_at", flat=True):
                starts_of[at.astimezone(zone).date()].append(at)
            for day in (sunday - timedelta(days=1), sunday, sunday + timedelta(days=1)):
                response = page(client, expert, day, zone_name)
                assert [tile.slot.starts_at for tile in tiles(response)] == starts_of[day]
                if day == sunday:
                    days = response.context["strip"].days
                    assert [item.count.open for item in days] == [len(starts_of[it.count.date]) for it in days]
            assert len(starts_of[sunday]) in (22, 23, 24, 25)

    def test_the_first_minutes_of_a_day_in_tokyo(self, client, monkeypatch):
        """The failure that was seen: "Today 21" with a tile "03:00 Sun 22"."""
        expert, zone = make_far_expert(), ZoneInfo("Asia/Tokyo")
        day = timezone.now().astimezone(zone).date() + timedelta(days=3)
        slot = make_slot(expert, starts_at=datetime(day.year, day.month, day.day, 3, tzinfo=zone).astimezone(UTC))
        now = datetime(day.year, day.month, day.day, 0, 45, tzinfo=zone)
        monkeypatch.setattr(timezone, "now", lambda: now)
        response = page(client, expert, zone="Asia/Tokyo")
        [selected] = [item for item in response.context["strip"].days if item.is_selected]
        assert (selected.label, selected.count.date) == ("Today", day)
        assert [tile.slot for tile in tiles(response)] == [slot]
        assert [part.name for part in response.context["parts"]] == ["Night"]

    def test_a_late_evening_in_los_angeles(self, client):
        """The failure that was seen: "23:00 Sat 21" under Sunday."""
        expert, zone = make_far_expert(), ZoneInfo("America/Los_Angeles")
        saturday = WINTER_DAY + timedelta(days=5 - WINTER_DAY.weekday())
        slot = make_slot(expert, day=saturday + timedelta(days=1), at="07:00")
        assert slot.starts_at.astimezone(zone).strftime("%a %H:%M") == "Sat 23:00"
        opened = page(client, expert, zone="America/Los_Angeles")
        assert opened.context["day"] == saturday
        assert [tile.slot for tile in tiles(opened)] == [slot]
        assert not tiles(page(client, expert, saturday + timedelta(days=1), "America/Los_Angeles"))

    def test_the_next_free_time_leads_to_the_day_on_which_it_is_shown(self, client):
        expert = make_far_expert()
        saturday = WINTER_DAY + timedelta(days=5 - WINTER_DAY.weekday())
        make_slot(expert, day=saturday + timedelta(days=1), at="07:00")
        before = saturday - timedelta(days=1)
        for zone, day in (("America/Los_Angeles", saturday), ("Asia/Tokyo", saturday + timedelta(days=1))):
            assert page(client, expert, before, zone).context["next_free_url"].endswith(f"?day={day}")
        # On the evening itself there is no later one: not the same slot again on the expert's Sunday.
        assert page(client, expert, saturday, "America/Los_Angeles").context["next_free_url"] is None

    def test_what_changes_beyond_the_experts_week_changes_the_page(self, client):
        """A kept page of a Monday in Tokyo shows what is Sunday, of the week before, to the expert."""
        expert = make_far_expert()
        monday = WINTER_DAY - timedelta(days=WINTER_DAY.weekday())
        slot = make_slot(expert, day=monday - timedelta(days=1), at="20:00")
        page(client, expert, monday, "Asia/Tokyo")
        assert "1 time free" in body_of(page(client, expert, monday, "Asia/Tokyo"))
        book(slot)
        assert "No times free" in body_of(page(client, expert, monday, "Asia/Tokyo"))

    def test_one_evening_is_shown_on_one_day_to_all_who_come_to_the_place(self, client):
        expert = make_far_expert(venue=Venue.IN_PERSON)
        slot = make_slot(expert, day=WINTER_DAY, at="20:00")
        for zone in ("", *ZONES):
            response = page(client, expert, WINTER_DAY, zone)
            assert [tile.slot for tile in tiles(response)] == [slot]
            if zone == "Asia/Tokyo":
                assert tiles(response)[0].other_clock == f"{WINTER_DAY + timedelta(days=1):%a} 05:00 in Tokyo"
