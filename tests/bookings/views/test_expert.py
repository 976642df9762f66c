"""The expert page: the week as a strip, the day as tiles. By which clock: test_expert_clocks.py."""

import re
from datetime import date, time, timedelta

import pytest
from django.utils import timezone

from bookings.models import Status
from experts.models import Expert, Slot, TimeOff, WeeklyHours
from experts.timezones import instant_of, next_midnight
from tests.cast import book, day_ahead, make_booking, make_expert, make_slot

pytestmark = pytest.mark.django_db


def page(client, expert, **query):
    response = client.get(f"/experts/{expert.slug}/", query)
    assert response.status_code == 200
    return response


def read_out(response, today: date, ahead: int) -> str:
    """What is said of the link to a day of the strip."""
    link = re.search(
        rf'<a class="day" id="day-{today + timedelta(days=ahead)}".*?</a>', response.content.decode(), re.S
    )
    return " ".join(re.sub(r"<span aria-hidden.*?</span>|<[^>]+>", "", link[0]).split())


def tiles(response):
    return {tile.slot.pk: tile for part in response.context["parts"] for tile in part.tiles}


def test_opens_on_the_day_of_the_next_free_time(client):
    expert = make_expert()
    make_booking(make_slot(expert, day=day_ahead(2)))
    make_slot(expert, day=day_ahead(4))
    assert page(client, expert).context["day"] == day_ahead(4)
    assert page(client, make_expert()).context["day"] == expert.today()


def test_every_state_is_told_in_words(client):
    expert, day = make_expert(min_notice=timedelta(0)), day_ahead()
    make_slot(expert, day=day, at="08:00")
    make_slot(expert, day=day, at="09:00", capacity=5)
    make_booking(make_slot(expert, day=day, at="10:00", capacity=5), seats=3)
    make_booking(make_slot(expert, day=day, at="11:00"))
    make_booking(make_slot(expert, day=day, at="12:00"), status=Status.HELD)
    make_slot(expert, day=day, at="13:00", is_closed=True)
    make_slot(expert, day=day, at="18:00")
    response = page(client, expert, day=day.isoformat())
    body = response.content.decode()
    for words in ("Open", "5 seats", "2 of 5 left", "Full", "Being booked", "Closed"):
        assert words in body
    assert [part.name for part in response.context["parts"]] == ["Morning", "Afternoon", "Evening"]
    assert response.context["open_count"] == 4


class TestWhatIsOver:
    def expert(self, at: str):
        """Somebody on whose day ahead all before a time is over, as it is inside the notice."""
        expert = make_expert()
        self.move_on(expert, at)
        return expert

    def move_on(self, expert, at: str):
        noon = instant_of(day_ahead(), time.fromisoformat(at), expert.zone)
        type(expert).objects.filter(pk=expert.pk).update(min_notice=noon - timezone.now())

    def shown(self, response):
        folded = [tile.slot for tile in response.context["earlier_tiles"]]
        return folded, [tile.slot for part in response.context["parts"] for tile in part.tiles]

    def test_is_folded_away_closed_at_first(self, client):
        expert = self.expert("12:00")
        nine, ten, two = (make_slot(expert, at=at) for at in ("09:00", "10:00", "14:00"))
        response = page(client, expert, day=day_ahead().isoformat())
        assert self.shown(response) == ([nine, ten], [two])
        body = response.content.decode()
        assert re.search(r'<details class="earlier" id="[^"]+">\s*<summary>.*2 earlier times</summary>', body)
        assert body.index(f'id="slot-{ten.pk}"') < body.index("</details>", body.index('class="earlier"'))
        assert "earlier" not in page(client, expert, day=day_ahead(3).isoformat()).content.decode()

    def test_of_today_is_said_to_be_of_today_and_nothing_more_is_offered(self, client):
        slot = make_slot(expert := make_expert(), day=expert.today(), at="00:00")
        make_slot(expert, day=day_ahead())
        body = page(client, expert, day=slot.date.isoformat()).content.decode()
        assert "1 earlier time today</summary>" in body
        assert "No more times on this day" in body

    def test_nothing_is_folded_under_a_finger(self, client):
        """What an open page asks for by itself folds what the page had folded when it was opened, and no more."""
        expert = self.expert("09:30")
        nine, ten, two = (make_slot(expert, at=at) for at in ("09:00", "10:00", "14:00"))
        opened = page(client, expert, day=day_ahead().isoformat())
        again = opened.context["resync_url"]
        self.move_on(expert, "12:00")
        response = client.get(again, headers={"HX-Request": "true", "HX-Request-Type": "partial"})
        assert self.shown(response) == ([nine], [ten, two])
        assert 'data-state="past"' in response.content.decode().split("</details>")[1]
        assert response.context["resync_url"] == again
        assert self.shown(page(client, expert, day=day_ahead().isoformat())) == ([nine, ten], [two])

    def test_a_page_that_had_folded_nothing_folds_nothing(self, client):
        expert = self.expert("08:00")
        slots = [make_slot(expert, at=at) for at in ("09:00", "10:00")]
        again = page(client, expert, day=day_ahead().isoformat()).context["resync_url"]
        self.move_on(expert, "12:00")
        assert self.shown(client.get(again)) == ([], slots)
        for nonsense in ("x", "-1", "9" * 30, "²"):
            assert client.get(again.replace("folded=0", f"folded={nonsense}")).status_code == 200


