"""Phone numbers as people type them: read by the country of the place, stored in one form, nonsense refused."""

import pytest
from django.core.exceptions import ValidationError

from bookings import services
from bookings.errors import InvalidDetails
from bookings.models import Booking, Source
from bookings.phones import example_phone, read_phone, show_phone
from tests.cast import book, details, make_expert, make_slot

BERLIN, LONDON, NEW_YORK = "Europe/Berlin", "Europe/London", "America/New_York"
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.mark.parametrize(
    ("typed", "zones", "stored", "shown"),
    [
        ("", [BERLIN], "", ""),
        ("  030 / 123 45 67 ", [BERLIN], "+49301234567", "+49 30 1234567"),
        ("020 7946 0958", [LONDON, BERLIN], "+442079460958", "+44 20 7946 0958"),
        ("030 1234567", [LONDON, BERLIN], "+49301234567", "+49 30 1234567"),
        ("(212) 555-0100", [NEW_YORK], "+12125550100", "+1 212-555-0100"),
        ("+44 (0)20 7946 0958", [], "+442079460958", "+44 20 7946 0958"),
        ("0049 30 1234567 ext. 12", [LONDON], "+49301234567;ext=12", "+49 30 1234567 ext. 12"),
        ("٠٣٠ ١٢٣٤٥٦٧", [BERLIN], "+49301234567", "+49 30 1234567"),
        # Not in the library's list of what exists, but as long as a number of the country.
        ("07700 900123", [LONDON], "+447700900123", "+44 7700 900123"),
    ],
)
def test_what_people_type(typed, zones, stored, shown):
    assert read_phone(typed, zones) == stored
    assert show_phone(stored) == shown
    assert read_phone(shown, zones) == read_phone(stored, []) == stored, "read again, it is the same"


@pytest.mark.parametrize("typed", ["call me", "1", "12345", "0000000000", "+1 2", "+999 1234567", "020 7946 0958 09 5"])
def test_nonsense_is_refused_with_a_number_of_the_place_for_example(typed):
    with pytest.raises(ValidationError, match=r"like \+44 121 234 5678"):
        read_phone(typed, [LONDON])


def test_without_a_country_only_numbers_that_name_theirs():
    assert example_phone(["Antarctica/Troll"]) == "+44 20 7946 0958", "nobody has a number there"
    for typed, zones in [("030 1234567", ["UTC", ""]), ("555-0100", [NEW_YORK])]:
        with pytest.raises(ValidationError):
            read_phone(typed, zones)
    assert read_phone("+49 30 1234567", ["UTC", ""]) == "+49301234567"


@pytest.mark.django_db
class TestOnAllWays:
    def test_the_form(self, client):
        slot = make_slot(make_expert(timezone=BERLIN))
        client.cookies["zone"] = LONDON
        refused = client.post(f"/slots/{slot.pk}/book/", details(step="review", phone="123"), headers=PARTIAL)
        assert refused.status_code == 422
        assert list(refused.context["form"].errors) == ["phone"]
        assert "Enter a phone number like +49 30 123456." in refused.content.decode()
        review = client.post(f"/slots/{slot.pk}/book/", details(step="review", phone="030 1234567"), headers=PARTIAL)
        assert "+49 30 1234567" in review.content.decode()
        client.post(f"/slots/{slot.pk}/book/", details(step="confirm", phone="020 7946 0958"), headers=PARTIAL)
        assert Booking.objects.get(status="CONFIRMED").phone == "+442079460958", "read by the visitor's country, then"

    def test_the_api(self, client):
        slot = make_slot(make_expert(timezone=BERLIN), capacity=2)

        def answer(phone):
            wanted = {"name": "Lena", "email": "lena@example.com", "phone": phone}
            return client.post(f"/api/v1/slots/{slot.pk}/book", wanted, content_type="application/json")

        refused = answer("123")
        assert (refused.status_code, list(refused.json()["fields"])) == (422, ["phone"])
        assert answer("030 1234567").status_code == answer("").status_code == 201
        assert set(Booking.objects.values_list("phone", flat=True)) == {"", "+49301234567"}

    def test_staff_may_write_what_is_no_number(self):
        booking = book(make_slot(), source=Source.STAFF, phone="ask for Jo")
        assert booking.phone == "ask for Jo"
        assert services.change_details(booking_id=booking.pk, phone="020 7946 0958").phone == "+442079460958"
        assert services.change_details(booking_id=booking.pk, phone="0151").phone == "0151"
        with pytest.raises(InvalidDetails):
            book(make_slot(), phone="ask for Jo")
