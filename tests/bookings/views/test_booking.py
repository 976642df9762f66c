"""The page of one booking: all about it for its people; everybody else is answered as if it did not exist."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.formats import date_format

from bookings import services
from bookings.models import Booking, Status
from bookings.selectors.timeline import DONE, NEXT, NOW, OVER
from experts.models import Slot
from tests.bookings.views.test_lookup import assert_nothing_private, shape
from tests.cast import book, make_booking, make_expert, make_organization, make_slot

pytestmark = pytest.mark.django_db
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def slot():
    organization = make_organization(name="Secret Clinic", accent="plum", contact_email="desk@example.com")
    return make_slot(make_expert(name="Priya Raman", organization=organization, venue="phone"), capacity=9)


def page(client, booking):
    return client.get(f"/bookings/{booking.reference}/")


def steps(client, booking):
    return [(step.name, step.state) for step in page(client, booking).context["steps"]]


class TestWhoSeesIt:
    def test_whoever_booked_it(self, client, visitor, slot):
        booking = make_booking(slot, holder=visitor, name="Lena Private", notes="Bad back <i>", phone="030 1")
        response = page(client, booking)
        assert response.status_code == 200
        body = response.content.decode()
        for text in (booking.reference, "Lena Private", "Bad back &lt;i&gt;", "030 1", booking.email, "Priya Raman"):
            assert text in body
        assert 'data-accent="plum"' in body

    def test_to_all_others_it_is_as_if_it_did_not_exist(self, slot):
        booking = make_booking(slot, holder="v" * 32, name="Lena Private")
        for headers in ({}, PARTIAL):
            client = Client()
            client.get("/bookings/link/x/")
            answers = []
            for reference in (booking.reference, "EB-4444-4444"):
                response = client.get(f"/bookings/{reference}/", headers=headers)
                assert_nothing_private(response)
                code, sent, cookies, body = shape(response, "EMAIL")
                answers.append((code, sent, cookies, body.replace(reference, "REFERENCE")))
            assert answers[0] == answers[1]
        assert answers[0][0] == 204  # a page that is open goes away
        assert page(Client(), booking).status_code == 404

    @pytest.mark.parametrize("reference", ["%00", "x", "EB-4444-444%F0%9F%98%80", "x" * 2000])
    def test_nonsense(self, client, visitor, reference):
        assert client.get(f"/bookings/{reference}/").status_code == 404

    def test_a_hold_has_no_page(self, client, visitor, slot):
        assert page(client, make_booking(slot, holder=visitor, status=Status.HELD)).status_code == 404

    def test_staff_have_no_key_to_it(self, admin_client, slot):
        assert page(admin_client, make_booking(slot)).status_code == 404

    def test_only_to_read(self, client, visitor, slot):
        assert client.post(f"/bookings/{make_booking(slot, holder=visitor).reference}/").status_code == 405


class TestTimes:
    def test_in_the_visitors_zone_with_the_experts_own_beside(self, client, visitor):
        starts_at = timezone.now().replace(month=1, day=15, hour=23, minute=30, second=0, microsecond=0)
        starts_at = starts_at.replace(year=starts_at.year + 1)
        booking = make_booking(make_slot(make_expert(venue="video"), starts_at=starts_at), holder=visitor)
        client.cookies["zone"] = "Asia/Tokyo"
        body = page(client, booking).content.decode()
        assert f"16 January {starts_at.year}, 08:30 Tokyo time</h1>" in body
        london = date_format(starts_at, "D j F")
        assert f"Times are in Tokyo time (GMT+9). {london}, 23:30 in London." in body

    def test_without_a_zone_in_the_one_it_was_booked_in(self, client, visitor, slot):
        booking = make_booking(slot, holder=visitor, timezone="Asia/Kolkata")
        assert "Times are in Kolkata time (GMT+5:30)." in page(client, booking).content.decode()

    @pytest.mark.parametrize(
        ("ahead", "words"),
        [
            (timedelta(minutes=25, seconds=30), "in 25 minutes"),
            (timedelta(minutes=1, seconds=30), "in 1 minute"),
            (timedelta(days=5), "in 5 days"),
        ],
    )
    def test_says_how_far_away_it_is(self, client, visitor, ahead, words):
        client.cookies["zone"] = "UTC"
        booking = make_booking(make_slot(starts_at=timezone.now() + ahead), holder=visitor)
        assert f"With {booking.slot.expert.name}, {words}." in page(client, booking).content.decode()

    def test_but_not_of_what_is_over_or_off(self, client, visitor, slot):
        for values in (
            {"slot": make_slot(starts_at=timezone.now() - timedelta(hours=9))},
            {"status": Status.CANCELLED},
        ):
            booking = make_booking(values.pop("slot", slot), holder=visitor, **values)
            assert f"With {booking.slot.expert.name}. Times" in page(client, booking).content.decode()


class TestTimeline:
    def test_moved_with_a_message(self, client, visitor, slot):
        booking = book(slot, visitor=visitor)
        later = make_slot(slot.expert, at="17:00")
        services.reschedule(booking_id=booking.pk, slot_id=later.pk, by_customer=False, reason="Our lift is <broken>")
        step = page(client, booking).context["steps"][1]
        assert (step.name.startswith("Moved from "), step.state, step.quote) == (True, DONE, "Our lift is <broken>")
        assert "Our lift is &lt;broken&gt;" in page(client, booking).content.decode()

    def test_confirmed_at_once(self, client, visitor, slot):
        booking = book(slot, visitor=visitor)
        assert steps(client, booking) == [("Booked", DONE), ("Session", NOW), ("Completed", NEXT)]

    def test_waiting_for_approval(self, client, visitor):
        expert = make_expert(organization=make_organization(name="Hale", requires_approval=True))
        booking = book(make_slot(expert), visitor=visitor)
        assert steps(client, booking) == [("Requested", DONE), ("Hale decides", NOW), ("Session", NEXT)]
        assert "If they don’t, we free the seat" in page(client, booking).content.decode()

    def test_approved(self, client, visitor, slot):
        booking = make_booking(slot, holder=visitor, status=Status.PENDING)
        Booking.objects.update(status=Status.CONFIRMED)
        context = page(client, booking).context
        assert [step.name for step in context["steps"]] == [
            "Requested",
            "Approved by Secret Clinic",
            "Session",
            "Completed",
        ]
        assert context["steps"][1].text, "it says when"

    @pytest.mark.parametrize(
        ("status", "last"),
        [
            (Status.REJECTED, ("Declined by Secret Clinic", OVER)),
            (Status.EXPIRED, ("Expired", OVER)),
            (Status.CANCELLED, ("Cancelled", OVER)),
            (Status.COMPLETED, ("Completed", DONE)),
            (Status.NO_SHOW, ("Missed", OVER)),
        ],
    )
    def test_how_it_ends(self, client, visitor, slot, status, last):
        changed = make_booking(slot, holder=visitor, status=Status.PENDING)
        if status in (Status.COMPLETED, Status.NO_SHOW):
            Booking.objects.update(status=Status.CONFIRMED)
        Booking.objects.update(status=status)
        from_the_start = make_booking(slot, holder=visitor, status=status, expires_at=timezone.now())
        for booking in (changed, from_the_start):
            assert steps(client, booking)[-1] == last

    def test_a_request_that_was_cancelled_was_not_approved(self, client, visitor, slot):
        booking = make_booking(slot, holder=visitor, status=Status.PENDING)
        Booking.objects.update(status=Status.CANCELLED)
        assert steps(client, booking) == [("Requested", DONE), ("Cancelled", OVER)]

    @pytest.mark.parametrize(
        ("by_customer", "name"), [(True, "Cancelled by you"), (False, "Cancelled by Secret Clinic")]
    )
    def test_who_cancelled(self, client, visitor, slot, by_customer, name):
        booking = book(slot, visitor=visitor)
        services.cancel(booking_id=booking.pk, by_customer=by_customer)
        assert steps(client, booking) == [("Booked", DONE), (name, OVER)]

    def test_who_cancelled_on_the_site_and_in_the_admin(self, client, visitor, slot, admin_client):
        first, second = (book(slot, visitor=visitor) for _ in range(2))
        client.post(f"/bookings/{first.reference}/cancel/", {"sequence": 0})
        rows = {"action": "cancel", "_selected_action": [second.pk], "post": "yes"}
        admin_client.post("/admin/bookings/booking/", rows)
        assert steps(client, first)[-1] == ("Cancelled by you", OVER)
        assert steps(client, second)[-1] == ("Cancelled by Secret Clinic", OVER)

    def test_a_session_that_is_over_waits_to_be_completed(self, client, visitor):
        booking = make_booking(make_slot(starts_at=timezone.now() - timedelta(hours=2)), holder=visitor)
        assert steps(client, booking) == [("Booked", DONE), ("Session", DONE), ("Completed", NEXT)]

    def test_a_correction_of_the_details_is_no_step(self, client, visitor, slot):
        booking = book(slot, visitor=visitor)
        services.change_details(booking_id=booking.pk, name="Lena F.", email="l@example.com", phone="", notes="")
        assert len(steps(client, booking)) == 3


class TestMoves:
    def words(self, slot, zone="Europe/Berlin"):
        return f"Moved from {date_format(slot.starts_at.astimezone(ZoneInfo(zone)), 'D j F, H:i')}"

    def test_each_says_from_where_and_when(self, client, visitor, slot):
        client.cookies["zone"] = "Europe/Berlin"
        booking = book(slot, visitor=visitor)
        second, third = (make_slot(slot.expert, at=at) for at in ("14:00", "16:00"))
        for to in (second, third):
            services.reschedule(booking_id=booking.pk, slot_id=to.pk, by_customer=True)
        Slot.objects.filter(pk=slot.pk).delete()
        shown = page(client, booking).context["steps"]
        assert [step.name for step in shown] == ["Booked", self.words(slot), self.words(second), "Session", "Completed"]
        assert all(step.text for step in shown[:4])

    def test_from_the_time_that_the_slot_had_then(self, client, visitor, slot):
        client.cookies["zone"] = "Europe/Berlin"
        booking = book(slot, visitor=visitor)
        services.reschedule(booking_id=booking.pk, slot_id=make_slot(slot.expert, at="14:00").pk, by_customer=True)
        SlotEvent = Slot.events.rel.related_model
        later = SlotEvent.objects.filter(pgh_obj_id=slot.pk).get()
        later.pk, later.starts_at, later.pgh_created_at = None, timezone.now(), timezone.now() + timedelta(minutes=1)
        later.save()
        assert steps(client, booking)[1] == (self.words(slot), DONE)

    def test_before_and_after_the_approval(self, client, visitor):
        expert = make_expert(venue="phone", organization=make_organization(name="Hale", requires_approval=True))
        slots = [make_slot(expert, at=at) for at in ("10:00", "12:00", "14:00")]
        booking = book(slots[0], visitor=visitor)
        services.reschedule(booking_id=booking.pk, slot_id=slots[1].pk, by_customer=True)
        services.approve(booking_id=booking.pk)
        services.reschedule(booking_id=booking.pk, slot_id=slots[2].pk, by_customer=False)
        client.cookies["zone"] = "Europe/Berlin"
        assert [name for name, _state in steps(client, booking)] == [
            "Requested",
            self.words(slots[0]),
            "Approved by Hale",
            self.words(slots[1]),
            "Session",
            "Completed",
        ]

    def test_a_hold_that_went_from_slot_to_slot_was_no_booking_yet(self, client, visitor, slot):
        for to in (slot, other := make_slot(slot.expert, at="14:00")):
            services.hold_slot(slot_id=to.pk, visitor=visitor)
        booking = book(other, visitor=visitor)
        assert len(steps(client, booking)) == 3

    def test_one_more_query_however_often(self, client, visitor, slot, django_assert_num_queries):
        booking = book(slot, visitor=visitor)
        for hour in range(12, 17):
            services.reschedule(
                booking_id=booking.pk, slot_id=make_slot(slot.expert, at=f"{hour}:00").pk, by_customer=True
            )
        with django_assert_num_queries(6):
            page(client, booking)


def test_the_open_page_fetches_its_changing_part(client, visitor, slot):
    booking = make_booking(slot, holder=visitor)
    body = client.get(f"/bookings/{booking.reference}/", headers=PARTIAL).content.decode()
    assert f'data-resync hx-get="/bookings/{booking.reference}/"' in body
    assert 'hx-ws:connect="/ws/bookings/"' in body
    assert "<html" not in body


def test_a_constant_number_of_queries(client, visitor, slot, django_assert_num_queries):
    booking = make_booking(slot, holder=visitor, status=Status.PENDING)
    for status in (Status.CONFIRMED, Status.COMPLETED, Status.NO_SHOW, Status.COMPLETED):
        Booking.objects.update(status=status)
    with django_assert_num_queries(5):  # the booking, proofs, history, key, its last mail
        page(client, booking)


class TestCookie:
    def test_with_https_no_other_subdomain_can_plant_an_identity(self, client, settings):
        settings.SESSION_COOKIE_SECURE = True
        response = client.get("/bookings/link/x/")
        cookie = response.cookies["__Host-visitor"]
        assert (cookie["secure"], cookie["httponly"], cookie["path"], cookie["domain"]) == (True, True, "/", "")
        planted = Client()
        planted.cookies["visitor"] = cookie.value
        booking = make_booking(make_slot(), holder=cookie.value.split(":")[0])
        assert page(planted, booking).status_code == 404
        assert page(client, booking).status_code == 200
        gone = client.post("/bookings/sign-out/").cookies["__Host-visitor"]
        assert (gone["max-age"], gone["secure"], gone["path"]) == (0, True, "/")
