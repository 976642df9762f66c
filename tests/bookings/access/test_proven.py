"""Which browsers and addresses have proven themselves: those that opened a link that was mailed, and no others."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.db import connection
from django.utils import timezone

from bookings import services
from bookings.access import links, proofs
from bookings.access.proven import is_proven, mark_proven
from bookings.models import LookupRequest, Proven
from bookings.services import cleanup
from tests.cast import join_line, make_booking, make_slot

pytestmark = pytest.mark.django_db
LENA, STRANGER = "a" * 32, "b" * 32


def lookup_token():
    return links.make_lookup_token(LookupRequest.objects.create(visitor=LENA, email="Lena@example.com"))[0]


def booking_token():
    return links.booking_token(make_booking(make_slot(), email="Lena@example.com"))


def offer_token():
    slot = make_slot()
    booked = make_booking(slot)
    entry = join_line(slot, name="Lena", email="Lena@example.com")
    services.cancel(booking_id=booked.pk, by_customer=False)
    return links.offer_token(entry)


@pytest.mark.parametrize("make_token", [lookup_token, booking_token, offer_token])
def test_whoever_opens_the_link_of_a_mail_has_proven_browser_and_address(client, make_token):
    url = f"/bookings/link/{make_token()}/"
    client.get(url)  # as a program that scans mails
    assert not Proven.objects.exists()
    client.post(url)
    visitor = client.cookies["visitor"].value.partition(":")[0]
    assert is_proven(visitor=visitor, email="somebody.else@example.com")
    assert is_proven(visitor=STRANGER, email=" lena@EXAMPLE.com")
    assert not is_proven(visitor=STRANGER, email="mara@example.com")


def test_a_forged_link_proves_nothing(client):
    for token in ("x" * 43, booking_token() + "x", offer_token() + "x"):
        client.post(f"/bookings/link/{token}/")
    assert not Proven.objects.exists()


def test_reference_and_address_prove_nothing():
    """The page that says "You're booked" shows both, to whoever typed an invented address."""
    booking = make_booking(make_slot(), email="lena@example.com")
    proofs.open_by_reference(visitor=STRANGER, reference=booking.reference, email="lena@example.com")
    assert not is_proven(visitor=STRANGER, email="lena@example.com")


def test_nobody_is_proven():
    Proven.objects.create(hash="0" * 64, kind="browser", proven_at=timezone.now())
    assert not is_proven()


def test_a_browser_that_signs_out_is_forgotten_and_the_address_is_not():
    mark_proven(visitor=LENA, email="lena@example.com")
    proofs.forget_browser(visitor=LENA)
    assert not is_proven(visitor=LENA)
    assert is_proven(email="lena@example.com")


def test_the_database_holds_neither():
    mark_proven(visitor=LENA, email="lena@example.com")
    assert "lena" not in str(rows := list(Proven.objects.values()))
    assert LENA not in str(rows)


def test_it_is_kept_for_400_days_after_the_last_link():
    mark_proven(visitor=LENA, email="lena@example.com")
    mark_proven(visitor=STRANGER, email="lena@example.com")
    before = timezone.now() - timedelta(days=401)
    Proven.objects.update(proven_at=before)
    mark_proven(visitor=STRANGER, email="lena@example.com")
    cleanup.delete_old()
    assert is_proven(visitor=STRANGER)
    assert is_proven(email="lena@example.com")
    assert not is_proven(visitor=LENA)


def test_who_had_proven_something_when_this_was_new_is_known():
    booking = make_booking(make_slot(), email="Mara@example.com")
    proofs.prove_booking(visitor=LENA, booking=booking)
    proofs.prove_address(visitor=STRANGER, email="omar@example.com")
    old = proofs.prove_address(visitor="c" * 32, email="kim@example.com")
    type(old).objects.filter(pk=old.pk).update(expires_at=timezone.now() - timedelta(hours=1))
    with connection.cursor() as cursor:
        cursor.execute(import_module("bookings.migrations.0007_proven").FROM_PROOFS)
    assert [is_proven(visitor=who * 32) for who in "abc"] == [True, True, False]
    assert [is_proven(email=f"{who}@example.com") for who in ("mara", "omar", "kim")] == [True, True, False]
