"""A decision about a request is taken back in the first seconds, as long as nobody has been told of it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from bookings import services
from bookings.errors import NotAllowed
from bookings.mail import outbox
from bookings.models import Booking, EventType, MailKind, Notification, OutboxMail, Status, WebhookDelivery
from bookings.policy import UNDO_SECONDS
from tests.cast import fresh, join_line, make_booking, make_slot, make_webhook

pytestmark = pytest.mark.django_db
DECIDE = {
    Status.CONFIRMED: lambda booking: services.approve(booking_id=booking.pk, can_undo=True),
    Status.REJECTED: lambda booking: services.reject(booking_id=booking.pk, reason="Too far away", can_undo=True),
}
DECISIONS = pytest.mark.parametrize("decide", DECIDE.values(), ids=DECIDE)


@pytest.fixture
def request_():
    return make_booking(make_slot(), status=Status.PENDING)


def stored(booking):
    return Booking.objects.filter(pk=booking.pk).values("status", "sequence", "reason", "expires_at").get()


def let_time_pass():
    """The seconds in which the decision can be taken back are over."""
    past = timezone.now() - timedelta(milliseconds=1)
    OutboxMail.objects.update(due_at=past)
    WebhookDelivery.objects.filter(status="waiting").update(next_attempt_at=past)


@DECISIONS
def test_it_is_a_request_again_and_nobody_is_told(request_, decide, mailoutbox):
    make_webhook(request_.slot.expert.organization, event_types=["booking.confirmed", "booking.rejected"])
    before = stored(request_)
    decide(request_)
    assert outbox.send_due() == 0, "its mail waits"
    assert WebhookDelivery.objects.get().next_attempt_at > timezone.now() + timedelta(seconds=UNDO_SECONDS)
    services.undo_decision(booking_id=request_.pk)
    assert stored(request_) == before
    assert fresh(request_.slot).seats_booked == 1
    assert not OutboxMail.objects.exists() and not WebhookDelivery.objects.exists()
    outbox.send_due()
    assert not mailoutbox and not Notification.objects.exists()


@DECISIONS
def test_nobody_takes_back_what_a_mail_has_told(request_, decide, mailoutbox):
    decided = decide(request_).status
    let_time_pass()
    assert outbox.send_due() == 1 and len(mailoutbox) == 1
    with pytest.raises(NotAllowed, match="too late"):
        services.undo_decision(booking_id=request_.pk)
    assert stored(request_)["status"] == decided


def test_nobody_takes_back_what_a_worker_is_about_to_tell(request_):
    services.approve(booking_id=request_.pk, can_undo=True)
    let_time_pass()
    OutboxMail.objects.claim(5, timedelta(minutes=2))
    with pytest.raises(NotAllowed, match="too late"):
        services.undo_decision(booking_id=request_.pk)


def test_what_was_decided_for_good_is_not_taken_back(request_):
    services.approve(booking_id=request_.pk)
    with pytest.raises(NotAllowed, match="too late"):
        services.undo_decision(booking_id=request_.pk)
    with pytest.raises(NotAllowed):
        services.undo_decision(booking_id=make_booking(make_slot()).pk)


def test_a_seat_that_who_waits_was_given_stays_theirs(request_):
    entry = join_line(request_.slot)
    services.reject(booking_id=request_.pk, can_undo=True)
    with pytest.raises(NotAllowed, match="given to somebody else"):
        services.undo_decision(booking_id=request_.pk)
    entry.refresh_from_db()
    assert entry.status == "OFFERED" and stored(request_)["status"] == Status.REJECTED
    let_time_pass()
    assert OutboxMail.objects.filter(kind=MailKind.REJECTED).exists(), "the decision stands, and its mail leaves"


def test_a_decision_stands_when_the_customer_was_faster(request_):
    services.approve(booking_id=request_.pk, can_undo=True)
    services.cancel(booking_id=request_.pk, by_customer=False)
    with pytest.raises(NotAllowed):
        services.undo_decision(booking_id=request_.pk)
    assert stored(request_)["status"] == Status.CANCELLED


def test_a_request_whose_time_is_over_does_not_come_back(request_):
    services.approve(booking_id=request_.pk, can_undo=True)
    Booking.objects.filter(pk=request_.pk).update(expires_at=timezone.now())
    with pytest.raises(NotAllowed, match="is over"):
        services.undo_decision(booking_id=request_.pk)


def test_it_can_be_decided_again_and_is_told_once(request_, mailoutbox):
    services.reject(booking_id=request_.pk, can_undo=True)
    services.undo_decision(booking_id=request_.pk)
    services.reject(booking_id=request_.pk, reason="We are closed.", can_undo=True)
    let_time_pass()
    outbox.send_due()
    [mail] = mailoutbox
    assert "We are closed." in mail.body


def test_programs_hear_of_the_seat_as_it_is(request_):
    make_webhook(request_.slot.expert.organization, event_types=["slot.full", "slot.freed", "booking.rejected"])
    services.reject(booking_id=request_.pk, can_undo=True)
    services.undo_decision(booking_id=request_.pk)
    types = WebhookDelivery.objects.order_by("pk").values_list("type", flat=True)
    assert list(types) == [EventType.SLOT_FREED, EventType.SLOT_FULL]


def test_who_has_arrived_is_no_obstacle():
    now = timezone.now()
    slot = make_slot(starts_at=now - timedelta(minutes=1))
    request = make_booking(slot, status=Status.PENDING, expires_at=now + timedelta(minutes=5))
    services.approve(booking_id=request.pk, can_undo=True)
    services.mark_arrived(booking_id=request.pk)
    services.undo_decision(booking_id=request.pk)
    assert Booking.objects.values_list("status", "arrived_at").get() == (Status.PENDING, None)


def test_a_seat_that_was_held_anew_is_not_taken_from_who_holds_it():
    """Of two seats one hold has just run out; the seat of the rejected request is held by another."""
    slot = make_slot(capacity=2)
    request = make_booking(slot, status=Status.PENDING)
    old = services.hold_slot(slot_id=slot.pk, visitor="a" * 32)
    services.reject(booking_id=request.pk, can_undo=True)
    services.hold_slot(slot_id=slot.pk, visitor="b" * 32)
    Booking.objects.filter(pk=old.pk).update(expires_at=timezone.now())
    services.undo_decision(booking_id=request.pk)
    assert (fresh(slot).seats_held, fresh(slot).seats_booked) == (1, 1)
