import pytest

from bookings import services
from bookings.models import Booking
from bookings.networks import network_of
from tests.cast import make_slot

VISITOR = "a" * 32


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::"),
        ("2001:db8:1:2::/64", "2001:db8:1:2::"),  # as a client's address is known
        ("unknown", None),
        ("", None),
    ],
)
def test_an_address_is_cut_to_its_network(address, network):
    assert network_of(address) == network


@pytest.mark.django_db
def test_a_hold_and_the_booking_that_it_becomes_keep_their_networks():
    slot = make_slot()
    services.hold_slot(slot_id=slot.pk, visitor=VISITOR, client_address="203.0.113.77")
    assert Booking.objects.get().network == "203.0.113.0"
    services.book(
        slot_id=slot.pk, name="Ada", email="ada@example.com", visitor=VISITOR, client_address="2001:db8:1:2::/64"
    )
    assert Booking.objects.get().network == "2001:db8:1:2::"
