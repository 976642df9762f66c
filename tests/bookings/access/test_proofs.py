"""Who may see a booking: the browser that booked it, or one that has proven it; nobody else, whatever they know."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from bookings.access import proofs
from bookings.models import Booking, Proof, Status
from bookings.references import read_reference
from tests.cast import make_booking, make_slot

pytestmark = pytest.mark.django_db
LENA, STRANGER = "a" * 32, "b" * 32


def seen_by(visitor):
    return set(Booking.objects.proven_to(visitor))


@pytest.fixture
def bookings():
    """Two of one address, written in two ways, and one of somebody else."""
    return [
        make_booking(make_slot(), email=email, holder=holder)
        for email, holder in [("Lena@Example.com", LENA), ("lena@example.com", ""), ("mara@example.com", STRANGER)]
    ]


def test_a_browser_sees_what_it_booked_and_nothing_else(bookings):
    assert seen_by(LENA) == {bookings[0]}
    assert seen_by(STRANGER) == {bookings[2]}
    assert seen_by("c" * 32) == set()


def test_no_identity_has_proven_nothing(bookings):
    """Bookings by staff and by the API have no holder: that must not make them everybody's."""
    assert seen_by("") == set()
    with pytest.raises(IntegrityError), transaction.atomic():
        Proof.objects.create(visitor="", booking=bookings[1], expires_at=timezone.now() + timedelta(hours=1))


def test_one_booking_that_was_proven(bookings):
    proofs.prove_booking(visitor=STRANGER, booking=bookings[1])
    assert seen_by(STRANGER) == {bookings[1], bookings[2]}
    assert seen_by(LENA) == {bookings[0]}


def test_all_of_an_address_that_was_proven_in_any_case_of_its_letters(bookings):
    proofs.prove_address(visitor=STRANGER, email="LENA@example.COM")
    assert seen_by(STRANGER) == set(bookings)


def test_an_address_that_contains_another_is_another(bookings):
    proofs.prove_address(visitor="c" * 32, email="na@example.com")
    proofs.prove_address(visitor="c" * 32, email="%@example.com")
    assert seen_by("c" * 32) == set()


def test_bookings_without_an_address_belong_to_no_address():
    make_booking(make_slot(), email="", source="staff")
    assert not Booking.objects.of_address("").exists()


def test_proofs_end(bookings):
    now = timezone.now()
    by_address = proofs.prove_address(visitor=STRANGER, email="lena@example.com")
    one = proofs.prove_booking(visitor=STRANGER, booking=bookings[1])
    assert timedelta(minutes=59) < by_address.expires_at - now <= timedelta(minutes=61)
    assert one.expires_at == bookings[1].slot.ends_at + timedelta(days=30)
    Proof.objects.update(expires_at=now - timedelta(seconds=1))
    assert seen_by(STRANGER) == {bookings[2]}


def test_proving_again_prolongs(bookings):
    for _ in range(2):
        proofs.prove_address(visitor=STRANGER, email="lena@example.com")
        proofs.prove_booking(visitor=STRANGER, booking=bookings[1])
        Proof.objects.filter(booking=None).update(expires_at=timezone.now())
    assert Proof.objects.count() == 2
    proofs.prove_address(visitor=STRANGER, email="Lena@example.com")
    assert bookings[0] in seen_by(STRANGER)


def test_holds_are_nobodys_booking():
    slot = make_slot(capacity=3)
    hold = make_booking(slot, status=Status.HELD, holder=LENA, email="lena@example.com")
    proofs.prove_booking(visitor=STRANGER, booking=hold)
    proofs.prove_address(visitor=STRANGER, email="lena@example.com")
    assert seen_by(LENA) == seen_by(STRANGER) == set()
    assert not Booking.objects.of_address("lena@example.com").exists()


def test_each_way_of_proof_has_an_index(bookings):
    """With conditions joined by OR the whole table would be read for every page."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        sql, params = Booking.objects.proven_to(LENA).query.sql_with_params()
        cursor.execute(f"EXPLAIN {sql}", params)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "booking_of_visitor" in plan
    assert "booking_of_address" in plan
    assert "Seq Scan" not in plan


@pytest.mark.parametrize("typed", ["EB-9FD4-K7TQ", "eb 9fd4 k7tq", " 9FD4K7TQ ", "EB9FD4–K7TQ"])
def test_a_reference_may_be_typed_in_many_ways(typed):
    assert read_reference(typed) == "EB-9FD4-K7TQ"


@pytest.mark.parametrize("typed", ["", "EB-9FD4", "EB-9FD4-K7T0", "EB-9FD4-K7TQX", "%", "ЕВ-9FD4-K7TQ1"])
def test_what_cannot_be_a_reference_is_none(typed):
    assert read_reference(typed) == ""
