"""What is filled into patterns while somebody books is, byte for byte, what the templates render of the same values."""

from datetime import timedelta

import pytest
from django.utils import translation
from django.utils.html import conditional_escape

from experts.patterns import Patterns
from tests.cast import details, make_booking, make_expert, make_organization, make_row_of_slots, make_slot, make_type
from tests.languages.pseudo import pseudo_language

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("steps_compared")]
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture(params=["English", "pseudo"], autouse=True)
def speaks(request):
    with translation.override("en") if request.param == "English" else pseudo_language():
        yield


@pytest.fixture(autouse=True)
def compared(monkeypatch):
    """Fill each pattern twice, and render its template; returns the templates' words so far."""
    by_pattern, rendered = Patterns.fill, []

    def fill(self, about, values, render):
        words = render({name: conditional_escape(value) for name, value in values.items()})
        rendered.append(words)
        filled = [by_pattern(self, about, values, render) for _twice in range(2)]
        assert filled == [words] * 2
        return filled[0]

    monkeypatch.setattr(Patterns, "fill", fill)
    return rendered


@pytest.fixture
def expert():
    organization = make_organization(name="Hale & <Partners>")
    return make_expert(organization=organization, name='Amara <b> & "Co"', headline="Back & neck", max_party=3)


def walk(client, slot, query=""):
    """From the calendar to the last page, with what goes wrong on the way."""
    if not query:
        client.get(f"/experts/{slot.expert.slug}/?day={slot.date}")
    client.post(f"/slots/{slot.pk}/hold/{query}", headers=PARTIAL)
    for extensions in (0, 1, 1):
        client.post(f"/slots/{slot.pk}/extend/?extensions={extensions}", headers=PARTIAL)
    for sent in ({"step": "review", "email": "x"}, {"step": "review"}, {"step": "edit"}, {"step": "confirm"}):
        response = client.post(f"/slots/{slot.pk}/book/{query}", details(**sent), headers=PARTIAL)
    return response


def test_a_group(client, expert, compared, steps_compared):
    response = walk(client, make_slot(expert, capacity=4, title="Group <of> & four"))
    assert "badge-status" in response.content.decode()
    assert len(compared) >= 30
    assert steps_compared == ["details", "review", "details", "done"]


def test_pages_without_script(client, expert, steps_compared):
    expert.venue, expert.venue_note = "in_person", "1 <High> Street, see https://example.com/?a=1&b=2"
    expert.save()
    slot = make_slot(expert, capacity=4)
    page = f"/slots/{slot.pk}/book/"
    assert client.get(page).status_code == 200
    client.post(f"/slots/{slot.pk}/hold/")
    client.get(page)
    typed = {"name": '<b>Ō\'Neil & "Co"', "notes": "a\n\n<b>%00 \\ & c", "phone": "+44 20 7946 0018", "seats": "2"}
    client.post(page, details(step="review", **typed))
    booked = client.post(page, details(step="confirm", **typed))
    done = client.get(booked["Location"])
    assert "&lt;High&gt;" in done.content.decode()
    assert steps_compared == ["details", "details", "review", "done"]


def test_a_policy_and_an_offer_of_more_seats(client, expert, steps_compared):
    organization = expert.organization
    organization.cancel_until, organization.max_party = timedelta(hours=3), 1
    organization.save()
    for capacity in (1, 2, 3):
        walk(client, make_slot(expert, at=f"1{capacity}:00", capacity=capacity))
    assert steps_compared == ["details", "review", "details", "done"] * 3


def test_alone_and_with_another_clock(client, expert):
    client.cookies["zone"] = "Asia/Kathmandu"
    walk(client, make_slot(make_expert(organization=expert.organization, headline="", venue="video")))


def test_a_session_of_a_type(client, expert):
    kind = make_type(expert, name="First <visit>", minutes=60)
    walk(client, make_row_of_slots(expert)["09:00"], f"?type={kind.slug}")


def test_what_cannot_be_booked(client, expert):
    full, held = make_slot(expert), make_slot(expert, at="15:00")
    make_booking(full)
    for path in (f"/slots/{full.pk}/hold/", f"/slots/{full.pk}/book/"):
        assert client.post(path, details(step="review"), headers=PARTIAL).status_code == 409
    assert client.post(f"/slots/{held.pk}/book/", details(step="expired"), headers=PARTIAL).status_code == 200
    assert client.get(f"/embed/expert/{expert.slug}/?day={full.date}").status_code == 200
