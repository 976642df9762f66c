"""Booking through the API: one definite answer, the same one to a retry, and a token for what was booked."""

from datetime import timedelta

import pytest

import bookings.api.public
from bookings import services
from bookings.access import rate_limits
from bookings.access.links import booking_token
from bookings.models import Booking, Idempotency, Source, Status, TurnedAway
from tests.api.caller import LENA, Caller, with_key
from tests.cast import day_ahead, fresh, make_booking, make_expert, make_organization, make_slot
from tests.concurrency.contention import held_row

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["thread", "visit"])
def api(request):
    return Caller(visits=request.param == "visit")


def book(api, slot, key: str = "", **details):
    return api.post(f"/slots/{slot.pk}/book", LENA | details, **(with_key(key) if key else {}))


class TestBooked:
    def test_the_answer_is_the_booking(self, api):
        slot = make_slot(capacity=3, expert=make_expert(organization=make_organization(max_party=2)))
        answer = book(api, slot, seats=2, notes="Knee", phone="+44 20 7946 0000")
        assert answer.status_code == 201
        assert answer["Cache-Control"] == "no-store"
        body = answer.json()
        booking = Booking.objects.get()
        assert body.pop("token").startswith("ebb_")
        assert body == {
            "reference": booking.reference,
            "status": "CONFIRMED",
            "seats": 2,
            "expires_at": None,
            "slot": api.get(f"/slots/{slot.pk}").json(),
        }
        assert body["slot"]["seats_left"] == 1
        assert (booking.name, booking.email, booking.notes) == ("Lena Fischer", "lena@example.com", "Knee")
        assert booking.source == Source.API

    def test_a_request_that_waits_for_approval_says_until_when(self, api):
        slot = make_slot(make_expert(requires_approval=True))
        body = book(api, slot).json()
        assert body["status"] == "PENDING"
        assert body["expires_at"].startswith(f"{Booking.objects.get().expires_at:%Y-%m-%dT%H:%M:%S}")

    def test_a_slot_that_there_is_not(self, api):
        answer = api.post("/slots/1234567/book", LENA)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")

    @pytest.mark.parametrize("who", ["expert", "organization"])
    def test_an_expert_who_takes_no_bookings_any_more_is_not_there(self, api, who):
        slot = make_slot(capacity=2)
        first = book(api, slot, "k")
        row = slot.expert if who == "expert" else slot.expert.organization
        row.is_active = False
        row.save()
        unknown = api.post("/slots/1234567/book", LENA)
        answer = book(api, slot, email="priya@example.com")
        assert (answer.status_code, answer.content) == (404, unknown.content)
        assert book(api, slot, "k").content == first.content
        mine = Caller(first.json()["token"]).get(f"/bookings/{first.json()['reference']}")
        assert mine.status_code == 200

    def test_no_cookie_is_involved(self, api):
        answer = book(api, make_slot())
        assert not answer.cookies

    def test_a_program_is_known_by_its_source_in_the_history(self, api):
        book(api, make_slot())
        assert Booking.objects.get().events.get().pgh_context.metadata == {"source": "api"}


class TestTaken:
    def test_the_nearest_alternatives(self, api):
        expert = make_expert()
        slots = [make_slot(expert, at=at) for at in ("10:00", "11:00", "12:00", "13:00", "17:00")]
        make_booking(slots[1])
        body = book(api, slots[1]).json()
        assert (body["code"], body["reason"]) == ("slot_taken", "full")
        assert [slot["id"] for slot in body["alternatives"]] == [slots[0].pk, slots[2].pk, slots[3].pk]
        assert body["alternatives"][0] == api.get(f"/slots/{slots[0].pk}").json()
        assert TurnedAway.objects.get().source == Source.API

    @pytest.mark.parametrize("reason", ["closed", "past", "party"])
    def test_other_reasons(self, api, reason):
        expert = make_expert(max_party=3)
        values = {"closed": {"is_closed": True}, "past": {"day": day_ahead(-1)}, "party": {"capacity": 2}}[reason]
        answer = book(api, make_slot(expert, **values), seats=3)
        assert (answer.status_code, answer.json()["reason"]) == (409, reason)


