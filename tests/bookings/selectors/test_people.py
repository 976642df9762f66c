"""People, as staff find them: by part of a name, a phone number however it is said, or an address."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bookings.models import Booking, Source, Status
from bookings.phones import digits_to_find
from bookings.privacy import erasing
from bookings.selectors.people import Standing, bookings_of_person, find_people, person_of
from experts.models import Role
from tests.cast import make_booking, make_expert, make_organization, make_slot, move_slot
from tests.staff import admin_url, logged_in, make_member

pytestmark = pytest.mark.django_db
MAYA = {"name": "Maya Halloran", "email": "maya@example.com", "phone": "+447700900412"}


def found(text: str, bookings=None) -> list[str]:
    return [person.name for person in find_people(Booking.objects.all() if bookings is None else bookings, text)]


def past(expert=None, **values) -> Booking:
    """A booking of a session that is over."""
    slot = make_slot(expert)
    booking = make_booking(slot, **values)
    move_slot(slot, timezone.now() - timedelta(days=40 + booking.pk % 7, hours=booking.pk % 20))
    return booking


@pytest.mark.parametrize(
    "text",
    ["07700 900 412", "+44 7700 900412", "900412", "0044 7700 900412", "+44 (0)7700 900-412", "(07700) 900412", "0412"],
)
def test_a_phone_number_is_found_in_any_spelling(text):
    make_booking(make_slot(), **MAYA)
    make_booking(make_slot(), name="Elijah Halloran", email="e@example.com", phone="+447700900077")
    assert found(text) == ["Maya Halloran"]


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("412", ""),
        ("07700 900412", "7700900412"),
        ("0049 30 12345", "493012345"),
        ("maya", ""),
        ("4 maya", ""),
        ("", ""),
    ],
)
def test_only_what_can_be_the_end_of_a_number_is_looked_for_as_one(text, digits):
    assert digits_to_find(text) == digits


def test_a_number_with_an_extension_and_one_that_staff_wrote_are_found():
    make_booking(make_slot(), **MAYA | {"phone": "+442079460958;ext=12"})
    make_booking(make_slot(), name="Karim Aziz", email="k@example.com", phone="0151 12345 (work)")
    assert found("0958") == ["Maya Halloran"]
    assert found("12345") == ["Karim Aziz"]


@pytest.mark.parametrize("text", ["hallo", "MAYA hall", "halloran maya", "maya@ex", "Maya@Example.com"])
def test_part_of_a_name_or_an_address_is_enough(text):
    make_booking(make_slot(), **MAYA)
    make_booking(make_slot(), name="Somebody Else", email="other@example.com")
    assert found(text) == ["Maya Halloran"]


@pytest.mark.parametrize("text", ["", "  ", "zzz", "'", "%", "_", "a:*", "+", "((((", "z\0", "x" * 5000])
def test_what_finds_nobody(text):
    make_booking(make_slot(), **MAYA)
    assert found(text) == []


def test_a_person_is_an_address_or_a_number_with_a_name_and_is_told_once():
    expert = make_expert()
    for _ in range(3):
        past(expert, **MAYA, status=Status.COMPLETED)
    past(expert, **MAYA | {"email": "MAYA@example.com"}, status=Status.NO_SHOW)
    coming = make_booking(make_slot(expert, at="15:00"), **MAYA)
    by_phone = {"name": "Maya Halloran", "email": "", "phone": "+447700900412", "source": Source.STAFF}
    past(expert, **by_phone, status=Status.COMPLETED)
    past(expert, **by_phone | {"phone": "+447700900499"}, status=Status.COMPLETED)
    rejected = make_booking(make_slot(expert), name="Maya Hall", email="hall@example.com", status=Status.REJECTED)
    people = find_people(Booking.objects.all(), "maya")
    assert [(it.name, it.visits, it.no_shows) for it in people] == [
        ("Maya Hall", 0, 0),
        ("Maya Halloran", 1, 0),
        ("Maya Halloran", 1, 0),
        ("Maya Halloran", 3, 1),
    ]
    assert (people[0].in_words, people[0].standing) == ("1 request rejected", Standing.ASKED)
    maya = people[-1]
    assert (maya.in_words, maya.no_shows_in_words, maya.phone_end) == ("3 visits", "1 no-show", "…900412")
    assert (maya.newest, maya.next_at) == (coming, coming.slot.starts_at)
    assert maya.last_visit_at < timezone.now()
    assert person_of(Booking.objects.all(), rejected.pk) == people[0]
    for person in people[1:3]:
        assert (person_of(Booking.objects.all(), person.pk).visits, person.email) == (1, "")


def test_people_of_one_address_in_two_organisations_are_two():
    for _ in range(2):
        past(**MAYA, status=Status.COMPLETED)
    assert [person.visits for person in find_people(Booking.objects.all(), "maya")] == [1, 1]


def test_holds_what_is_not_proven_and_whoever_was_erased_are_nobody():
    make_booking(make_slot(), name="", email="", status=Status.HELD)
    make_booking(make_slot(), **MAYA, status=Status.HELD, awaits_proof=True)
    erased = make_booking(make_slot(), **MAYA, status=Status.CANCELLED)
    assert found("900412") == ["Maya Halloran"]
    organization = erased.slot.expert.organization
    assert organization and erasing.erase_bookings([erased.pk])
    assert found("900412") == found("maya") == []
    assert person_of(Booking.objects.all(), erased.pk) is None


def test_looking_takes_the_same_statements_for_one_and_for_many_and_reads_indexes():
    with CaptureQueriesContext(connection) as one:
        make_booking(make_slot(), **MAYA)
        find_people(Booking.objects.all(), "maya")
    expert = make_expert()
    for n in range(7):
        make_booking(make_slot(expert, at=f"{10 + n}:00"), name=f"Maya {n}", email=f"maya{n}@example.com")
    with CaptureQueriesContext(connection) as captured:
        assert len(find_people(Booking.objects.all(), "maya")) == 8
    assert len(captured.captured_queries) == 3
    assert len([q for q in one.captured_queries if "to_tsquery" in q["sql"]]) == 1
    with CaptureQueriesContext(connection) as captured:
        find_people(Booking.objects.all(), "07700 900412")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + captured.captured_queries[0]["sql"].replace("%", "%%"), ())
        plan = str(cursor.fetchall())
    assert "booking_of_phone" in plan


def test_ctrl_k_finds_people_by_name_phone_and_address_and_leads_to_their_bookings():
    organization = make_organization()
    expert = make_expert(organization=organization)
    mine = {make_booking(make_slot(expert, at=f"{10 + n}:00"), **MAYA) for n in range(2)}
    make_booking(make_slot(expert, at="15:00"), name="Joan Halloway", email="joan@example.com")
    staff = logged_in(make_member(organization, Role.SCHEDULER))
    for text in ("Maya", "halloran", "07700 900 412", "900412", "maya@example"):
        response = staff.get(reverse("admin:search"), {"s": text, "extended": "1"})
        [person] = [row for row in response.context["results"] if row.icon == "person_search"]
        assert (person.title, person.description) == ("Maya Halloran", "No visit yet, …900412")
        assert set(staff.get(person.link).context["cl"].result_list) == mine
    for text in ("07700 900 412", "+44 7700 900412", "900412"):
        assert set(staff.get(admin_url(Booking), {"q": text}).context["cl"].result_list) == mine


def test_nobody_finds_people_of_another_organisation_and_experts_only_their_own():
    organization = make_organization()
    expert = make_expert(organization=organization, user=make_member(organization, Role.EXPERT))
    theirs = past(make_expert(organization=organization), **MAYA, status=Status.COMPLETED)
    elsewhere = make_booking(make_slot(), name="Maya Elsewhere", email="maya2@example.com", phone="+447700900412")

    def seen(user, text: str = "900412") -> list[str]:
        rows = logged_in(user).get(reverse("admin:search"), {"s": text, "extended": "1"}).context["results"]
        return [(row.title, row.description) for row in rows if row.icon == "person_search"]

    owner = make_member(organization)
    assert seen(owner) == [("Maya Halloran", "1 visit, …900412")]
    assert seen(expert.user) == []
    assert seen(make_member(make_organization())) == []
    assert seen(make_member(elsewhere.slot.expert.organization)) == [("Maya Elsewhere", "No visit yet, …900412")]
    own = make_booking(make_slot(expert), **MAYA)
    assert seen(expert.user) == [("Maya Halloran", "No visit yet, …900412")], "visits to others are not theirs to know"
    page = logged_in(expert.user).get(admin_url(Booking), {"person": own.pk})
    assert list(page.context["cl"].result_list) == [own]
    for foreign in (theirs, elsewhere):
        page = logged_in(expert.user).get(admin_url(Booking), {"person": foreign.pk})
        assert list(page.context["cl"].result_list) == []
    assert set(bookings_of_person(Booking.objects.all(), own.pk)) == {own, theirs}
