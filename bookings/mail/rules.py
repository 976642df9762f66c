"""Decide whether an e-mail about a booking is still true, and say when reminders are due."""

from datetime import datetime, timedelta

from bookings.models import Booking, MailKind
from bookings.transitions import Status

__all__ = [
    "ABOUT_MOVES",
    "AFTER_APPROVAL",
    "FOR_STAFF",
    "LEAST_BEFORE_REMINDER",
    "NOTICES",
    "REMINDERS",
    "MailKind",
    "kind_of",
    "still_true",
]

_STATUSES = {
    MailKind.PENDING: {Status.PENDING},
    MailKind.CONFIRMED: {Status.CONFIRMED},
    MailKind.REJECTED: {Status.REJECTED},
    MailKind.CANCELLED: {Status.CANCELLED},
    MailKind.RESCHEDULED: {Status.PENDING, Status.CONFIRMED},
    MailKind.EXPIRED: {Status.EXPIRED},
    MailKind.REMINDER_DAY: {Status.CONFIRMED},
    MailKind.REMINDER_HOUR: {Status.CONFIRMED},
    MailKind.STAFF_REQUEST: {Status.PENDING},
    MailKind.STAFF_MOVED: {Status.CONFIRMED},
    MailKind.STAFF_EXPIRED: {Status.EXPIRED},
    MailKind.PROVE: {Status.HELD, Status.EXPIRED},
}
# Mails about a session that has not ended.
_AHEAD = {MailKind.PENDING, MailKind.CONFIRMED, MailKind.RESCHEDULED, MailKind.STAFF_MOVED, MailKind.PROVE}
# Mails about a request that staff have to answer in time.
_REQUESTS = {MailKind.PENDING, MailKind.STAFF_REQUEST}

FOR_STAFF = frozenset(
    {
        MailKind.STAFF_REQUEST,
        MailKind.STAFF_MOVED,
        MailKind.STAFF_EXPIRED,
        MailKind.INVITATION,
        MailKind.WEBHOOK_PAUSED,
        MailKind.PASSWORD,
    }
)
# What staff are told about an organisation, and can do without: they may switch these off.
NOTICES = FOR_STAFF - {MailKind.INVITATION, MailKind.PASSWORD}
# They name the time before, too; so does a request that was moved.
ABOUT_MOVES = frozenset({MailKind.RESCHEDULED, MailKind.STAFF_MOVED})
# They may be about a booking that was approved, and then moved by its customer: an entry of it is in calendars.
AFTER_APPROVAL = frozenset({MailKind.RESCHEDULED, MailKind.REJECTED, MailKind.EXPIRED})
# How long before the start each is sent, and the field of the organisation that switches it on.
REMINDERS = {
    MailKind.REMINDER_DAY: (timedelta(hours=24), "reminds_day_before"),
    MailKind.REMINDER_HOUR: (timedelta(hours=1), "reminds_hour_before"),
}
# Somebody who books less than this before a reminder gets none: the confirmation has just said the same.
LEAST_BEFORE_REMINDER = timedelta(hours=2)


def still_true(kind: MailKind, booking: Booking, sequence: int, now: datetime) -> bool:
    """Return whether a mail that was queued at that ``sequence`` is still true at ``now``. Needs ``with_slot()``."""
    slot = booking.slot
    if booking.awaits_proof != (kind == MailKind.PROVE):
        return False
    if booking.status not in _STATUSES.get(kind, ()) or booking.sequence != sequence:
        return False
    if kind in _REQUESTS and booking.runs_out_at <= now:
        return False
    if kind in REMINDERS:
        _before, switch = REMINDERS[kind]
        return getattr(slot.expert.organization, switch) and slot.starts_at > now
    return kind not in _AHEAD or booking.ends_at > now


def kind_of(booking: Booking) -> MailKind | None:
    """Return the kind of mail that tells how an open booking stands; None for a hold and for one that has ended.

    The same mail is the receipt right after booking: PENDING where staff have to approve, CONFIRMED where not.
    """
    kinds: dict[str, MailKind] = {Status.PENDING: MailKind.PENDING, Status.CONFIRMED: MailKind.CONFIRMED}
    return kinds.get(booking.status)
