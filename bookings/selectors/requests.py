"""Requests that wait for staff, and those that staff have just decided about."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from bookings.models import Answer, Booking, MailKind, OutboxMail, Status
from bookings.policy import MAIL_WAITS, UNDO_SECONDS
from experts.models import Slot

MOST_SHOWN = 100
MOST_COUNTED = 500
MAIL_OF_DECISION = {Status.CONFIRMED: MailKind.CONFIRMED, Status.REJECTED: MailKind.REJECTED}


def waiting_requests(bookings: QuerySet[Booking], now: datetime) -> QuerySet[Booking]:
    """Those among these bookings that can still be answered, the one that runs out first on top."""
    return bookings.filter(status=Status.PENDING, expires_at__gt=now).order_by("expires_at", "pk")


def with_answers(bookings: QuerySet[Booking]) -> QuerySet[Booking]:
    """Each with ``has_answers``: whether its person has answered any question."""
    answered = Exists(Answer.objects.filter(booking=OuterRef("pk")))
    return bookings.annotate(has_answers=answered)


def experts_asked(waiting: QuerySet[Booking]) -> list[tuple[int, str]]:
    """The experts of these requests as key and name, by name; of the first 500."""
    first = waiting.order_by().values("pk")[:MOST_COUNTED]
    rows = Booking.objects.filter(pk__in=first).order_by("slot__expert__name", "slot__expert_id")
    return list(rows.values_list("slot__expert_id", "slot__expert__name").distinct())


@dataclass(frozen=True)
class Undoable:
    """Decisions that can still be taken back, all to the same end, and for how long, in seconds."""

    bookings: list[Booking]
    status: Status
    seconds: int


def undoable(bookings: QuerySet[Booking], keys: Collection[int], now: datetime) -> Undoable | None:
    """What of these was decided a moment ago so that it can be undone; None when it is too late. Two queries."""
    kinds = {kind: status for status, kind in MAIL_OF_DECISION.items()}
    mails = list(OutboxMail.objects.unsent(list(kinds)).filter(booking__in=list(keys)).order_by("due_at"))
    if not mails:
        return None
    status = kinds[MailKind(mails[0].kind)]
    end = mails[0].due_at - MAIL_WAITS + timedelta(seconds=UNDO_SECONDS)
    seconds = round((end - now).total_seconds())
    waiting = [mail.booking_id for mail in mails if mail.kind == mails[0].kind]
    found = list(bookings.filter(pk__in=waiting, status=status).order_by("pk"))
    return Undoable(found, status, seconds) if found and seconds > 0 else None


def has_room_again(booking: Booking) -> bool:
    """Whether the seats that a booking gave back are still free at this moment. One query."""
    now = timezone.now()
    return all(slot.seats_left_at(now) >= booking.seats for slot in Slot.objects.filter(pk__in=booking.slot_ids))
