"""The day on paper: who comes when, a page for each expert, and of nobody else's."""

import pytest

from bookings.models import Status
from experts.models import Role
from tests.cast import day_ahead, make_booking, make_expert, make_organization, make_slot
from tests.staff import logged_in, make_member

pytestmark = pytest.mark.django_db
URL = "/admin/day/print/"


def test_each_expert_has_a_page_with_who_comes_when():
    house = make_organization(timezone="Europe/London")
    amara = make_expert(organization=house, name="Dr Amara Okafor")
    ida = make_expert(organization=house, name="Ida Holm", timezone="Europe/Berlin")
    make_expert(organization=house, name="Nobody Works")
    make_booking(make_slot(amara, at="10:00"), name="Lena Fischer", phone="+442079460958")
    make_booking(make_slot(amara, at="11:00"), name="Karim Aziz", status=Status.CANCELLED)
    make_booking(make_slot(amara, at="12:00"), name="Being Typed", status=Status.HELD)
    course = make_slot(ida, at="15:00", capacity=5, title="Class")
    make_booking(course, name="One", seats=2)
    make_booking(course, name="Two")
    make_booking(make_slot(amara, day=day_ahead(5)), name="Another Day")
    make_booking(make_slot(day=day_ahead()), name="Another House")
    client = logged_in(make_member(house, Role.SCHEDULER))
    page = client.get(URL, {"day": day_ahead().isoformat()})
    pages = {it["expert"].name: it for it in page.context["pages"]}
    assert list(pages) == ["Dr Amara Okafor", "Ida Holm"]
    assert [row["name"] for row in pages["Dr Amara Okafor"]["rows"]] == ["Lena Fischer", ""]
    assert "+44 20 7946 0958" in page.text and "10:00 to 10:30" in page.text
    assert [(row["name"], row["when"]) for row in pages["Ida Holm"]["rows"]] == [
        ("One", "15:00 to 15:30"),
        ("Two", "15:00 to 15:30"),
    ]
    assert "Berlin time" in pages["Ida Holm"]["zone"] and "London time" in pages["Dr Amara Okafor"]["zone"]
    assert "2 seats" in page.text
    for word in ("Karim Aziz", "Being Typed", "Another Day", "Another House", "Nobody Works"):
        assert word not in page.text
    one = client.get(URL, {"day": day_ahead().isoformat(), "experts": ida.pk})
    assert [it["expert"].name for it in one.context["pages"]] == ["Ida Holm"]


def test_an_expert_prints_the_own_day_and_a_stranger_nothing():
    expert = make_expert(name="Dr Amara Okafor")
    other = make_expert(organization=expert.organization, name="Ida Holm")
    for it in (expert, other):
        make_booking(make_slot(it), name=f"Guest of {it.name}")
    expert.user = make_member(expert.organization, Role.EXPERT)
    expert.save(update_fields=["user"])
    page = logged_in(expert.user).get(URL, {"day": day_ahead().isoformat(), "experts": other.pk})
    assert "Guest of Dr Amara" in page.text and "Ida Holm" not in page.text
    stranger = logged_in(make_member(make_organization()))
    assert "Nobody works on this day." in stranger.get(URL, {"day": day_ahead().isoformat()}).text
    assert stranger.get(URL, {"organization": expert.organization_id}).status_code == 404
