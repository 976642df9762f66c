"""People, as staff find them: by part of a name, a phone number however it is said, or an address."""

import re
import unicodedata
from datetime import timedelta

import phonenumbers
import pytest
from django.db import connection
from django.db.models import TextField, Value
from django.db.models.functions import Lower
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bookings.models import Booking, Source, Status
from bookings.phones import COUNTRY_CODE, digits_to_find
from bookings.privacy import erasing
from bookings.selectors.people import Standing, bookings_of_person, find_people, person_of
from experts.models import Role
from experts.search import fold, folded, folded_spelt_out, spellings
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


@pytest.mark.parametrize(
    "text", ["07700 9004", "+44 7700 9004", "0044 7700", "7700 90", "07700", "+44 (0)7700", "(07700) 900 4"]
)
def test_a_phone_number_is_found_while_somebody_is_still_saying_it(text):
    make_booking(make_slot(), **MAYA)
    make_booking(make_slot(), name="Elijah Halloran", email="e@example.com", phone="+447711900077")
    assert found(text) == ["Maya Halloran"]


@pytest.mark.parametrize(
    ("stored", "texts"),
    [
        ("+390612345678", ["06 1234", "06 1234 5678", "+39 06 123", "345678"]),
        ("+12125550142", ["212 555", "(212) 555-0142", "1 212 555 0142", "+1 212 5"]),
        ("+79123456789", ["8 912 345-67-89", "+7 912 3", "912 345", "007 912 345 67 89"]),
        ("+35312345678", ["01 234", "+353 1 234", "00353 1 234 5678"]),
        ("0151 12345 (work)", ["0151 1", "151 12345"]),
    ],
)
def test_numbers_of_any_country_are_found_as_they_are_said_there(stored, texts):
    make_booking(make_slot(), name="Somebody", email="s@example.com", phone=stored)
    make_booking(make_slot(), name="Somebody Else", email="other@example.com", phone="+4930999999")
    assert {text: found(text) for text in texts} == {text: ["Somebody"] for text in texts}


def test_each_country_has_its_code():
    for code, countries in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items():
        assert re.fullmatch(COUNTRY_CODE, str(code)), countries
        assert re.match(COUNTRY_CODE, f"{code}123456").end() == len(str(code)), countries


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


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("José Núñez", ["jose", "José", "nunez", "NÚÑEZ jose", "Jose\u0301"]),
        ("Jörg-Uwe Müller", ["muller", "mueller", "Müller", "jorg-uwe", "joerg", "Jörg-Uwe"]),
        ("Søren Ærø", ["soren", "soeren", "aero", "Ærø", "sören"]),
        ("Łukasz Żółć", ["lukasz", "zolc", "Łukasz"]),
        ("Hannah Weiß", ["weiss", "weiß", "WEISS"]),
        ("WEIẞ ØSTBY", ["weiss", "ostby", "oestby"]),
        ("İnci Işık", ["inci", "isik", "Işık", "ışık"]),
        ("Þórdís Ásgeirsdóttir", ["thordis", "asgeirs"]),
        ("Νίκος Παπαδόπουλος", ["νικος", "ΝΊΚΟΣ", "παπαδ"]),
        ("Андрей Королёв", ["андреи", "королев", "КОРОЛЁВ"]),
        ("Dvořák", ["dvorak", "Dvor\u030ca\u0301k"]),
        ("김철수", ["김철", "김철수"]),
        ("がとう はなこ", ["がと", "はなこ"]),
        ("מַיָה כֹּהֵן", ["מיה", "כהן"]),
        ("مُحَمَّد علي", ["محمد", "علي"]),
        ("Sinéad O’Brien", ["o'brien", "brien", "sinead o’b"]),
    ],
)
def test_a_name_is_found_whatever_its_accents_are_and_however_it_was_written(name, texts):
    make_booking(make_slot(), **MAYA | {"name": name})
    make_booking(make_slot(), name="Joe Sue", email="other@example.com")
    texts = [*texts, name]
    assert {text: found(text) for text in texts} == {text: [name] for text in texts}


def test_names_are_folded_in_the_database_as_they_are_in_python():
    """Word by word: of all letters that Europe writes with, and that Vietnam does."""
    make_booking(make_slot())
    letters = [chr(code) for code in (*range(0xC0, 0x250), *range(0x370, 0x530), *range(0x1E00, 0x1F00))]
    letters = [letter for letter in letters if letter.isalpha() and unicodedata.category(letter) != "Lm"]
    typed = Value(" ".join(letters), TextField())
    asked = Booking.objects.values_list(Lower(folded(typed)), Lower(folded_spelt_out(typed)))
    plain, spelt_out = (text.split() for text in asked.get())
    assert {letter: it for letter, it in zip(letters, plain, strict=True) if fold(it) != fold(letter)} == {}
    ways = {letter: {"".join(way) for way in spellings(letter)} for letter in letters if letter < "\u0180"}
    assert {letter: it for letter, it in zip(ways, spelt_out, strict=False) if fold(it) not in ways[letter]} == {}
    assert dict(zip(letters, spelt_out, strict=True))["Ü"] == "ue"


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
    assert len(captured.captured_queries) == 4
    assert len([q for q in one.captured_queries if "to_tsquery" in q["sql"]]) == 1
    for text, indexes in (
        ("07700 900412", {"booking_of_phone", "booking_of_phone_begun"}),
        ("Mühler", {"booking_in_plain_words", "booking_of_address"}),
    ):
        with CaptureQueriesContext(connection) as captured:
            find_people(Booking.objects.all(), text)
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("EXPLAIN " + captured.captured_queries[0]["sql"].replace("%", "%%"), ())
            plan = str(cursor.fetchall())
        assert {name for name in indexes if f" {name} " in plan} == indexes, plan


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
