"""Make a booking out of what somebody wants, write it, and queue what follows."""

from collections.abc import Iterable, Mapping
from copy import copy
from datetime import timedelta

from bookings.mail.rules import MailKind, kind_of
from bookings.models import Booking, EventType, Status
from bookings.policy import BrokenRule, approval_ends
from bookings.references import new_reference
from bookings.selectors.own_slots import without_hold
from bookings.services.caution import Caution
from bookings.services.effects import publish_all, queue_mails
from bookings.services.sessions import agreed_with, take
from bookings.webhooks.events import booking_events, queue_webhooks, slot_taken
from experts.inserting import insert_all, update_row
from experts.models import Slot

PROOF_LASTS = timedelta(minutes=15)


def make_booking(
    wanted: Booking, slot: Slot, hold: Booking | None, caution: Caution | None, rule: BrokenRule | None
) -> Booking:
    """The booking, not saved, with the slot as it was before. The row of a hold becomes the booking, so that its seats
    are never free in between.
    """
    booking = copy(wanted)
    booking.broken_rule = rule or ""
    take(booking, without_hold(slot, hold))
    if hold is None:
        booking.reference, booking.created_at = new_reference(), slot.read_at
    else:
        booking.pk, booking.reference, booking.created_at = hold.pk, hold.reference, hold.created_at
        booking.sequence = hold.sequence
    booking.agreed = agreed_with(booking)
    if caution is None:
        count_as_booked(booking, slot)
    else:
        _await_proof(booking, slot, hold, caution)
    return booking


def count_as_booked(booking: Booking, slot: Slot) -> None:
    """Make it a booking, or a request where the policy asks for approval. Not saved."""
    booking.awaits_proof = False
    # Who may break a rule has approved it.
    if slot.policy("requires_approval") and not (booking.broken_rule or booking.is_agreed):
        booking.status = Status.PENDING
        booking.expires_at = approval_ends(slot)
    else:
        booking.status = Status.CONFIRMED
        booking.expires_at = None


def _await_proof(booking: Booking, slot: Slot, hold: Booking | None, caution: Caution) -> None:
    """Make it a hold with a name, until the link of its mail is opened. Not saved."""
    booking.awaits_proof, booking.proof_reason = True, caution.reason
    if caution.keeps or (caution.prolongs and hold is not None):
        booking.status = Status.HELD
        booking.expires_at = min(slot.read_at + PROOF_LASTS, slot.bookable_until)
    elif hold is not None and hold.seats >= booking.seats:
        booking.status, booking.expires_at = Status.HELD, hold.expires_at  # what was kept already, and no longer
    else:
        booking.status, booking.expires_at = Status.EXPIRED, slot.read_at
    if booking.status == Status.HELD and hold is not None and hold.awaits_proof:
        booking.expires_at = hold.expires_at  # asked again, with another address: that prolongs nothing


def save_bookings(bookings: list[Booking]) -> None:
    insert_all([booking for booking in bookings if booking.pk is None])
    for booking in bookings:
        if booking._state.adding:  # the row of a hold becomes the booking
            update_row(booking)


def queue_what_follows(bookings: Iterable[Booking], have_webhooks: Mapping[int, bool] | None = None) -> None:
    bookings = list(bookings)
    awaiting = [booking for booking in bookings if booking.awaits_proof]
    queue_mails((booking, MailKind.PROVE) for booking in awaiting)
    publish_all(awaiting)
    bookings = [booking for booking in bookings if not booking.awaits_proof]
    if not bookings:
        return
    pending = [booking for booking in bookings if booking.status == Status.PENDING]
    queue_mails(
        [(booking, kind) for booking in bookings if booking.is_told and (kind := kind_of(booking))]
        + [(booking, MailKind.STAFF_REQUEST) for booking in pending],
        by_visitor=True,  # what staff book is told as theirs all the same (bookings/mail/limits.py)
    )
    events = []
    for booking in bookings:
        told = [EventType.BOOKING_CREATED]
        if booking.status == Status.CONFIRMED:
            told.append(EventType.BOOKING_CONFIRMED)
        events += booking_events(booking, *told) + slot_taken(booking.slot, booking.seats, booking.asked_by)
    queue_webhooks(events, have_webhooks or {})
    publish_all(bookings)
