"""The page that says why a time is not offered, and the same for programs."""

from datetime import timedelta

import pytest
from django.urls import reverse

from bookings.models import Booking
from experts.models import Role
from tests.api.caller import Caller, make_token
from tests.cast import book, day_ahead, make_expert, make_organization, make_slot
from tests.staff import logged_in, make_member
from tests.statements import asked_of_database

pytestmark = pytest.mark.django_db
DAY = day_ahead(7)


@pytest.fixture
def expert():
    return make_expert(name="Amara Okafor", timezone="Europe/London", min_notice=timedelta(0))


def ask(client, about, at="10:00", **values):
    query = {"expert": about.pk, "day": DAY.isoformat(), "at": at} | values
    return client.get(reverse("admin:why_not", query=query))


def test_staff_read_the_reason_and_who_has_taken_it(expert):
    book(make_slot(expert, day=DAY), name="Lena Fischer")
    page = ask(logged_in(make_member(expert.organization)), expert)
    assert page.status_code == 200
    assert "Taken by a booking: 10:00 to 10:30." in page.text
    assert "Lena Fischer" in page.text
    [answer] = page.context["answers"]
    [link] = answer["reasons"][0]["bookings"]
    assert f"booking={Booking.objects.get().pk}" in link["url"]
    make_slot(expert, day=DAY, at="11:00")
    assert "Visitors can book it now." in ask(logged_in(make_member(expert.organization)), expert, "11:00").text


def test_experts_ask_about_themselves_and_strangers_about_nobody(expert):
    other = make_expert(organization=expert.organization, name="Hannah Weiss")
    expert.user = make_member(expert.organization, Role.EXPERT)
    expert.save()
    own = logged_in(expert.user)
    assert ask(own, expert).status_code == 200
    assert ask(own, other).status_code == 404
    assert ask(logged_in(make_member(make_organization())), expert).status_code == 404
    page = own.get(reverse("admin:why_not"))
    assert "Hannah Weiss" not in page.text


@pytest.mark.parametrize("wrong", [{"at": "25:00"}, {"day": "someday"}, {"day": "9999-12-31"}, {"expert": ""}])
def test_what_makes_no_sense_is_said_at_its_field(expert, wrong):
    page = ask(logged_in(make_member(expert.organization)), expert, **wrong)
    assert page.status_code == 422
    assert list(page.context["form"].errors) == list(wrong)


@pytest.mark.parametrize("wrong", ["x", "-1", "9" * 30, "0"])
def test_an_expert_that_there_is_not(expert, wrong):
    assert ask(logged_in(make_member(expert.organization)), expert, expert=wrong).status_code == 404


def test_programs_read_codes_and_references(expert):
    booking = book(make_slot(expert, day=DAY), name="Lena Fischer")
    staff = Caller(make_token(expert.organization))
    url = f"/admin/experts/{expert.slug}/why-not?day={DAY}&at=10:00"
    with asked_of_database() as statements:
        answer = staff.get(url)
    assert answer.status_code == 200
    [found] = answer.json()["answers"]
    assert found["is_offered"] is False
    assert found["session_type"] is None
    [reason] = found["reasons"]
    assert (reason["code"], reason["bookings"]) == ("full", [booking.reference])
    assert "Lena" not in str(answer.json())
    assert len(statements.sent) <= 9
    stranger = Caller(make_token(make_organization()))
    assert stranger.get(url).status_code == 404
