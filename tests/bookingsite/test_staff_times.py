"""Staff lists hold the times of experts in several zones: each says which."""

import pytest
from django.urls import reverse

from bookings.models import Booking, Status, TurnedAway, WaitlistEntry
from experts.models import Slot
from tests.cast import make_booking, make_expert, make_organization, make_slot
from tests.staff import admin_url, logged_in, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization():
    """With a request, somebody in line and somebody turned away at 10:00 in London and at 10:00 in New York."""
    organization = make_organization()
    for zone in ("Europe/London", "America/New_York"):
        slot = make_slot(make_expert(organization=organization, timezone=zone), at="10:00", capacity=2)
        make_booking(slot)
        make_booking(slot, status=Status.PENDING)
        WaitlistEntry.objects.create(slot=slot, name="Lena", email="lena@example.com", visitor="v")
        TurnedAway.objects.create(slot=slot, reason=TurnedAway.Reason.PARTY, source="web")
    return organization


@pytest.mark.parametrize("model", [Slot, Booking, WaitlistEntry, TurnedAway])
def test_a_list_names_the_zone_of_each_time(organization, model):
    text = logged_in(make_member(organization)).get(admin_url(model)).text
    assert ", 10:00 London" in text
    assert ", 10:00 New York" in text


def test_the_day_names_the_zone_of_each_column_and_of_the_axis(organization):
    client = logged_in(make_member(organization))
    day = make_slot(make_expert(organization=organization), at="11:00").date
    page = client.get(reverse("admin:day"), {"day": day.isoformat()})
    assert ">GMT<" in page.text or ">GMT+1<" in page.text
    assert sorted(column["clock"].partition(",")[0] for column in page.context["columns"]) == ["", "", "New York"]
    page = client.get(reverse("admin:day"), {"day": day.isoformat(), "view": "list"})
    assert "10:00 in New York" in page.text


def test_a_decision_names_the_zone(organization):
    client = logged_in(make_member(organization))
    for booking in Booking.objects.filter(status=Status.PENDING):
        city = booking.slot.expert.zone_city
        assert f", 10:00 {city}, " in client.get(admin_url(Booking, "change", booking.pk)).text
        decide = reverse("admin:bookings_booking_decide", args=[booking.pk, "reject"])
        assert f", 10:00 {city}, " in client.get(decide).text
