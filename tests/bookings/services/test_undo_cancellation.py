"""What staff cancelled on the day is taken back in the first seconds, while nobody was told and the seats are free."""

from datetime import timedelta

import pytest
from django.utils import timezone

from bookings import services
from bookings.errors import NotAllowed
from bookings.mail import outbox
from bookings.models import Booking, EventType, Notification, OutboxMail, Status, WebhookDelivery
from bookings.policy import UNDO_SECONDS
from tests.bookings.services.test_undo import let_time_pass
from tests.cast import (
    book,
    fresh,
    join_line,
    make_booking,
    make_expert,
    make_row_of_slots,
    make_slot,
    make_type,
    make_webhook,
)

pytestmark = pytest.mark.django_db
AS_IT_WAS = ("status", "sequence", "reason", "cancel_reason", "arrived_at", "expires_at")


@pytest.fixture
def booking():
    return make_booking(make_slot(), reason="Moved on the phone.", sequence=3)


def stored(booking):
    return Booking.objects.filter(pk=booking.pk).values(*AS_IT_WAS).get()


def cancel(booking, **values):
    return services.cancel(
        booking_id=booking.pk, **{"by_customer": False, "reason": "We are closed.", "can_undo": True} | values
    )


def undo(booking):
    return services.undo_cancellation(booking_id=booking.pk)


@pytest.mark.parametrize("status", [Status.CONFIRMED, Status.PENDING])
def test_it_is_booked_as_before_and_nobody_is_told(status, mailoutbox):
    booking = make_booking(make_slot(), status=status, reason="Moved on the phone.", sequence=3)
    make_webhook(booking.slot.expert.organization, event_types=["booking.cancelled"])
    before = stored(booking)
    cancel(booking)
    assert fresh(booking.slot).seats_booked == 0, "the seat is free at once"
    assert outbox.send_due() == 0, "its mail waits"
    assert WebhookDelivery.objects.get().next_attempt_at > timezone.now() + timedelta(seconds=UNDO_SECONDS)
    undo(booking)
    assert stored(booking) == before
    assert fresh(booking.slot).seats_booked == 1
    assert not OutboxMail.objects.exists() and not WebhookDelivery.objects.exists()
    assert outbox.send_due() == 0 and not mailoutbox and not Notification.objects.exists()


def test_whoever_had_arrived_has_arrived(booking):
    Booking.objects.filter(pk=booking.pk).update(arrived_at=timezone.now())
    before = stored(booking)
    cancel(booking)
    undo(booking)
    assert stored(booking) == before


def test_a_session_has_all_its_slots_again():
    expert = make_expert()
    slots = list(make_row_of_slots(expert).values())
    session_type = make_type(expert, minutes=45)
    booking = services.book(
        slot_id=slots[0].pk, session_type=session_type.pk, name="Lena", email="lena@example.com"
    ).booking
    cancel(booking)
    undo(booking)
    assert [fresh(slot).seats_booked for slot in slots[:4]] == [1, 1, 1, 0]


def test_a_seat_that_somebody_booked_meanwhile_stays_theirs(booking, mailoutbox):
    cancel(booking)
    other = book(booking.slot)
    with pytest.raises(NotAllowed, match="given to somebody else"):
        undo(booking)
    assert stored(booking)["status"] == Status.CANCELLED
    assert Booking.objects.get(pk=other.pk).status == Status.CONFIRMED
    let_time_pass()
    outbox.send_due()
    assert "We are closed." in next(mail for mail in mailoutbox if mail.to == [booking.email]).body


def test_a_seat_that_who_waits_was_offered_stays_theirs(booking):
    entry = join_line(booking.slot)
    cancel(booking)
    with pytest.raises(NotAllowed, match="given to somebody else"):
        undo(booking)
    entry.refresh_from_db()
    assert entry.status == "OFFERED"


def test_of_a_class_it_comes_back_while_there_are_seats_enough():
    booking = make_booking(make_slot(capacity=3), seats=2)
    cancel(booking)
    book(booking.slot)
    undo(booking)
    assert fresh(booking.slot).seats_booked == 3
    cancel(booking)
    book(booking.slot)
    with pytest.raises(NotAllowed, match="given to somebody else"):
        undo(booking)


def test_nobody_takes_back_what_a_mail_has_told(booking):
    cancel(booking)
    let_time_pass()
    with pytest.raises(NotAllowed, match="too late"):  # a worker may have it in hand
        undo(booking)
    assert outbox.send_due() == 1
    with pytest.raises(NotAllowed, match="too late"):
        undo(booking)


@pytest.mark.parametrize("values", [{"can_undo": False}, {"can_undo": False, "by_customer": True}])
def test_what_was_cancelled_for_good_is_not_taken_back(booking, values):
    cancel(booking, **values)
    with pytest.raises(NotAllowed, match="too late"):
        undo(booking)


def test_what_was_not_cancelled_is_not_taken_back(booking):
    with pytest.raises(NotAllowed):
        undo(booking)
    request = make_booking(make_slot(), status=Status.PENDING)
    services.reject(booking_id=request.pk, can_undo=True)
    with pytest.raises(NotAllowed):
        undo(request)


def test_a_request_whose_time_is_over_does_not_come_back():
    request = make_booking(make_slot(), status=Status.PENDING)
    cancel(request)
    Booking.objects.filter(pk=request.pk).update(expires_at=timezone.now())
    with pytest.raises(NotAllowed, match="is over"):
        undo(request)


def test_who_was_erased_does_not_come_back(booking):
    cancel(booking)
    Booking.objects.filter(pk=booking.pk).update(
        erased_at=timezone.now(), name="", email="", phone="", notes="", reason="", holder="", network=None
    )
    with pytest.raises(NotAllowed):
        undo(booking)


def test_programs_hear_of_the_seat_as_it_is(booking):
    make_webhook(booking.slot.expert.organization, event_types=["slot.full", "slot.freed", "booking.cancelled"])
    cancel(booking)
    undo(booking)
    types = WebhookDelivery.objects.order_by("pk").values_list("type", flat=True)
    assert list(types) == [EventType.SLOT_FREED, EventType.SLOT_FULL]


def test_it_can_be_cancelled_again_and_is_told_once(booking, mailoutbox):
    cancel(booking, reason="By mistake.")
    undo(booking)
    cancel(booking)
    let_time_pass()
    outbox.send_due()
    [mail] = mailoutbox
    assert "We are closed." in mail.body