def test_what_is_over_or_closed_is_no_button_and_what_is_full_leads_to_the_nearest_times(client):
    expert = make_expert()
    free, full, closed = (make_slot(expert, at=at) for at in ("09:00", "10:00", "11:00"))
    make_booking(full)
    Slot.objects.filter(pk=closed.pk).update(is_closed=True)
    body = page(client, expert).content.decode()
    assert f"/slots/{free.pk}/hold/" in body
    assert f"/slots/{full.pk}/hold/" in body
    assert f"/slots/{closed.pk}/hold/" not in body


class TestTheStrip:
    def test_begins_today_and_says_of_each_day_what_is_free(self, client):
        expert = make_expert(min_notice=timedelta(0))
        today = expert.today()
        make_slot(expert, day=today, at="00:00")
        make_slot(expert, day=today + timedelta(days=1))
        make_booking(make_slot(expert, day=today + timedelta(days=2)))
        make_slot(expert, day=today + timedelta(days=3), is_closed=True)
        response = page(client, expert, day=(today + timedelta(days=1)).isoformat())
        week = response.context["strip"].days
        assert [day.count.date for day in week] == [today + timedelta(days=n) for n in range(7)]
        assert [day.count.state for day in week] == ["past", "open", "full", *["closed"] * 4]
        assert [day.count.text for day in week[:4]] == ["Past", "1 free", "Full", "Closed"]
        assert [day.is_selected for day in week] == [False, True] + [False] * 5
        assert week[0].label == "Today"
        assert f"{today + timedelta(days=1):%A} {(today + timedelta(days=1)).day}" in read_out(response, today, 1)
        assert "1 time free" in read_out(response, today, 1)

    def test_an_address_shows_its_day_in_the_week_that_it_is_in_by_then(self, client):
        expert = make_expert(horizon_days=60)
        today = expert.today()
        for ahead, first in ((0, 0), (6, 0), (7, 7), (13, 7), (14, 14), (-1, -7), (-7, -7), (-8, -14)):
            response = page(client, expert, day=(today + timedelta(days=ahead)).isoformat())
            assert response.context["strip"].days[0].count.date == today + timedelta(days=first), ahead

    def test_begins_a_day_later_after_midnight_on_pages_that_are_open_too(self, client, monkeypatch):
        expert = make_expert()
        today, day = expert.today(), day_ahead(3)
        before = page(client, expert, day=day.isoformat()).context
        midnight = next_midnight(timezone.now(), expert.zone)
        monkeypatch.setattr(timezone, "now", lambda: midnight)
        after = page(client, expert, day=day.isoformat()).context
        assert [context["strip"].days[0].count.date for context in (before, after)] == [
            today,
            today + timedelta(days=1),
        ]
        # An open page is told the other key, loads the day again and is told of the other days from then on.
        assert before["grid_key"] != after["grid_key"]
        assert before["socket_url"] != after["socket_url"]

    def test_one_can_walk_through_the_weeks_but_not_into_the_past(self, client):
        expert = make_expert(horizon_days=20)
        context = page(client, expert, day=(expert.today() + timedelta(days=2)).isoformat()).context
        assert not context["strip"].previous_url
        seen = [context["day"]]
        while context["strip"].next_url:
            context = client.get(context["strip"].next_url).context
            seen.append(context["day"])
        assert seen == [expert.today() + timedelta(days=n) for n in (2, 9, 16)]
        assert f"day={seen[1]}" in context["strip"].previous_url


