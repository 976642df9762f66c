"""What is filled into patterns while somebody books is, byte for byte, what the templates render of the same values."""

import pytest
from django.utils import translation
from django.utils.html import conditional_escape

from experts.patterns import Patterns
from tests.cast import details, make_booking, make_expert, make_organization, make_row_of_slots, make_slot, make_type
from tests.languages.pseudo import pseudo_language

pytestmark = pytest.mark.django_db
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
        rendered.append(render({name: conditional_escape(value) for name, value in values.items()}))
        filled = [by_pattern(self, about, values, render) for _twice in range(2)]
        assert filled == rendered[-1:] * 2
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


def test_a_group(client, expert, compared):
    response = walk(client, make_slot(expert, capacity=4, title="Group <of> & four"))
    assert "badge-status" in response.content.decode()
    assert len(compared) >= 30


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
