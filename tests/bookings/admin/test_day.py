"""The page of the staff's day: what it shows to whom, and what is done from it."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from bookings.models import Status
from experts.models import Role
from tests.cast import day_ahead, make_booking, make_expert, make_organization, make_slot
from tests.staff import logged_in, make_member, make_superuser

pytestmark = pytest.mark.django_db
DAY = day_ahead()


def day_url(**values) -> str:
    return reverse("admin:day", query={"day": DAY.isoformat()} | values)


@pytest.fixture
def clinic():
    return make_organization(name="Northgate Clinic")


@pytest.fixture
def experts(clinic):
    return [make_expert(organization=clinic, name=name) for name in ("Amara Okafor", "Hannah Weiss")]


def blocks_of(page) -> dict[str, list[str]]:
    """The names in each expert's column."""
    return {it["expert"].name: [block.name for block in it["blocks"]] for it in page.context["columns"]}


def test_each_expert_has_a_column_with_who_comes_in_order_of_time(clinic, experts):
    amara, hannah = experts
    make_booking(make_slot(amara, at="11:00"), name="Ines Carvalho")
    make_booking(make_slot(amara, at="09:00"), name="Noah Petersen")
    make_booking(make_slot(hannah, at="10:00"), name="Petra Vogel")
    make_slot(hannah, at="12:00")
    page = logged_in(make_member(clinic)).get(day_url())
    assert blocks_of(page) == {
        "Amara Okafor": ["Noah Petersen", "Ines Carvalho"],
        "Hannah Weiss": ["Petra Vogel", "12:00"],
    }
    assert "Noah Petersen" in page.text


def test_booked_counts_bookings_that_stand_and_lists_them_by_time(clinic, experts):
    """The page of before counted bookings, called them sessions, and led to a list with cancelled ones as made."""
    amara, hannah = experts
    late, early = make_slot(amara, at="15:00"), make_slot(hannah, at="09:00")
    for slot, name in ((late, "Late"), (early, "Early")):
        make_booking(slot, name=name)
    gone = make_slot(amara, at="12:00")
    for status in (Status.CANCELLED, Status.REJECTED, Status.EXPIRED):
        make_booking(gone, name="Gone", status=status)
    page = logged_in(make_member(clinic)).get(day_url(view="list", show="booked"))
    [booked] = [it for it in page.context["numbers"] if it["css"] == "is-booked"]
    assert (booked["number"], booked["text"]) == (2, "booked")
    assert [row.name for row in page.context["rows"]] == ["Early", "Late"]
    assert "Gone" not in page.text


def test_a_number_filters_what_is_shown_and_is_let_go_again(clinic, experts):
    amara, _hannah = experts
    make_booking(make_slot(amara, at="09:00"), name="Noah Petersen")
    make_booking(make_slot(amara, at="10:00"), name="Wen Li", status=Status.PENDING)
    client = logged_in(make_member(clinic))
    page = client.get(day_url(show="pending"))
    assert blocks_of(page)["Amara Okafor"] == ["Wen Li"]
    [pending] = [it for it in page.context["numbers"] if it["css"] == "is-pending"]
    assert "show" not in pending["url"]
    assert blocks_of(client.get(pending["url"]))["Amara Okafor"] == ["Noah Petersen", "Wen Li"]


def test_who_is_next_is_there_at_once(clinic, experts):
    """Not who has arrived, and not who comes tomorrow."""
    amara, hannah = experts
    now = timezone.now()
    started = make_slot(amara, starts_at=now - timedelta(minutes=5))
    make_booking(started, name="Here already", arrived_at=now)
    following = make_slot(hannah, starts_at=now + timedelta(minutes=1))
    make_booking(following, name="Maya Halloran")
    page = logged_in(make_member(clinic)).get(reverse("admin:day"), {"day": following.date.isoformat()})
    assert page.context["next_up"]["name"] == "Maya Halloran"
    assert "Maya Halloran" in page.text


def test_experts_see_their_own_column_and_strangers_nothing(clinic, experts):
    amara, hannah = experts
    make_booking(make_slot(amara, at="09:00"), name="Noah Petersen")
    make_booking(make_slot(hannah, at="10:00"), name="Petra Vogel")
    amara.user = make_member(clinic, Role.EXPERT)
    amara.save()
    page = logged_in(amara.user).get(day_url())
    assert list(blocks_of(page)) == ["Amara Okafor"]
    assert "Petra Vogel" not in page.text
    assert "Hannah Weiss" not in page.text
    page = logged_in(amara.user).get(day_url(experts=hannah.pk))
    assert list(blocks_of(page)) == ["Amara Okafor"]
    stranger = logged_in(make_member(make_organization()))
    assert stranger.get(day_url(organization=clinic.pk)).status_code == 404
    assert "Petra" not in stranger.get(day_url()).text


def test_the_organisation_is_asked_for_only_where_there_are_several(clinic, experts):
    other = make_organization(name="Hale and Partners")
    page = logged_in(make_member(clinic)).get(day_url())
    assert 'name="organization"' not in page.text
    superuser = logged_in(make_superuser())
    assert 'name="organization"' in superuser.get(day_url(organization=other.pk)).text
    assert superuser.get(day_url()).context["organization"] == other, "the choice is remembered"


def test_chosen_experts_are_remembered_until_the_choice_is_let_go(clinic, experts):
    _amara, hannah = experts
    for expert in experts:
        make_slot(expert, at="09:00")
    client = logged_in(make_member(clinic))
    assert list(blocks_of(client.get(day_url(experts=hannah.pk)))) == ["Hannah Weiss"]
    assert list(blocks_of(client.get(day_url()))) == ["Hannah Weiss"]
    assert list(blocks_of(client.get(day_url(experts="")))) == ["Amara Okafor", "Hannah Weiss"]
