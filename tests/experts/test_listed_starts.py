"""What lists, programs and pictures say of experts with session types can be booked: starts, not slots."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from bookings.views.share_card import _card
from experts.free_starts import correct_starts, with_next_start
from experts.models import Expert, OfferedType, SessionType
from tests.cast import book, day_ahead, make_expert, make_organization, make_row_of_slots, make_slot, make_type
from tests.kept import body_of, nothing_kept
from tests.statements import asked_of_database

pytestmark = pytest.mark.django_db


@pytest.fixture
def api():
    client = Client()
    return lambda path: client.get(f"/api/v1{path}")


@pytest.fixture
def expert():
    """Sessions of 40 minutes fit on the third day: on the second there is one slot of 20 alone."""
    organization = make_organization(slug="north", min_notice=timedelta(0), horizon_days=60)
    expert = make_expert(organization=organization, name="Ada", slug="ada", session_minutes=25)
    make_slot(expert, day=day_ahead(2), at="09:00", minutes=20)
    make_row_of_slots(expert, day=day_ahead(3), start="10:00", end="11:00")
    make_expert(organization=organization, name="Bo")
    return expert


def look(client):
    return body_of(client.get("/o/north/"))


def told(client):
    """What cards say of when somebody is free next, in their order."""
    return re.findall(r'class="stretched"[^>]*>([^<]+)<.*?(\d\d:\d\d|No free times)', look(client), re.DOTALL)


def times(client):
    """The next times on the first card."""
    return re.findall(r'class="next-time"[^>]*>([^<]+)<', look(client).partition("</article>")[0])


def test_without_types_slots_are_told(client, expert):
    assert told(client) == [("Ada", "09:00"), ("Bo", "No free times")]
    assert "25 min" in look(client)


def test_cards_tell_the_first_start_and_count_starts(client, expert):
    kind = make_type(expert, minutes=40)
    assert told(client) == [("Ada", "10:00"), ("Bo", "No free times")]
    assert times(client) == ["10:00", "10:20"]  # of four slots
    start = expert.slots.get(time="10:00")
    assert f"?day={start.date}#slot-{start.pk}" in look(client)
    assert "40 min" in look(client)
    shorter = make_type(expert, minutes=20, name="Short")
    assert told(client)[0] == ("Ada", "09:00")
    assert times(client) == ["09:00"]  # the others are on the next day
    assert "20–40 min" in look(client)
    assert "#slot-" not in look(client)  # the type is chosen on the expert's page
    SessionType.objects.filter(pk__in=[kind.pk, shorter.pk]).update(audience="link")
    assert told(client) == [("Ada", "No free times"), ("Bo", "No free times")]
    assert " min<" not in look(client).split("Bo</a>")[0]


def test_who_can_be_booked_sooner_comes_first(client, expert):
    make_type(expert)
    make_slot(Expert.objects.get(name="Bo"), day=day_ahead(3), at="08:00")
    assert told(client) == [("Bo", "08:00"), ("Ada", "10:00")]
    soonest = re.search(r'id="soonest".*?</div>', look(client), re.DOTALL)[0]
    assert "08:00" in soonest
    assert "Bo" in soonest


CHANGES = {
    "a start is booked": lambda expert, kind: book(expert.slots.get(time="10:00"), session_type=kind.pk),
    "the only time is closed": lambda expert, kind: expert.slots.filter(time="10:20").update(is_closed=True),
    "a type gets longer": lambda expert, kind: SessionType.objects.filter(pk=kind.pk).update(minutes=60),
    "an expert's own minutes": lambda expert, kind: OfferedType.objects.update(minutes=20),
    "a type is retired": lambda expert, kind: SessionType.objects.update(is_active=False),
    "it is not offered any more": lambda expert, kind: OfferedType.objects.all().delete(),
    "a start far ahead moves": lambda expert, kind: _far_ahead(expert),
}


def _far_ahead(expert):
    expert.slots.all().delete()
    make_row_of_slots(expert, day=day_ahead(40), start="15:00", end="16:00")


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_kept_list_is_what_a_new_process_shows(client, expert, rendered, change):
    kind = make_type(expert)
    look(client)
    before, count = look(client), len(rendered)
    assert look(client) == before
    assert len(rendered) == count, "it was not kept"
    change(expert, kind)
    after = look(client)
    with nothing_kept():
        assert after == look(client)
    assert after != before


def test_programs_and_pictures_tell_the_first_start(api, expert):
    make_type(expert)
    start = expert.slots.get(time="10:00").starts_at
    wanted = [f"{start:%Y-%m-%dT%H:%M:%SZ}", None]
    assert [row["next_slot_at"] for row in api("/experts").json()["items"]] == wanted
    assert [row["next_slot_at"] for row in api("/experts?search=ada").json()["items"]] == wanted[:1]
    assert api("/experts/ada").json()["next_slot_at"] == wanted[0]
    assert "10:00" in _card(correct_starts(with_next_start(Expert.objects.filter(slug="ada")))[0]).next_free
    expert.slots.filter(time="10:20").update(is_closed=True)
    assert api("/experts").json()["items"][0]["next_slot_at"] is None


def test_types_of_any_number_of_experts_take_as_many_statements(client, api, expert):
    def statements():
        with nothing_kept(), asked_of_database() as asked:
            look(client)
        look(client)
        with asked_of_database() as again:
            look(client)
        with asked_of_database() as listed:
            api("/experts")
        return asked.statements, again.statements, listed.statements

    make_row_of_slots(Expert.objects.get(name="Bo"), day=day_ahead(3))
    look(client)  # the browser has the site's cookies
    without = statements()
    make_type(expert)
    with_one = statements()
    make_type(Expert.objects.get(name="Bo"), name="Other")
    make_type(expert, name="Third")
    # The page is made with what is offered and the slots; each request reads the first starts, as programs do twice.
    assert with_one == (without[0] + 3, without[1] + 1, without[2] + 2)
    assert statements() == with_one


def test_search_engines_are_told_no_length_before_a_type_is_chosen(client, expert):
    make_type(expert)
    make_type(expert, name="Other")
    page = body_of(client.get("/experts/ada/"))
    assert '"name":"A session with Ada"' in page
    assert "25 minutes" not in page


def test_filters_go_by_slots_and_tell_starts(client, expert):
    """Who is found by a slot that is no start is told with the first start there is; else with one at such times."""
    make_type(expert)
    make_row_of_slots(expert, day=day_ahead(3), start="19:00", end="20:00")
    page = body_of(client.get("/o/north/", {"when": day_ahead(2).isoformat()}))
    assert re.search(r"next-times.*?(\d\d:\d\d)", page, re.DOTALL)[1] == "10:00"
    page = body_of(client.get("/o/north/", {"part": "evening"}))
    assert re.search(r"next-times.*?(\d\d:\d\d)", page, re.DOTALL)[1] == "19:00"