class TestBeyondTheHorizon:
    """Days that nobody can book yet are not closed: they say when they open."""

    @pytest.fixture
    def expert(self):
        return make_expert(horizon_days=9, min_notice=timedelta(0))

    def counts(self, client, expert, **query):
        strip = page(client, expert, day=(expert.today() + timedelta(days=9)).isoformat(), **query).context["strip"]
        return {(day.count.date - expert.today()).days: day.count for day in strip.days}

    def opens(self, day: date) -> str:
        return f"Opens {day.day} {day:%b}"

    def test_of_slots_that_are_there(self, client, expert):
        today = expert.today()
        make_slot(expert, day=today + timedelta(days=11))
        make_slot(expert, day=today + timedelta(days=12), is_closed=True)
        counts = self.counts(client, expert)
        assert [counts[n].state for n in (8, 10, 11, 12, 13)] == ["closed", "closed", "later", "closed", "closed"]
        assert counts[11].text == self.opens(today + timedelta(days=2))

    def test_of_hours_that_have_made_no_slots_yet(self, client, expert, django_assert_num_queries):
        today = expert.today()
        works = today + timedelta(days=12)
        WeeklyHours.objects.create(
            expert=expert, weekday=works.weekday(), start=time(9), end=time(12), slot_minutes=60, capacity=1
        )
        counts = self.counts(client, expert)
        assert {n: count.text for n, count in counts.items() if count.state == "later"} == {
            12: self.opens(today + timedelta(days=3))
        }
        TimeOff.objects.create(expert=expert, first_day=works, last_day=works)
        Expert.objects.update(slots_until=today)  # as the services do
        assert self.counts(client, expert)[12].state == "closed"

    def test_that_opens_on_the_day_itself_says_so(self, client, expert, monkeypatch):
        slot = make_slot(expert, day=expert.today() + timedelta(days=9), at="23:00")
        opens = slot.starts_at - timedelta(days=9)
        monkeypatch.setattr(timezone, "now", lambda: opens - timedelta(hours=1))
        assert self.counts(client, expert)[9].text == "Opens today"
        monkeypatch.setattr(timezone, "now", lambda: opens)
        assert self.counts(client, expert)[9].text == "1 free"

    def test_of_a_day_that_opens_bit_by_bit_the_rest_is_said_and_not_shown_as_closed(self, client, expert, monkeypatch):
        early, late = (make_slot(expert, day=expert.today() + timedelta(days=9), at=at) for at in ("09:00", "20:00"))
        noon = early.starts_at - timedelta(days=9) + timedelta(hours=3)
        monkeypatch.setattr(timezone, "now", lambda: noon)
        response = page(client, expert, day=early.date.isoformat())
        assert list(tiles(response)) == [early.pk]
        today = noon.astimezone(expert.zone)
        body = response.content.decode()
        assert f"More times of this day can be booked from {today:%A} {today.day} {today:%B}, 20:00." in body
        monkeypatch.setattr(timezone, "now", lambda: late.starts_at - timedelta(days=9))
        again = page(client, expert, day=early.date.isoformat())
        assert list(tiles(again)) == [early.pk, late.pk]
        assert again.context["grid_key"] != response.context["grid_key"], "an open page loads it"

    def test_the_day_says_from_when_it_can_be_booked(self, client, expert):
        day = expert.today() + timedelta(days=12)
        WeeklyHours.objects.create(
            expert=expert, weekday=day.weekday(), start=time(9), end=time(12), slot_minutes=60, capacity=1
        )
        body = page(client, expert, day=day.isoformat()).content.decode()
        opens = day - timedelta(days=9)
        assert f"They can be booked from {opens:%A} {opens.day} {opens:%B}, 09:00." in body


def test_next_free_time_leads_on_and_never_back(client):
    expert = make_expert()
    assert page(client, expert).context["next_free_url"] is None
    make_slot(expert, day=day_ahead(3))
    make_slot(expert, day=day_ahead(9))
    for shown, leads_to in ((2, 3), (3, 9), (5, 9), (9, None), (10, None)):
        url = page(client, expert, day=day_ahead(shown).isoformat()).context["next_free_url"]
        assert (f"day={day_ahead(leads_to)}" in url) if leads_to else (url is None), shown


class TestOwnMark:
    def test_only_the_browser_that_booked_sees_it(self, client, django_user_model):
        slot = make_slot(capacity=3)
        client.get(f"/slots/{slot.pk}/book/")
        visitor = client.cookies["visitor"].value.split(":")[0]
        book(slot, visitor=visitor)
        assert 'data-mark="booked"' in page(client, slot.expert).content.decode()
        client.cookies.clear()
        assert "data-mark" not in page(client, slot.expert).content.decode()

    def test_a_forged_cookie_is_nobody(self, client):
        slot = make_slot(capacity=3)
        book(slot, visitor="v" * 32)
        client.cookies["visitor"] = "v" * 32 + ":x:y"
        assert "data-mark" not in page(client, slot.expert).content.decode()


@pytest.mark.parametrize(
    "path", ["/experts/nobody/", "/experts/NULL/", "/experts/%00/", "/experts/-/", "/nothing/here"]
)
def test_unknown_expert_is_a_friendly_404(client, path):
    response = client.get(path)
    assert response.status_code == 404
    assert "<h1" in response.content.decode()


@pytest.mark.parametrize(
    "day", ["tomorrow", "2026-13-01", "0001-01-01", "9999-12-31", "2026-11-20T10:00", "\x00", "1" * 500]
)
def test_unknown_day_is_a_friendly_404_that_leads_on(client, day):
    expert = make_expert()
    response = client.get(f"/experts/{expert.slug}/", {"day": day})
    assert response.status_code == 404
    assert f"/experts/{expert.slug}/" in response.content.decode()


@pytest.mark.parametrize("slots", [1, 3])
def test_the_number_of_queries_is_constant(client, django_assert_num_queries, slots):
    expert = make_expert()
    for n in range(slots):
        make_booking(make_slot(expert, at=f"{9 + n:02}:00", capacity=4))
    with django_assert_num_queries(4):  # the two of its version, expert, week
        page(client, expert)
    with django_assert_num_queries(2):  # kept
        page(client, expert)
