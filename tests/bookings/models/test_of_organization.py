"""Each booking knows the organisation of its expert, whoever writes it, and follows who changes the organisation."""

import pytest

from bookings.models import Booking
from experts.models import Expert
from tests.cast import book, make_organization, make_slot

pytestmark = pytest.mark.django_db


def test_it_is_known_from_the_slot_and_nothing_else():
    slot = make_slot()
    booking = book(slot)
    assert Booking.objects.get(pk=booking.pk).of_organization == slot.expert.organization
    Booking.objects.filter(pk=booking.pk).update(of_organization=make_organization())
    assert Booking.objects.get(pk=booking.pk).of_organization == slot.expert.organization


def test_bookings_follow_an_expert_who_changes_the_organisation():
    slot, other = make_slot(), make_organization()
    booking, stays = book(slot), book(make_slot())
    Expert.objects.filter(pk=slot.expert_id).update(organization=other)
    assert Booking.objects.get(pk=booking.pk).of_organization == other
    assert Booking.objects.get(pk=stays.pk).of_organization != other
    assert not booking.events.filter(pgh_label="update").exists()  # it is no change of the booking
