"""Take back a decision about a request, or a cancellation, while nobody has been told of it by mail or webhook.

docs/decisions/0050-undo-of-decisions.md
"""

from django.utils.translation import gettext as _

from bookings.errors import NotAllowed
from bookings.models import Booking, EventType, MailKind, OutboxMail, Status
from bookings.policy import MAIL_WAITS
from bookings.selectors.requests import MAIL_OF_DECISION
from bookings.services.effects import publish
from bookings.services.locking import lock_booking
from bookings.services.waitlist import lapse_and_serve
from bookings.transitions import TAKEN_BACK
from bookings.webhooks.events import queue_webhooks, slot_taken, take_back
from experts.locking import repeated, slot_transaction
from experts.models import Slot

_EVENT_OF = {Status.CONFIRMED: EventType.BOOKING_CONFIRMED, Status.REJECTED: EventType.BOOKING_REJECTED}
_AS_IT_WAS = ("status", "sequence", "reason", "cancel_reason", "arrived_at")


@repeated
def undo_decision(*, booking_id: int) -> Booking:
    """Make a request of a booking again that was approved or rejected with ``can_undo`` a moment ago.

    Locks slot and booking. Its mail and its webhook are deleted with that or not at all, and it runs out when it did
    before. Raises NotAllowed when its mail has left or the customer has acted, when a rejected one's seats were given
    to somebody else meanwhile, and when its time to be answered is over; NotFound, Busy.
    """
    with slot_transaction():
        booking, slot = lock_booking(booking_id)
        was = Status(booking.status)
        if was not in TAKEN_BACK or booking.expires_at is None:
            raise _too_late()
        waiting = _waiting_mail(booking, MAIL_OF_DECISION[was])
        if booking.runs_out_at <= slot.read_at:
            raise NotAllowed(_("The time to answer this request is over, so the decision stays."))
        if was == Status.REJECTED and not _has_room(lapse_and_serve(slot), booking):
            raise NotAllowed(_("The seat was given to somebody else meanwhile, so the decision stays."))
        _take_back(booking, waiting, _EVENT_OF[was])
        if was == Status.REJECTED:
            # As if it had never ended: calendars have not heard of it.
            booking.sequence -= 1
        booking.status, booking.reason, booking.arrived_at = Status.PENDING, "", None
        booking.save(update_fields=["status", "reason", "sequence", "arrived_at"])
        if was == Status.REJECTED:
            queue_webhooks(slot_taken(slot, booking.seats))
        publish(booking)
        return booking


@repeated
def undo_cancellation(*, booking_id: int) -> Booking:
    """Make a booking what it was before it was cancelled with ``can_undo`` a moment ago, as its history has it.

    Locks slot and booking. Its mail and its webhook are deleted with that or not at all. Raises NotAllowed when its
    mail has left, when its seats were given to somebody else meanwhile, and when it was a request whose time to be
    answered is over; NotFound, Busy.
    """
    with slot_transaction():
        booking, slot = lock_booking(booking_id)
        was = booking.events.filter(sequence=booking.sequence - 1).order_by("pgh_id").last()
        if booking.status != Status.CANCELLED or booking.erased_at is not None or was is None:
            raise _too_late()
        waiting = _waiting_mail(booking, MailKind.CANCELLED)
        if was.status == Status.PENDING and booking.runs_out_at <= slot.read_at:
            raise NotAllowed(_("The time to answer this request is over, so it stays cancelled."))
        if not _has_room(lapse_and_serve(slot), booking):
            raise NotAllowed(_("The seat was given to somebody else meanwhile, so it stays cancelled."))
        _take_back(booking, waiting, EventType.BOOKING_CANCELLED)
        for name in _AS_IT_WAS:
            setattr(booking, name, getattr(was, name))
        booking.save(update_fields=_AS_IT_WAS)
        queue_webhooks(slot_taken(slot, booking.seats))
        publish(booking)
        return booking


def _has_room(slot: Slot, booking: Booking) -> bool:
    return all(each.seats_left_at(slot.read_at) >= booking.seats for each in slot.covered)


def _waiting_mail(booking: Booking, kind: MailKind) -> OutboxMail:
    """The mail that tells what became of a booking. Raises NotAllowed unless it waits, as ``can_undo`` asked for."""
    waiting = OutboxMail.objects.unsent([kind]).filter(booking=booking, sequence=booking.sequence).first()
    if waiting is None:
        raise _too_late()
    return waiting


def _take_back(booking: Booking, waiting: OutboxMail, event: EventType) -> None:
    """Delete what would tell of what became of a booking."""
    # Not what one read, but what one deletes: whoever sends mails may have been faster.
    if not OutboxMail.objects.unsent([waiting.kind]).filter(pk=waiting.pk).delete()[0]:
        raise _too_late()
    take_back(booking, event, waiting.due_at - MAIL_WAITS)


def _too_late() -> NotAllowed:
    return NotAllowed(_("It is too late to undo this: the e-mail is on its way."))
