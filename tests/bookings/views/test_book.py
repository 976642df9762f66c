"""Booking as pages: details, review, done; and every way it can go wrong. The same views serve the dialog."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from bookings.models import Booking, Status, TurnedAway
from tests.cast import (
    UNBOOKABLE,
    details,
    fresh,
    make_booking,
    make_expert,
    make_organization,
    make_slot,
    make_unbookable,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("steps_compared")]
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


def url(slot):
    return f"/slots/{slot.pk}/book/"


def send(client, slot, step, *, headers=None, **values):
    return client.post(url(slot), details(step=step, **values), headers=headers)


class TestTheJob:
    def test_details_review_done_and_the_list_of_own_bookings(self, client):
        slot = make_slot()
        opened = client.get(url(slot))
        assert opened.status_code == 200
        key = opened.context["form"]["key"].value()
        assert len(key) >= 20

        review = send(client, slot, "review", key=key, notes="Back pain")
        assert review.status_code == 200
        assert review.context["step"] == "review"
        assert ("Name", "Lena Fischer") in review.context["details"]
        assert Booking.objects.get().status == Status.HELD

        sent = send(client, slot, "confirm", key=key, notes="Back pain")
        assert sent.status_code == 302
        done = client.get(sent["Location"])
        booking = Booking.objects.get()
        assert booking.status == Status.CONFIRMED
        assert booking.reference in done.content.decode()
        assert "lena@example.com" not in sent["Location"]

        [row] = client.get("/bookings/").context["coming"]
        assert row.booking == booking

    def test_with_approval_it_ends_in_a_request(self, client):
        slot = make_slot(make_expert(organization=make_organization(name="Hale", requires_approval=True)))
        done = client.get(send(client, slot, "confirm")["Location"])
        assert done.context["step_template"] == "bookings/_book_pending.html"
        assert "Hale approves each booking by hand" in done.content.decode()

    def test_in_the_dialog_the_answers_are_fragments(self, client):
        slot = make_slot()
        for step in ("review", "confirm"):
            response = send(client, slot, step, headers=PARTIAL)
            assert response.status_code == 200
            assert "<html" not in response.content.decode()
        assert response["HX-Trigger"] == "slots-changed"

    def test_editing_loses_nothing_and_keeps_the_key(self, client):
        response = send(client, make_slot(), "edit", notes="Back pain")
        form = response.context["form"]
        assert (form["notes"].value(), form["key"].value(), form["agree"].value()) == ("Back pain", "key-1", True)

    def test_the_zone_of_the_browser_is_kept_for_mails(self, client):
        client.cookies["zone"] = "Europe/Berlin"
        send(client, make_slot(), "confirm")
        assert Booking.objects.get().timezone == "Europe/Berlin"


class TestNeverTwice:
    def test_the_same_form_sent_again_leads_to_the_same_booking(self, client):
        slot = make_slot(capacity=5)
        first, second = send(client, slot, "confirm"), send(client, slot, "confirm")
        assert first["Location"] == second["Location"]
        assert Booking.objects.count() == 1

    def test_also_when_it_was_the_last_seat(self, client):
        slot = make_slot()
        assert send(client, slot, "confirm")["Location"] == send(client, slot, "confirm")["Location"]

    def test_also_a_party_that_filled_the_slot(self, client):
        slot = make_slot(make_expert(max_party=3), capacity=2)
        first, second = (send(client, slot, "confirm", seats="2") for _ in range(2))
        assert first["Location"] == second["Location"]
        assert fresh(slot).seats_booked == 2

    def test_going_back_to_another_step_after_it_is_done_asks_first(self, client):
        slot = make_slot(capacity=5)
        send(client, slot, "confirm")
        for response in (client.get(url(slot)), send(client, slot, "review"), send(client, slot, "edit")):
            assert response.context["step_template"] == "bookings/_book_again.html"
        assert Booking.objects.count() == 1

    def test_sent_again_with_other_details_asks_first(self, client):
        slot = make_slot(capacity=5)
        send(client, slot, "confirm")
        response = send(client, slot, "confirm", name="Somebody Else")
        assert response.context["step_template"] == "bookings/_book_again.html"
        assert Booking.objects.count() == 1

    def test_who_really_wants_a_second_seat_gets_one(self, client):
        slot = make_slot(capacity=5)
        send(client, slot, "confirm")
        form = client.get(url(slot), {"again": "1"}).context["form"]
        assert send(client, slot, "review", key=form["key"].value(), again="on").context["step"] == "review"
        assert send(client, slot, "confirm", key=form["key"].value(), again="on").status_code == 302
        assert Booking.objects.count() == 2

    def test_who_has_the_last_seat_is_told_so_and_not_that_it_was_taken(self, client):
        slot = make_slot()
        send(client, slot, "confirm")
        response = client.get(url(slot))
        assert response.status_code == 200
        assert response.context["again_url"] == ""

    def test_a_form_that_was_opened_before_asks_first_too(self, client):
        slot = make_slot(capacity=3)
        opened = client.get(url(slot)).context["form"]
        send(client, slot, "confirm")
        hidden = {field.html_name: field.value() for field in opened.hidden_fields()}
        assert "again_url" in send(client, slot, "review", **hidden).context
        assert Booking.objects.count() == 1

    def test_of_a_booking_that_was_cancelled_it_does_not_say_that_it_is_done(self, client):
        slot = make_slot()
        done = send(client, slot, "confirm")["Location"]
        Booking.objects.update(status=Status.CANCELLED)
        page = f"/bookings/{Booking.objects.get().reference}/"
        assert client.get(done)["Location"] == page
        assert client.get(send(client, slot, "confirm")["Location"])["Location"] == page
        assert send(client, slot, "confirm", headers=PARTIAL)["HX-Redirect"] == page


class TestTheLoser:
    def test_409_with_the_nearest_times_and_nothing_lost(self, client):
        expert = make_expert(timezone="Europe/London")
        slot = make_slot(expert, at="14:30")
        near = [make_slot(expert, at=at) for at in ("15:15", "13:00", "16:45")]
        make_slot(expert, at="19:00")
        make_booking(slot)
        response = send(client, slot, "confirm", headers=PARTIAL, notes="Back pain")
        assert response.status_code == 409
        assert response["HX-Trigger"] == "slots-changed"
        assert response.context["title"] == "This slot was just taken"
        assert response.context["text"] == (
            "Someone confirmed the last seat at 14:30 first. Nothing was booked, and your details are saved."
        )
        found = response.context["alternatives"]
        assert [a.slot for a in found] == near
        assert [a.distance for a in found] == ["45 min later", "90 min earlier", "2 h 15 min later"]
        assert "Back pain" in response.content.decode()
        assert Booking.objects.count() == 1

        resumed = send(client, near[0], "resume", notes="Back pain")
        form = resumed.context["form"]
        assert form["notes"].value() == "Back pain"
        assert form["key"].value() != "key-1"
        assert send(client, near[0], "confirm", key=form["key"].value()).status_code == 302

    def test_the_slot_is_checked_again_on_review(self, client):
        slot = make_slot()
        make_booking(slot)
        assert send(client, slot, "review").status_code == 409

    @pytest.mark.parametrize(("reason", "title"), UNBOOKABLE)
    def test_opening_what_cannot_be_booked_says_why(self, client, reason, title):
        slot = make_slot()
        make_unbookable(slot, reason)
        before = Booking.objects.count()
        for response in (client.get(url(slot)), send(client, slot, "review"), send(client, slot, "confirm")):
            assert response.status_code == 409
        assert client.get(url(slot)).context["title"] == title
        assert Booking.objects.count() == before

    def test_demand_for_a_full_slot_is_kept_without_a_person(self, client):
        slot = make_slot()
        make_booking(slot)
        client.get(url(slot))
        [row] = TurnedAway.objects.values()
        assert set(row) == {"id", "slot_id", "reason", "source", "people", "created_at", "of_organization_id"}

    def test_the_last_seat_of_a_group_needs_no_choice_of_seats(self, client):
        slot = make_slot(make_expert(max_party=3), capacity=5)
        make_booking(slot, seats=4)
        assert "seats" not in client.get(url(slot)).context["form"].fields
        assert send(client, slot, "review").status_code == 200
        assert send(client, slot, "confirm").status_code == 302

    def test_a_party_that_does_not_fit(self, client):
        slot = make_slot(make_expert(max_party=4), capacity=4)
        make_booking(slot, seats=2)
        response = send(client, slot, "confirm", seats="3")
        assert response.status_code == 409
        assert response.context["title"] == "Too few seats are left"


class TestBadInput:
    @pytest.mark.parametrize(
        ("field", "value", "message"),
        [
            ("name", "", "Enter your name."),
            ("name", " ", "Enter your name."),
            ("name", "x" * 121, "at most 120 characters"),
            ("name", "a\x00b", "Null characters are not allowed."),
            ("name", "a\u202eb", "Remove the invisible control characters."),
            ("email", "", "Enter your email address."),
            ("email", "lena.fischer@example", "Add the ending, like name@example.com."),
            ("email", "lena", "Enter an address like name@example.com."),
            ("email", "lena@exa mple.com", "Enter an address like name@example.com."),
            ("phone", "1" * 41, "at most 40 characters"),
            ("notes", "x" * 2001, "at most 2000 characters"),
            ("agree", "", "Tick this box to continue."),
        ],
    )
    def test_is_told_at_the_field_and_nothing_else_is_lost(self, client, field, value, message):
        slot = make_slot()
        for step in ("review", "confirm"):
            response = send(client, slot, step, **{"notes": "Kept", field: value})
            assert response.status_code == 422
            assert message in " ".join(response.context["form"].errors[field])
            assert message in response.content.decode()
            assert field == "notes" or "Kept" in response.content.decode()
        assert not Booking.objects.exists()

    def test_two_things(self, client):
        response = send(client, make_slot(), "review", email="x", agree="")
        assert response.context["form"].summary_title == "Two things need a fix"

    def test_names_are_shown_as_text(self, client):
        name = "<img src=x onerror=alert(1)> 👩‍⚕️ محمد"
        slot = make_slot()
        body = send(client, slot, "review", name=name).content.decode()
        assert "<img" not in body
        assert "محمد" in body
        send(client, slot, "confirm", name=name)
        assert Booking.objects.get().name == name

    @pytest.mark.parametrize("slot_id", ["0", "987654321", "9" * 40])
    def test_unknown_slot_is_a_friendly_404(self, client, slot_id):
        for response in (client.get(f"/slots/{slot_id}/book/"), client.post(f"/slots/{slot_id}/book/", details())):
            assert response.status_code == 404
            assert "There is no such slot" in response.content.decode()

    def test_odd_requests(self, client):
        slot = make_slot()
        assert client.put(url(slot)).status_code == 405
        assert client.post(url(slot), {}).status_code == 422
        assert client.post(url(slot), {"step": "conquer"}).status_code == 422
        assert client.post(url(slot), b"\xff\xfe", content_type="application/json").status_code == 415
        assert client.get(url(slot), {"booking": "EB-NOPE", "again": "\x00"}).status_code == 200
        assert client.get(url(slot), {"booking": "\x00"}).status_code == 200
        assert send(client, slot, "confirm", key="x" * 500).status_code == 422
        assert send(client, slot, "confirm", key="nul\x00").status_code == 422
        assert send(client, slot, "confirm", key="ключ").status_code == 422
        assert not Booking.objects.exists()

    def test_without_the_token_of_the_form_nothing_is_booked(self):
        slot = make_slot()
        response = Client(enforce_csrf_checks=True).post(url(slot), details(step="confirm"))
        assert response.status_code == 403
        assert "<h1" in response.content.decode()
        assert not Booking.objects.exists()


class TestPrivacy:
    def test_the_last_step_is_kept_nowhere(self, client):
        slot = make_slot()
        assert "no-store" in client.get(send(client, slot, "confirm")["Location"])["Cache-Control"]

    def test_a_reference_alone_opens_nothing(self, client):
        slot = make_slot(capacity=2)
        booking = make_booking(slot, name="Private Person", holder="v" * 32)
        body = client.get(url(slot), {"booking": booking.reference}).content.decode()
        assert "Private Person" not in body
        assert booking.email not in body

    def test_a_form_that_somebody_else_sent_does_not_show_their_booking(self, client):
        """As on a shared computer: Back to the last step after "Sign out", and once more "Confirm"."""
        slot = make_slot(capacity=2)
        send(client, slot, "confirm")
        booking = Booking.objects.get()
        client.post("/bookings/sign-out/")
        for headers in ({}, PARTIAL):
            answer = send(client, slot, "confirm", headers=headers)
            assert booking.reference not in answer.content.decode() + answer.get("Location", "")
            assert answer.context["step"] == "details"
        assert Booking.objects.get() == booking

    def test_anothers_bookings_are_not_listed(self, client):
        make_booking(make_slot(), holder="v" * 32)
        make_booking(make_slot(), holder="")
        response = client.get("/bookings/")
        assert "bookings/lookup.html" in [template.name for template in response.templates]
        assert "Lena" not in response.content.decode()


@pytest.mark.parametrize("bookings", [1, 3])
def test_my_bookings_take_a_constant_number_of_queries(client, django_assert_num_queries, bookings):
    for _ in range(bookings):
        send(client, make_slot(), "confirm")
    with django_assert_num_queries(6):  # awaiting a link, coming, waiting, earlier, proofs, key
        assert len(client.get("/bookings/").context["coming"]) == bookings


def test_every_status_has_its_badge(client):
    slot = make_slot(capacity=20)
    client.get(url(slot))
    visitor = client.cookies["visitor"].value.split(":")[0]
    for status in Status:
        make_booking(slot, status=status, holder=visitor, expires_at=timezone.now() + timedelta(minutes=5))
    response = client.get("/bookings/")
    body = response.content.decode()
    for word in ("Pending approval", "Confirmed", "Completed", "Missed", "Cancelled", "Declined", "Expired"):
        assert word in body
    assert len(response.context["coming"]) + len(response.context["earlier"]) == len(Status) - 1, "holds are left out"
