"""The history tells who and from where, and keeps no address that opens anything."""

import pytest
from pghistory.models import Context

from bookings.models import Booking
from tests.cast import details, make_slot

pytestmark = pytest.mark.django_db


def test_a_booking_on_the_web_is_told_without_its_address(client):
    slot = make_slot()
    client.post(f"/slots/{slot.pk}/book/", details(step="confirm"))
    [event] = Booking.objects.get().events.all()
    assert event.pgh_context.metadata == {"user": None, "source": "web"}


def test_a_change_in_the_admin_names_the_person_and_the_page(admin_client, admin_user):
    slot = make_slot()
    response = admin_client.post(
        "/admin/experts/slot/", {"action": "close", "_selected_action": [slot.pk]}, follow=True
    )
    assert response.status_code == 200
    metadata = Context.objects.latest("created_at").metadata
    assert (metadata["user"], metadata["source"], metadata["url"]) == (admin_user.pk, "staff", "/admin/experts/slot/")


def test_reading_leaves_no_trace(client):
    client.get("/")
    assert not Context.objects.exists()