class TestAgain:
    """The same key and body get the first answer again."""

    def test_it_is_the_same_answer(self, api):
        slot = make_slot(capacity=5, expert=make_expert(requires_approval=True))
        first = book(api, slot, "k")
        make_booking(slot)
        again = book(api, slot, "k")
        assert (again.status_code, again.content) == (201, first.content)
        assert Booking.objects.count() == 2

    def test_also_after_the_booking_was_cancelled_or_moved(self, api):
        slot = make_slot()
        later = make_slot(slot.expert, at="15:00")
        first = book(api, slot, "k")
        booking = Booking.objects.get()
        services.reschedule(booking_id=booking.pk, slot_id=later.pk, by_customer=False)
        assert book(api, slot, "k").content == first.content
        services.cancel(booking_id=booking.pk, by_customer=False)
        assert book(api, slot, "k").content == first.content
        now = Caller(first.json()["token"]).get(f"/bookings/{booking.reference}").json()
        assert (now["status"], now["slot"]["id"]) == ("CANCELLED", later.pk)

    def test_a_refusal_stays_one_although_a_seat_came_free(self, api):
        slot = make_slot()
        other = make_booking(slot)
        assert book(api, slot, "k").status_code == 409
        services.cancel(booking_id=other.pk, by_customer=False)
        assert book(api, slot, "k").json()["code"] == "slot_taken"
        assert book(api, slot, "another").status_code == 201

    def test_another_body_with_the_same_key_is_a_mistake(self, api):
        slot = make_slot(capacity=5)
        book(api, slot, "k")
        answer = book(api, slot, "k", notes="Knee")
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")
        assert Booking.objects.count() == 1

    def test_a_key_that_can_be_guessed_gives_no_token_to_another_client(self, api):
        """Whoever knows the name, the address and the slot of a booking needs only the key to ask for the answer."""
        slot = make_slot(capacity=5)
        first = book(api, slot, "order-4711")
        stranger = Caller(REMOTE_ADDR="203.0.113.9")
        answer = book(stranger, slot, "order-4711")
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")
        assert first.json()["token"] not in answer.content.decode()
        assert book(api, slot, "order-4711").content == first.content
        assert Booking.objects.count() == 1

    def test_a_long_key_is_the_same_from_everywhere(self, api):
        """A phone has another address after a tunnel."""
        slot, key = make_slot(capacity=5), "0198f3a1-5b7e-7c42"
        first = book(api, slot, key)
        assert book(Caller(REMOTE_ADDR="203.0.113.9"), slot, key).content == first.content

    def test_nobody_gets_an_answer_that_was_given_to_somebody_else(self, api):
        slot = make_slot(capacity=5)
        first = book(api, slot, "k").json()
        other = book(api, slot, "k", email="priya@example.com").json()
        assert first["reference"] != other["reference"]

    def test_without_a_key_each_request_is_one_of_its_own(self, api):
        slot = make_slot(capacity=5)
        book(api, slot)
        book(api, slot)
        assert Booking.objects.count() == 2
        assert not Idempotency.objects.exists()

    def test_nothing_personal_and_no_token_is_kept_with_the_key(self, api):
        answer = book(api, make_slot(), "k").json()
        kept = str(Idempotency.objects.values().get())
        assert answer["token"] not in kept
        assert "Lena" not in kept
        assert "lena@example.com" not in kept

    @pytest.mark.django_db(transaction=True)
    def test_a_crash_between_commit_and_answer(self, api, monkeypatch):
        """What was committed is the answer to the retry, whatever happened to the first one."""
        slot = make_slot()
        with monkeypatch.context() as patch:
            patch.setattr(bookings.api.public, "booked", lambda booking: 1 / 0)
            assert book(api, slot, "k").status_code == 500
        booking = Booking.objects.get()
        again = book(api, slot, "k")
        assert (again.status_code, again.json()["reference"]) == (201, booking.reference)
        assert Booking.objects.count() == fresh(slot).seats_booked == 1


