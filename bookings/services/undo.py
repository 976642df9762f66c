"""Take back a decision about a request while nobody has been told of it by mail or webhook.

docs/decisions/0050-undo-of-decisions.md
"""

from django.utils.translation import gettext as _

from bookings.errors import NotAllowed
from bookings.models import Booking, EventType, OutboxMail, Status
from bookings.policy import MAIL_WAITS
from bookings.selectors.requests import MAIL_OF_DECISION
from bookings.services.effects import publish
from bookings.services.locking import lock_booking
from bookings.transitions import TAKEN_BACK
from bookings.webhooks.events import queue_webhooks, slot_taken, take_back
from experts.locking import slot_transaction

_EVENT_OF = {Status.CONFIRMED: EventType.BOOKING_CONFIRMED, Status.REJECTED: EventType.BOOKING_REJECTED}


def undo_decision(*, booking_id: int) -> Booking:
    """Make a request of a booking again that was approved or rejected with ``can_undo`` a moment ago.

    Locks slot and booking. Its mail and its webhook are deleted with that or not at all, and it runs out when it did
    before. Raises NotAllowed when its mail has left or the customer has acted, when a rejected one's seats were given
    to somebody else meanwhile, and when its time to be answered is over; NotFound, Busy.
    """
    with slot_transaction():
        booking, slot = lock_booking(booking_id)
        was = Status(booking.status)
        waiting = _waiting_mail(booking)
        if waiting is None:
            raise NotAllowed(_("It is too late to undo this: the e-mail is on its way."))
        if booking.runs_out_at <= slot.read_at:
            raise NotAllowed(_("The time to answer this request is over, so the decision stays."))
        if was == Status.REJECTED and any(each.seats_left_at(slot.read_at) < booking.seats for each in slot.covered):
            raise NotAllowed(_("The seat was given to somebody else meanwhile, so the decision stays."))
        # Not what one read, but what one deletes: whoever sends mails may have been faster.
        if not OutboxMail.objects.unsent([waiting.kind]).filter(pk=waiting.pk).delete()[0]:
            raise NotAllowed(_("It is too late to undo this: the e-mail is on its way."))
        take_back(booking, _EVENT_OF[was], waiting.due_at - MAIL_WAITS)
        if was == Status.REJECTED:
            # As if it had never ended: calendars have not heard of it.
            booking.sequence -= 1
        booking.status, booking.reason = Status.PENDING, ""
        booking.save(update_fields=["status", "reason", "sequence"])
        if was == Status.REJECTED:
            queue_webhooks(slot_taken(slot, booking.seats))
        publish(booking)
        return booking


def _waiting_mail(booking: Booking) -> OutboxMail | None:
    """The mail that tells of the decision, if it waits; None for whatever was not decided so that it can be undone."""
    if booking.status not in TAKEN_BACK or booking.expires_at is None:
        return None
    kind = MAIL_OF_DECISION[Status(booking.status)]
    return OutboxMail.objects.unsent([kind]).filter(booking=booking, sequence=booking.sequence).first()
