"""An expert who takes no bookings any more is not shown: neither on the page nor by the address of a slot."""

import pytest

from bookings import services
from bookings.models import Booking, Status, TurnedAway
from tests.cast import details, make_booking, make_expert, make_slot

pytestmark = pytest.mark.django_db
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def slot():
    return make_slot(make_expert(name="Priya Raman", slug="priya-raman"), capacity=3)


@pytest.fixture(params=["expert", "organization"])
def leave(request, slot):
    def leave():
        row = slot.expert if request.param == "expert" else slot.expert.organization
        row.is_active = False
        row.save()

    return leave


def answers(client, slot):
    """Each way to ask for the slot."""
    for headers in ({}, PARTIAL):
        yield client.get(f"/slots/{slot.pk}/book/", headers=headers)
        for step in ("review", "confirm", "edit", "resume", "expired"):
            yield client.post(f"/slots/{slot.pk}/book/", details(step=step), headers=headers)
        yield client.get(f"/slots/{slot.pk}/hold/", headers=headers)
        yield client.post(f"/slots/{slot.pk}/hold/", headers=headers)


def test_a_slot_is_answered_as_the_expert_is(client, visitor, slot, leave):
    leave()
    assert client.get("/experts/priya-raman/").status_code == 404
    for response in answers(client, slot):
        assert response.status_code == 404
        assert "Priya" not in response.content.decode()
    assert not Booking.objects.exists()
    assert not TurnedAway.objects.exists()


def test_while_they_are_there_it_is_shown(client, visitor, slot):
    assert "Priya Raman" in client.get(f"/slots/{slot.pk}/book/").content.decode()


@pytest.mark.parametrize("status", [Status.CONFIRMED, Status.CANCELLED])
def test_whoever_has_booked_there_still_sees_it(client, visitor, slot, leave, status):
    booking = make_booking(slot, holder=visitor, status=status)
    leave()
    response = client.get(f"/slots/{slot.pk}/book/")
    assert response.status_code in (200, 409)
    assert "Priya Raman" in response.content.decode()
    assert client.get(f"/bookings/{booking.reference}/").status_code == 200


def test_whoever_holds_it_is_told_and_can_let_go(client, visitor, slot, leave):
    services.hold_slot(slot_id=slot.pk, visitor=visitor)
    leave()
    response = client.post(f"/slots/{slot.pk}/book/", details(step="confirm"))
    assert response.status_code == 409
    assert client.post(f"/slots/{slot.pk}/release/").status_code == 303
    assert client.get(f"/slots/{slot.pk}/book/").status_code == 404


def test_others_bookings_do_not_open_it(client, visitor, slot, leave):
    make_booking(slot, holder="b" * 32)
    leave()
    assert client.get(f"/slots/{slot.pk}/book/").status_code == 404
