"""Mail that nobody asked for: texts of strangers in our mails, and many mails to one address."""

import json

import pytest

from bookings.models import Booking, WaitlistEntry
from tests.cast import details, make_booking, make_slot

pytestmark = pytest.mark.django_db
LURE = "Your account is locked, verify at https://evil.example/login"


def test_a_web_address_as_a_name_is_refused_wherever_a_stranger_types_one(client):
    """Seen: "Hello Your account is locked, verify at https://…", sent by a clinic to whomever somebody chose."""
    slot, full = make_slot(), make_slot()
    make_booking(full)
    answers = [
        client.post(f"/slots/{slot.pk}/book/", details(step="confirm", name=LURE)),
        client.post(f"/slots/{full.pk}/waitlist/", details(name=LURE)),
        client.post(
            f"/api/v1/slots/{slot.pk}/book",
            json.dumps({"name": LURE, "email": "lena@example.com"}),
            content_type="application/json",
        ),
        client.post("/start/", {"organization": LURE, "email": "lena@example.com", "zone": "Europe/London"}),
    ]
    assert [answer.status_code for answer in answers] == [422] * 4
    assert all("Leave out web addresses" in answer.content.decode() for answer in answers)
    assert not Booking.objects.filter(name=LURE).exists() and not WaitlistEntry.objects.exists()
    # The control: the same requests with a name that has dots go through.
    assert client.post(f"/slots/{slot.pk}/book/", details(step="confirm", name="Dr.Weiss J.R.R.")).status_code == 302
    assert client.post(f"/slots/{full.pk}/waitlist/", details(name="Müller.Schmidt")).status_code == 303


def test_a_name_of_before_stays_readable(client):
    client.get("/bookings/link/x/")
    visitor = client.cookies["visitor"].value.split(":")[0]
    booking = make_booking(make_slot(), name="Lena evil.com", holder=visitor)
    assert b"Lena evil.com" in client.get(f"/bookings/{booking.reference}/").content
