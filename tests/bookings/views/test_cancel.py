"""Cancelling from the booking page: a question first, only one's own booking, only inside the policy, and only once."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from bookings import services
from bookings.models import Booking, CancelReason, Status
from tests.bookings.views.test_lookup import assert_nothing_private
from tests.cast import book, fresh, make_booking, make_expert, make_organization, make_slot

pytestmark = pytest.mark.django_db
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def expert():
    return make_expert(organization=make_organization(name="Hale & Partners", contact_email="desk@example.com"))


@pytest.fixture
def booking(visitor, expert):
    return book(make_slot(expert), visitor=visitor)


def url(booking):
    return f"/bookings/{booking.reference}/cancel/"


def send(client, booking, *, sequence=None, reason="", **headers):
    sequence = booking.sequence if sequence is None else sequence
    return client.post(url(booking), {"sequence": sequence, "reason": reason}, headers=headers)


def status(booking):
    return Booking.objects.get(pk=booking.pk).status


class TestTheQuestion:
    def test_asking_changes_nothing(self, client, booking):
        for headers in ({}, PARTIAL):
            response = client.get(url(booking), headers=headers)
            assert response.status_code == 200
            assert "Cancel this booking?" in response.content.decode()
            assert "no-store" in response["Cache-Control"]
        assert status(booking) == Status.CONFIRMED

    def test_says_before_when_in_the_visitors_zone(self, client, visitor):
        starts_at = timezone.now().replace(month=1, day=15, hour=23, minute=30, second=0, microsecond=0)
        starts_at = starts_at.replace(year=starts_at.year + 1)
        booking = make_booking(make_slot(make_expert(venue="video"), starts_at=starts_at), holder=visitor)
        client.cookies["zone"] = "Asia/Tokyo"
        assert "16 January, 06:30 Tokyo time" in client.get(url(booking)).content.decode()

    def test_as_a_fragment_it_is_no_page(self, client, booking):
        assert "<html" not in client.get(url(booking), headers=PARTIAL).content.decode()
        assert "<html" in client.get(url(booking)).content.decode()

    @pytest.mark.parametrize("ended", [Status.CANCELLED, Status.REJECTED, Status.EXPIRED, Status.COMPLETED])
    def test_makes_no_sense_for_what_has_ended(self, client, visitor, ended):
        booking = make_booking(make_slot(), holder=visitor, status=ended, expires_at=timezone.now())
        body = client.get(url(booking)).content.decode()
        assert "so there is nothing to cancel" in body
        assert "Keep booking" not in body


class TestCancelling:
    def test_frees_the_seat_and_shows_the_booking(self, client, booking):
        response = send(client, booking)
        assert (response.status_code, response["Location"]) == (303, f"/bookings/{booking.reference}/")
        assert status(booking) == Status.CANCELLED
        assert fresh(booking.slot).state == "open"

    def test_from_the_dialog_the_page_goes_there(self, client, booking):
        response = send(client, booking, **PARTIAL)
        assert (response.status_code, response["HX-Redirect"]) == (204, f"/bookings/{booking.reference}/")

    def test_a_request_too(self, client, visitor):
        booking = book(make_slot(make_expert(requires_approval=True)), visitor=visitor)
        assert send(client, booking).status_code == 303
        assert status(booking) == Status.CANCELLED

    def test_needs_the_token_of_the_form(self, booking, visitor, client):
        strict = Client(enforce_csrf_checks=True)
        strict.cookies = client.cookies
        assert send(strict, booking).status_code == 403
        assert status(booking) == Status.CONFIRMED


class TestTheReason:
    def test_is_kept_where_staff_see_it(self, client, booking, admin_client):
        assert "Hale &amp; Partners sees this." in client.get(url(booking)).content.decode()
        assert send(client, booking, reason="plans").status_code == 303
        assert Booking.objects.get().cancel_reason == CancelReason.PLANS
        for page in ("change", "history"):
            answer = admin_client.get(f"/admin/bookings/booking/{booking.pk}/{page}/")
            assert "My plans changed" in answer.content.decode()

    def test_nobody_has_to_give_one(self, client, booking):
        assert client.post(url(booking), {"sequence": 0}).status_code == 303
        assert Booking.objects.get().cancel_reason == ""

    @pytest.mark.parametrize("reason", ["x", "plans\0", "9" * 5000])
    @pytest.mark.parametrize("headers", [{}, PARTIAL])
    def test_one_that_is_none_is_told_at_its_field(self, client, booking, reason, headers):
        response = send(client, booking, reason=reason, **headers)
        assert response.status_code == 422
        assert 'id="id_reason-error"' in response.content.decode()
        assert "Choose one of these, or none." in response.content.decode()
        assert status(booking) == Status.CONFIRMED


class TestRefusals:
    def test_to_all_others_it_is_as_if_it_did_not_exist(self, booking):
        stranger = Client()
        stranger.get("/bookings/link/x/")
        for response in (stranger.get(url(booking)), send(stranger, booking), send(stranger, booking, **PARTIAL)):
            assert response.status_code in (204, 404)
            assert_nothing_private(response)
        assert status(booking) == Status.CONFIRMED

    def test_outside_of_the_window(self, client, visitor):
        booking = book(make_slot(make_expert(cancel_until=timedelta(days=20))), visitor=visitor)
        assert "too late to cancel" in client.get(url(booking)).content.decode()
        for headers in ({}, PARTIAL):
            response = send(client, booking, **headers)
            assert response.status_code == 409
            assert "too late to cancel" in response.content.decode()
        assert status(booking) == Status.CONFIRMED

    def test_twice(self, client, booking):
        send(client, booking)
        response = send(client, booking)
        assert response.status_code == 409
        assert "This booking is cancelled" in response.content.decode()

    def test_an_old_form_does_not_cancel_what_was_moved_meanwhile(self, client, booking, expert):
        services.reschedule(booking_id=booking.pk, slot_id=make_slot(expert, at="15:00").pk, by_customer=False)
        response = send(client, booking, sequence=0)
        assert response.status_code == 409
        assert "moved to another time meanwhile" in response.content.decode()
        assert status(booking) == Status.CONFIRMED
        booking.refresh_from_db()
        assert send(client, booking).status_code == 303

    @pytest.mark.parametrize("sequence", ["", "x", "-1", "9" * 5000])
    def test_a_form_that_does_not_say_what_it_saw(self, client, booking, sequence):
        assert send(client, booking, sequence=sequence).status_code == 409
        assert status(booking) == Status.CONFIRMED


class TestThePolicyInWords:
    def test_on_the_booking_page(self, client, booking):
        body = client.get(f"/bookings/{booking.reference}/").content.decode()
        assert "Plans changed?" in body
        assert "Free to move or cancel until" in body
        assert url(booking) in body

    def test_after_the_deadline_there_is_no_button(self, client, visitor):
        booking = book(make_slot(make_expert(cancel_until=timedelta(days=20))), visitor=visitor)
        body = client.get(f"/bookings/{booking.reference}/").content.decode()
        assert "It was free to move or cancel until" in body
        assert url(booking) not in body

    def test_nothing_of_it_once_it_has_ended(self, client, visitor):
        booking = make_booking(make_slot(), holder=visitor, status=Status.CANCELLED)
        assert "Plans changed?" not in client.get(f"/bookings/{booking.reference}/").content.decode()

    @pytest.mark.parametrize(
        ("span", "words"),
        [
            (timedelta(hours=2), "Free to move or cancel until 2 hours before."),
            (timedelta(0), "Free to move or cancel until it starts."),
            (timedelta(days=1), "Free to move or cancel until 1 day before."),
        ],
    )
    def test_before_booking(self, client, span, words):
        slot = make_slot(make_expert(cancel_until=span))
        assert words in client.get(f"/experts/{slot.expert.slug}/").content.decode()

    def test_while_booking_the_very_instant(self, client, booking):
        client.cookies["zone"] = "Europe/London"
        body = client.get(f"/slots/{booking.slot_id}/book/?booking={booking.reference}").content.decode()
        assert "Free to move or cancel until" in body
        assert ", 08:00 London time." in body
