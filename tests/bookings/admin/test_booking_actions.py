"""What staff decide about bookings in the admin: about several from the list, about one from its page."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from bookings import services
from bookings.models import Booking, Status
from experts import permissions
from experts.models import Role
from tests.cast import book, day_ahead, make_booking, make_expert, make_slot
from tests.mail import waiting
from tests.staff import admin_url, logged_in, make_member, make_superuser, messages_of, run_action

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff():
    return logged_in(make_superuser())


def request(**values):
    return make_booking(make_slot(), status=Status.PENDING, **values)


def over(**values):
    """A booking of a session that is over."""
    day = day_ahead(-2)
    return make_booking(make_slot(day=day), **values)


def decide_url(booking, name):
    return reverse("admin:bookings_booking_decide", args=[booking.pk, name])


def decide(client, booking, name, **values):
    """Open the question and answer it, as a person does."""
    page = client.get(decide_url(booking, name))
    assert page.status_code == 200
    seen = page.context["form"]["seen_sequence"].value() if "seen_sequence" in page.context["form"].fields else ""
    return client.post(decide_url(booking, name), {"seen_sequence": seen} | values)


def offered(client, booking):
    return [decision.name for decision in client.get(admin_url(Booking, "change", booking.pk)).context["decisions"]]


def mails():
    return [kind for _booking, kind, _sequence in waiting()]


def now_is(booking, **values):
    stored = Booking.objects.get(pk=booking.pk)
    return {name: getattr(stored, name) for name in values} == values


# About several


@pytest.mark.parametrize(
    ("action", "after", "words"),
    [
        ("approve", Status.CONFIRMED, "2 bookings approved. 1 refused:"),
        ("reject", Status.REJECTED, "2 bookings rejected. 1 refused:"),
        ("cancel", Status.CANCELLED, "2 bookings cancelled. 1 refused:"),
    ],
)
def test_deciding_about_several_and_hearing_of_each_that_could_not_be(staff, action, after, words):
    requests, expired = [request(), request()], make_booking(make_slot(), status=Status.EXPIRED)
    [said] = messages_of(run_action(staff, Booking, action, [*requests, expired], post="yes"))
    assert said.startswith(words)
    assert f"{expired.reference}: This booking is expired" in said
    assert all(now_is(booking, status=after) for booking in requests)
    assert now_is(expired, status=Status.EXPIRED)
    assert set(mails()) == {after.lower()}


@pytest.mark.parametrize(
    ("action", "after", "words"),
    [("complete", Status.COMPLETED, "1 booking completed."), ("no_show", Status.NO_SHOW, "1 booking is a no-show.")],
)
def test_what_became_of_sessions_is_noted_from_the_list(staff, action, after, words):
    past, ahead = over(), make_booking(make_slot())
    [said] = messages_of(run_action(staff, Booking, action, [past, ahead]))
    assert said.startswith(words)
    assert f"{ahead.reference}: The session" in said
    assert now_is(past, status=after)
    assert now_is(ahead, status=Status.CONFIRMED)
    assert mails() == []


@pytest.mark.parametrize(("action", "after"), [("reject", Status.REJECTED), ("cancel", Status.CANCELLED)])
def test_a_message_to_the_customers_is_asked_for_first(staff, action, after):
    rows = [request(name="Karim Aziz"), request(name="Olu Adeyemi", email="", source="staff")]
    question = run_action(staff, Booking, action, rows)
    assert "Karim Aziz" in question.text
    assert rows[1].reference in question.text
    assert "1 of them has no e-mail address" in question.text
    assert all(now_is(row, status=Status.PENDING) for row in rows)
    hidden = {name: value for name, value in question.context["hidden"] if name != "_selected_action"}
    run_action(staff, Booking, rows=rows, **hidden, reason=" Dr Okafor is ill. ")
    assert all(now_is(row, status=after, reason="Dr Okafor is ill.") for row in rows)


def test_a_no_show_is_taken_back_while_the_session_goes_on_and_after_it(staff):
    going_on = make_booking(make_slot(starts_at=timezone.now() - timedelta(minutes=5)))
    services.mark_no_show(booking_id=going_on.pk)
    assert "undo" in offered(staff, going_on)
    assert decide(staff, going_on, "undo").status_code == 302
    assert now_is(going_on, status=Status.CONFIRMED)
    assert "undo" not in offered(staff, going_on)
    services.mark_arrived(booking_id=going_on.pk)
    assert "undo" in offered(staff, going_on), "that somebody came, too"
    decide(staff, going_on, "undo")
    assert now_is(going_on, arrived_at=None)
    missed, held = over(status=Status.NO_SHOW), request()
    said = messages_of(run_action(staff, Booking, "undo", [missed, held]))[-1]
    assert said.startswith("1 booking is confirmed again. 1 refused:")
    assert now_is(missed, status=Status.CONFIRMED)
    assert mails() == []


def test_who_hears_nothing_is_named_and_holds_are_nobody(staff):
    told = request(name="Karim Aziz")
    silent = request(name="Priya Nair", email="", source="staff", phone="+447700900233")
    held, ended = make_booking(make_slot(), status=Status.HELD, name="", email=""), request(email="", source="staff")
    services.cancel(booking_id=ended.pk, by_customer=False)
    question = run_action(staff, Booking, "cancel", [told, silent, held, ended])
    assert "1 of them has no e-mail address and hears nothing: Priya Nair, +44 7700 900233." in question.text


def test_a_message_that_cannot_be_is_told_at_the_field_and_nothing_is_decided(staff):
    booking = request()
    for reason in ("x" * 1001, "nul\x00"):
        answer = run_action(staff, Booking, "reject", [booking], post="yes", reason=reason)
        assert answer.status_code == 422
        assert answer.context["form"].errors["reason"]
        one = decide(staff, booking, "reject", reason=reason)
        assert one.status_code == 422
        assert one.context["form"].errors["reason"]
    assert now_is(booking, status=Status.PENDING)


def test_what_no_longer_fits_the_filter_is_refused_and_not_forgotten(staff):
    gone, waiting = request(), request()
    services.cancel(booking_id=gone.pk, by_customer=True)
    data = {"action": "approve", "_selected_action": [gone.pk, waiting.pk], "index": 0}
    [said] = messages_of(staff.post(f"{admin_url(Booking)}?status__exact=PENDING", data))
    assert said.startswith("1 booking approved. 1 refused:")
    assert f"{gone.reference}: This booking is cancelled" in said


def test_names_in_messages_stay_text(staff):
    booking = make_booking(make_slot(), status=Status.EXPIRED, reference="<b>x</b>")
    [said] = messages_of(run_action(staff, Booking, "approve", [booking]))
    assert "<b>" not in said
    assert "&lt;b&gt;x" in said


# About one


def test_only_what_is_possible_now_is_offered(staff):
    assert offered(staff, request()) == ["approve", "reject", "cancel"]
    assert offered(staff, make_booking(make_slot())) == ["cancel"]
    assert offered(staff, over()) == ["complete", "no_show", "cancel"]
    assert offered(staff, over(status=Status.COMPLETED)) == ["no_show"]
    assert offered(staff, make_booking(make_slot(), status=Status.CANCELLED)) == []
    assert offered(staff, make_booking(make_slot(), status=Status.HELD, name="", email="")) == ["release"]
    assert "approve" not in offered(staff, request(expires_at=timezone.now() - timedelta(minutes=1)))


@pytest.mark.parametrize(
    ("make", "name", "after"),
    [
        (request, "approve", Status.CONFIRMED),
        (request, "reject", Status.REJECTED),
        (request, "cancel", Status.CANCELLED),
        (over, "complete", Status.COMPLETED),
        (over, "no_show", Status.NO_SHOW),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_each_is_a_question_and_the_answer_a_post(staff, make, name, after):
    booking = make(name="Karim Aziz")
    page = staff.get(decide_url(booking, name))
    assert "Karim Aziz" in page.text
    assert now_is(booking, status=booking.status), "a GET decides nothing"
    answer = decide(staff, booking, name, reason="See you soon")
    assert answer["Location"] == admin_url(Booking, "change", booking.pk)
    assert booking.reference in messages_of(answer)[0]
    assert now_is(booking, status=after, reason="See you soon" if name in ("reject", "cancel") else "")


def test_the_customer_reads_why(staff, client):
    booking = book(make_slot(), visitor="a" * 32)
    decide(staff, booking, "cancel", reason="Dr Okafor is ill.")
    assert "Dr Okafor is ill." in staff.get(admin_url(Booking, "change", booking.pk)).text
    assert mails() == ["confirmed", "cancelled"]


def test_a_double_click_decides_once_and_says_nothing_of_it(staff):
    booking = request()
    decide(staff, booking, "cancel")
    again = staff.post(decide_url(booking, "cancel"), {"reason": "", "seen_sequence": 0})
    assert again["Location"] == admin_url(Booking, "change", booking.pk)
    assert mails() == ["cancelled"]


def test_what_ended_meanwhile_is_a_refusal(staff):
    booking = request()
    services.cancel(booking_id=booking.pk, by_customer=True)
    answer = staff.post(decide_url(booking, "approve"))
    assert answer.status_code == 409
    assert "This booking is cancelled" in answer.text
    late = staff.get(decide_url(booking, "approve"))
    assert late["Location"] == admin_url(Booking, "change", booking.pk)
    assert "This booking is cancelled." in messages_of(late)[0]


def test_an_old_question_does_not_cancel_what_was_moved_since(staff):
    expert = make_expert()
    booking = book(make_slot(expert, at="10:00"))
    services.reschedule(booking_id=booking.pk, slot_id=make_slot(expert, at="15:00").pk, by_customer=False)
    answer = staff.post(decide_url(booking, "cancel"), {"reason": "", "seen_sequence": 0})
    assert answer.status_code == 409
    assert "moved to another time meanwhile" in answer.text
    assert now_is(booking, status=Status.CONFIRMED)
    # What is shown now is the new time: confirming that cancels.
    seen = answer.context["form"]["seen_sequence"].value()
    staff.post(decide_url(booking, "cancel"), {"reason": "", "seen_sequence": seen})
    assert now_is(booking, status=Status.CANCELLED)


@pytest.mark.parametrize(
    "address", ["999999/decide/cancel/", "9" * 30 + "/decide/cancel/", "{}/decide/nonsense/", "{}/decide/move/"]
)
def test_what_does_not_exist_is_no_error(staff, address):
    booking = book(make_slot())
    answer = staff.get(admin_url(Booking) + address.format(booking.pk))
    assert answer.status_code in (302, 404)


def test_who_may_only_look_decides_nothing(monkeypatch):
    booking = request()
    monkeypatch.setitem(permissions.RIGHTS, "bookings.booking", {Role.SCHEDULER: {"view"}})
    client = logged_in(make_member(booking.slot.expert.organization, Role.SCHEDULER))
    for action in ("approve", "reject", "cancel", "complete", "no_show"):
        run_action(client, Booking, action, [booking], post="yes")
        assert client.get(decide_url(booking, action)).status_code == 403
        assert client.post(decide_url(booking, action)).status_code == 403
    assert offered(client, booking) == []
    assert now_is(booking, status=Status.PENDING)
