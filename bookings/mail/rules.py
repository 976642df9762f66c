"""Decide whether an e-mail about a booking is still true, and when reminders are due."""

from collections.abc import Callable
from datetime import datetime, timedelta
from operator import attrgetter

from bookings.models import Booking, MailKind
from bookings.transitions import Status
from experts.models import Organization

__all__ = ["FOR_STAFF", "REMINDERS", "MailKind", "kind_of", "reminders_due", "still_true"]

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
    MailKind.STAFF_EXPIRED: {Status.EXPIRED},
}
# Mails about a session that has not ended.
_AHEAD = {MailKind.PENDING, MailKind.CONFIRMED, MailKind.RESCHEDULED}
# Mails about a request that staff have to answer in time.
_REQUESTS = {MailKind.PENDING, MailKind.STAFF_REQUEST}

FOR_STAFF = frozenset({MailKind.STAFF_REQUEST, MailKind.STAFF_EXPIRED, MailKind.INVITATION, MailKind.WEBHOOK_PAUSED})
# How long before the start each is sent, and whether the organisation sends it.
REMINDERS: dict[MailKind, tuple[timedelta, Callable[[Organization], bool]]] = {
    MailKind.REMINDER_DAY: (timedelta(hours=24), attrgetter("reminds_day_before")),
    MailKind.REMINDER_HOUR: (timedelta(hours=1), attrgetter("reminds_hour_before")),
}
# Somebody who books less than this before a reminder gets none: the confirmation has just said the same.
LEAST_BEFORE_REMINDER = timedelta(hours=2)


def still_true(kind: MailKind, booking: Booking, sequence: int, now: datetime) -> bool:
    """Return whether a mail that was queued at that ``sequence`` is still true at ``now``. Needs ``with_slot()``."""
    slot = booking.slot
    if booking.status not in _STATUSES.get(kind, ()) or booking.sequence != sequence:
        return False
    if kind in _REQUESTS and booking.runs_out_at <= now:
        return False
    if kind in REMINDERS:
        _before, is_on = REMINDERS[kind]
        return is_on(slot.expert.organization) and slot.starts_at > now
    return kind not in _AHEAD or slot.ends_at > now


def kind_of(booking: Booking) -> MailKind | None:
    """Return the kind of mail that tells how an open booking stands; None for a hold and for one that has ended.

    The same mail is the receipt right after booking: PENDING where staff have to approve, CONFIRMED where not.
    """
    kinds: dict[str, MailKind] = {Status.PENDING: MailKind.PENDING, Status.CONFIRMED: MailKind.CONFIRMED}
    return kinds.get(booking.status)


def reminders_due(starts_at: datetime, now: datetime) -> dict[MailKind, datetime]:
    """Return the reminders that a booking made at ``now`` gets, each with the instant at which it is sent."""
    due = {kind: starts_at - before for kind, (before, _is_on) in REMINDERS.items()}
    return {kind: at for kind, at in due.items() if at - now >= LEAST_BEFORE_REMINDER}