class TestLater:
    """What the token of a booking opens."""

    @pytest.fixture
    def booked(self, api):
        return book(api, make_slot()).json()

    @pytest.fixture
    def mine(self, booked):
        return Caller(booked["token"])

    def test_the_booking_as_it_is_now(self, mine, booked):
        body = mine.get(f"/bookings/{booked['reference']}").json()
        assert body == {
            **{name: booked[name] for name in ("reference", "status", "seats", "expires_at", "slot")},
            **LENA,
            "phone": "",
            "notes": "",
            "reason": "",
        }
        assert mine.get(f"/bookings/{booked['reference'].lower().replace('-', '')}").json() == body

    def test_cancelling_it(self, mine, booked):
        answer = mine.post(f"/bookings/{booked['reference']}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (200, "CANCELLED")
        assert answer.json()["slot"]["state"] == "open"
        again = mine.post(f"/bookings/{booked['reference']}/cancel")
        assert (again.status_code, again.json()["code"]) == (409, "not_allowed")

    def test_saying_why(self, mine, booked):
        path = f"/bookings/{booked['reference']}/cancel"
        assert mine.post(path, {"reason": "because"}).status_code == 422
        assert mine.post(path, {"reason": "plans"}).status_code == 200
        assert Booking.objects.get().cancel_reason == "plans"

    def test_not_after_the_deadline(self, mine, booked):
        booking = Booking.objects.get()
        organization = booking.slot.expert.organization
        organization.cancel_until = timedelta(days=30)
        organization.save()
        answer = mine.post(f"/bookings/{booked['reference']}/cancel")
        assert (answer.status_code, answer.json()["code"]) == (409, "not_allowed")
        booking.refresh_from_db()
        assert booking.status == Status.CONFIRMED

    def test_nothing_without_its_own_token(self, api, booked):
        reference = booked["reference"]
        other = book(api, make_slot()).json()
        mail = booking_token(Booking.objects.get(reference=reference))
        unknown = Caller(booked["token"]).get("/bookings/EB-3333-3333")
        assert unknown.status_code == 404
        tokens = ("", "x", other["token"], booked["token"] + "x", mail, mail.partition(".")[2], "ebb_", "ü")
        for token in tokens:
            caller = Caller(token)
            for answer in (
                caller.get(f"/bookings/{reference}"),
                caller.post(f"/bookings/{reference}/cancel"),
                caller.get("/bookings/nonsense"),
            ):
                assert (answer.status_code, answer.content) == (404, unknown.content), token
        assert Booking.objects.get(reference=reference).status == Status.CONFIRMED

    def test_the_link_of_its_mails_does_not_take_it(self, client, booked):
        token = booked["token"].removeprefix("ebb_")
        assert client.post(f"/bookings/link/{booked['reference']}.{token}/").status_code == 404

    def test_it_ends_a_month_after_the_session(self, mine, booked):
        slot = Booking.objects.get().slot
        for days, status in ((29, 200), (31, 404)):
            past = slot.starts_at - timedelta(days=days) - (slot.ends_at - slot.starts_at)
            moved = make_slot(make_expert(), starts_at=past - timedelta(days=2))
            Booking.objects.filter(reference=booked["reference"]).update(slot=moved)
            assert mine.get(f"/bookings/{booked['reference']}").status_code == status

    def test_the_history_keeps_no_reference_as_its_place(self, mine, booked):
        mine.post(f"/bookings/{booked['reference']}/cancel")
        event = Booking.objects.get().events.latest("pgh_id")
        assert event.pgh_context.metadata == {"source": "api", "by": "customer"}


class TestLimits:
    @pytest.fixture(autouse=True)
    def limits_on(self, settings):
        settings.RATE_LIMITS = True
        rate_limits._script.cache_clear()
        yield
        rate_limits._script.cache_clear()

    def test_programs_do_not_share_the_limit_of_a_visitor(self, api):
        slot = make_slot(capacity=30)
        for n in range(12):
            assert book(api, slot, email=f"lena{n}@example.com").status_code == 201


@pytest.mark.django_db(transaction=True)
def test_a_lock_held_too_long_is_busy_with_nothing_written(api, settings):
    settings.LOCK_TIMEOUT_MS = 100
    slot = make_slot()
    with held_row(slot):
        answer = book(api, slot, "k")
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert answer["Retry-After"] == "2"
    assert not Booking.objects.exists()
    assert book(api, slot, "k").status_code == 201
