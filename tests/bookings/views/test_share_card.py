"""The picture beside a link to an expert's page."""

import io
import re

import pytest
from PIL import Image

from experts import share_card
from experts.errors import Busy
from experts.models import Expert, Slot
from experts.models.organization import Accent
from experts.share_card import ACCENTS, HEIGHT, WIDTH, ShareCard
from tests.cast import book, day_ahead, make_expert, make_organization, make_slot

pytestmark = pytest.mark.django_db
PATH = "/experts/amara/card.png"


@pytest.fixture
def expert():
    return make_expert(slug="amara", name="Amara Okafor", timezone="Asia/Tokyo")


@pytest.fixture
def drawn(monkeypatch):
    """The cards that were drawn from now on."""
    cards = []
    draw = share_card._draw.__wrapped__
    share_card._draw.cache_clear()
    monkeypatch.setattr(share_card, "_draw", lambda card: (cards.append(card), draw(card))[1])
    return cards


def card(**values) -> ShareCard:
    usual = {"name": "Amara", "headline": "", "organization": "Hale", "initials": "A", "next_free": "Next free: now"}
    return ShareCard(**usual | {"accent": "petrol"} | values)


def test_it_says_who_it_is_and_when_they_are_free_next_by_their_clock(client, expert, drawn):
    slot = make_slot(expert, at="14:30")
    later = make_slot(expert, at="16:00")
    response = client.get(PATH)
    assert response["Content-Type"] == "image/png"
    picture = Image.open(io.BytesIO(response.content))
    assert (picture.format, picture.size) == ("PNG", (WIDTH, HEIGHT))
    assert (drawn[0].name, drawn[0].initials) == ("Amara Okafor", "AO")
    assert "14:30 Tokyo" in drawn[0].next_free
    book(slot)
    client.get(PATH)
    assert f"{later.starts_at.astimezone(expert.zone):%H:%M} Tokyo" in drawn[1].next_free
    book(later)
    client.get(PATH)
    assert drawn[2].next_free == "No times are free right now"


def test_a_list_says_who_is_free_soonest(client, drawn):
    north = make_organization(slug="north", name="Northgate", accent="plum")
    make_slot(make_expert(organization=north, name="Ann", timezone="Asia/Tokyo"), day=day_ahead(4), at="09:00")
    make_slot(make_expert(name="Vic"), day=day_ahead(3), at="11:00")
    for page, path in (("/", "/experts/card.png"), ("/o/north/", "/o/north/card.png")):
        assert f'content="http://localhost:8000{path}"' in client.get(page).content.decode()
        response = client.get(path)
        assert response["Content-Type"] == "image/png"
        assert client.get(path, headers={"If-None-Match": response["ETag"]}).status_code == 304
    site, organization = drawn
    assert (site.name, organization.name, organization.accent) == ("Book time with an expert", "Northgate", "plum")
    assert re.fullmatch(r"Next free: .*, 11:00 London, with Vic", site.next_free)
    assert re.fullmatch(r"Next free: .*, 09:00 Tokyo, with Ann", organization.next_free)
    Slot.objects.update(is_closed=True)
    client.get("/o/north/card.png")
    assert drawn[-1].next_free == "No times are free right now"
    assert client.get("/o/nobody/card.png").status_code == 404


def test_who_has_it_is_not_sent_it_again_until_it_changes(client, expert, drawn):
    slot = make_slot(expert)
    first = client.get(PATH)
    assert "public" in first["Cache-Control"]
    assert not first.cookies, "a picture that others keep sets nobody's cookie"
    again = {"If-None-Match": first["ETag"]}
    assert (client.get(PATH, headers=again).status_code, len(drawn)) == (304, 1)
    book(slot)
    assert client.get(PATH, headers=again).status_code == 200


def test_it_takes_one_query_and_is_drawn_once_in_a_process(client, expert, django_assert_num_queries):
    share_card._draw.cache_clear()
    for _ in range(3):
        with django_assert_num_queries(1):
            client.get(PATH)
    assert share_card._draw.cache_info().misses == 1


def test_nobody_has_too_many_drawn(client, expert, settings):
    settings.RATE_LIMITS = True
    answers = [client.get(PATH) for _ in range(61)]
    assert [it.status_code for it in answers] == [200] * 60 + [429]
    assert int(answers[-1]["Retry-After"]) > 0
    assert client.get(PATH, headers={"If-None-Match": answers[0]["ETag"]}).status_code == 304


def test_a_process_draws_one_at_a_time(client, expert, monkeypatch):
    monkeypatch.setattr(share_card, "MOST_SECONDS", 0.01)
    with share_card._drawing:
        with pytest.raises(Busy):
            card().draw()
        assert client.get(PATH).status_code == 503
    assert client.get(PATH).status_code == 200


def test_there_is_none_of_whoever_is_not_shown(client, expert):
    Expert.objects.update(is_active=False)
    assert client.get(PATH).status_code == 404


def test_each_accent_has_its_colours():
    assert set(ACCENTS) == set(Accent.values)
    assert len({card(accent=accent).draw() for accent in ACCENTS}) == len(ACCENTS)


@pytest.mark.parametrize("name", ["Zoë Łukasiewicz", "Ệ", "李明", "م", "\u202e", "W" * 120, " ", "🧘"])
def test_any_name_can_be_drawn_or_left_out(name):
    picture = Image.open(io.BytesIO(card(name=name, initials=name[:2], organization=name).draw()))
    assert picture.size == (WIDTH, HEIGHT)


def test_letters_that_no_font_has_leave_their_line_out():
    assert card(name="李明").draw() == card(name="").draw()
    assert card(name="Ł").draw() != card(name="").draw()
