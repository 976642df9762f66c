"""The pages with which people get a copy of what is kept about them, and have it erased."""

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from bookings import services
from bookings.access import proofs
from bookings.models import Booking, Erasure, Proof, Status, WaitlistEntry
from bookings.privacy import erasing
from tests.cast import book, join_line, make_booking, make_expert, make_organization, make_slot, move_slot
from tests.privacy.planting import let_erasing_end

pytestmark = pytest.mark.django_db
LENA = "lena@example.com"
VISITOR = "a" * 32


@pytest.fixture
def lena(client) -> Client:
    """A browser that has just proven Lena's address."""
    client.post("/bookings/data/", {"email": LENA})
    visitor = client.cookies["visitor"].value.split(":")[0]
    proofs.prove_address(visitor=visitor, email=LENA)
    return client


def page_of(end: str = "") -> str:
    return f"/bookings/data/{Proof.objects.get(email=LENA).pk}/{end}"


def test_everything_of_the_address_and_nothing_of_others(lena):
    slot = make_slot(make_expert(name="Dr Amara"), capacity=3)
    mine = book(slot, email="Lena@Example.com", name="Lena Fischer", notes="A sore knee")
    book(slot, email="nina@example.com", name="Nina Private", notes="Hers alone")
    answer = lena.get(page_of("data.json"))
    assert answer["Content-Disposition"] == 'attachment; filename="expertbook-data.json"'
    assert "no-store" in answer["Cache-Control"]
    data = json.loads(answer.content)
    assert (data["format"], data["address"]) == ("expertbook-personal-data/1", LENA)
    [booking] = data["data"]["bookings"]
    assert (booking["reference"], booking["notes"], booking["expert"]) == (mine.reference, "A sore knee", "Dr Amara")
    assert [row["status"] for row in data["data"]["history"]] == ["CONFIRMED"]
    page = lena.get(page_of()).content.decode()
    for text in (mine.reference, "A sore knee", "Dr Amara", "Lena Fischer"):
        assert text in page
    for text in ("Nina", "Hers alone"):
        assert text not in page + answer.content.decode()


def test_having_booked_in_a_browser_proves_no_address(client):
    slot = make_slot()
    client.post("/bookings/data/", {"email": LENA})
    visitor = client.cookies["visitor"].value.split(":")[0]
    services.book(slot_id=slot.pk, name="Lena", email=LENA, visitor=visitor)
    assert client.get("/bookings/").context["coming"], "it sees the booking"
    assert list(client.get("/bookings/data/").context["proofs"]) == []
    other = proofs.prove_address(visitor=VISITOR, email=LENA)
    for end in ("", "data.json", "erase/"):
        assert client.get(f"/bookings/data/{other.pk}/{end}").status_code == 404
    assert client.post(f"/bookings/data/{other.pk}/erase/", {"agree": "on"}).status_code == 404
    assert not Erasure.objects.exists()


def test_a_proof_from_an_hour_ago_reads_but_does_not_erase(lena):
    book(make_slot(), email=LENA)
    Proof.objects.update(expires_at=timezone.now() + timedelta(minutes=40))
    assert lena.get(page_of("data.json")).status_code == 200
    assert "Email me a link" in lena.get(page_of("erase/")).content.decode()
    assert lena.post(page_of("erase/"), {"agree": "on"}).status_code == 403
    assert not Erasure.objects.exists()


def test_it_asks_first_and_says_what_is_cancelled_and_what_is_too_late(lena):
    expert = make_expert(name="Dr Amara")
    book(make_slot(expert), email=LENA)
    soon = book(make_slot(expert, at="12:00"), email=LENA)
    move_slot(soon.slot, timezone.now() + timedelta(minutes=30))
    page = lena.get(page_of("erase/"))
    assert [len(page.context[name]) for name in ("cancelled", "kept")] == [1, 1]
    assert lena.post(page_of("erase/")).status_code == 422
    assert not Erasure.objects.exists()
    answer = lena.post(page_of("erase/"), {"agree": "on"})
    assert answer.status_code == 303
    assert "quarter of an hour" in lena.get(answer["Location"]).content.decode()


def test_what_is_too_late_to_cancel_goes_when_it_is_over(lena):
    booking = book(make_slot(), email=LENA)
    move_slot(booking.slot, timezone.now() + timedelta(minutes=30))
    lena.post(page_of("erase/"), {"agree": "on"})
    let_erasing_end()
    booking.refresh_from_db()
    assert (booking.status, booking.email) == (Status.CONFIRMED, LENA)
    order = Erasure.objects.get(address=LENA)
    assert order.stage == "sweeping"
    move_slot(booking.slot, timezone.now() - timedelta(hours=2))
    assert erasing.resume_unfinished(timezone.now() + timedelta(hours=1, minutes=1)) == 1
    let_erasing_end()
    booking.refresh_from_db()
    assert (booking.email, booking.name) == ("", "")
    assert not Erasure.objects.unfinished().exists()


def test_seats_are_free_and_the_next_in_line_is_offered_one(lena):
    slot = make_slot()
    booking = book(slot, email=LENA)
    entry = join_line(slot, name="Nina", email="nina@example.com")
    lena.post(page_of("erase/"), {"agree": "on"})
    let_erasing_end()
    booking.refresh_from_db()
    assert (booking.status, booking.seats, booking.slot_id) == (Status.CANCELLED, 1, slot.pk)
    entry.refresh_from_db()
    assert entry.status == WaitlistEntry.Status.OFFERED


def test_one_organisation_only_where_that_was_chosen(lena):
    here, there = (make_organization(name=name) for name in ("Here", "There"))
    gone, kept = (book(make_slot(make_expert(organization=house)), email=LENA) for house in (here, there))
    lena.post(page_of("erase/"), {"agree": "on", "organizations": [here.pk]})
    let_erasing_end()
    gone.refresh_from_db()
    kept.refresh_from_db()
    assert (gone.email, kept.email, kept.status) == ("", LENA, Status.CONFIRMED)
    assert Proof.objects.filter(email=LENA).exists(), "the address still opens what is left"
    assert [order.organization for order in Erasure.objects.all()] == [here]


def test_an_erased_request_that_expired_is_no_ended_hold():
    row = make_booking(make_slot(), name="Lena", status=Status.EXPIRED, expires_at=timezone.now() - timedelta(days=9))
    erasing.erase_bookings([row.pk])
    assert not Booking.objects.ended_holds().exists()
    assert Booking.objects.get().erased_at is not None
