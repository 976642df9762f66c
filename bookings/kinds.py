"""What the e-mails about a booking are about, and whether that is still true when one of them is to be sent."""

from datetime import datetime
from enum import StrEnum

from bookings.models import Booking
from bookings.transitions import Status


class MailKind(StrEnum):
    PENDING = "pending"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    RESCHEDULED = "rescheduled"
    EXPIRED = "expired"


_STATUSES = {
    MailKind.PENDING: {Status.PENDING},
    MailKind.CONFIRMED: {Status.CONFIRMED},
    MailKind.REJECTED: {Status.REJECTED},
    MailKind.CANCELLED: {Status.CANCELLED},
    MailKind.RESCHEDULED: {Status.PENDING, Status.CONFIRMED},
    MailKind.EXPIRED: {Status.EXPIRED},
}
# What speaks of a session that lies ahead.
_AHEAD = {MailKind.PENDING, MailKind.CONFIRMED, MailKind.RESCHEDULED}


def still_true(kind: MailKind, booking: Booking, sequence: int, now: datetime) -> bool:
    """Whether a mail of that kind, queued at that sequence, still says how things are. Needs the slot."""
    if booking.status not in _STATUSES[kind] or booking.sequence != sequence:
        return False
    if kind == MailKind.PENDING and booking.expires_at <= now:
        return False
    return kind not in _AHEAD or booking.slot.ends_at > now


def kind_of(booking: Booking) -> MailKind | None:
    """The mail that says how an open booking is now; None for what has ended, and for a hold."""
    return {Status.PENDING: MailKind.PENDING, Status.CONFIRMED: MailKind.CONFIRMED}.get(booking.status)
