"""Find the reminders that have come due."""

from datetime import datetime

from django.db import transaction
from django.db.models import F, Min, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from bookings.mail.rules import LEAST_BEFORE_REMINDER, REMINDERS, MailKind
from bookings.models import Booking, OutboxMail, ReminderMark, Status

_AT_ONCE = 1000  # rows in one statement


def queue_reminders(now: datetime | None = None) -> int:
    """Put the reminders that have come due since the last look into the outbox, each once. Returns how many.

    Also those that came due while nobody looked, unless the session has begun. Locks the mark of each kind; one that
    somebody else is at is left to them.
    """
    now = now or timezone.now()
    return sum(_queue(kind, now) for kind in REMINDERS)


def _queue(kind: MailKind, now: datetime) -> int:
    before, _switch = REMINDERS[kind]
    until = now + before
    # From here on; what was due before there was a mark is nobody's business.
    ReminderMark.objects.bulk_create([ReminderMark(kind=kind, until=until)], ignore_conflicts=True)
    with transaction.atomic():
        mark = ReminderMark.objects.select_for_update(skip_locked=True).filter(kind=kind, until__lt=until).first()
        if mark is None:
            return 0
        due = due_reminders(kind, max(mark.until, now), until)
        mails = [
            OutboxMail(booking_id=key, kind=kind, sequence=sequence, priority=OutboxMail.LAST)
            for key, sequence in due.values_list("pk", "sequence")
        ]
        OutboxMail.objects.bulk_create(mails, batch_size=_AT_ONCE)
        ReminderMark.objects.filter(pk=kind).update(until=until)
    return len(mails)


def due_reminders(kind: MailKind, after: datetime, until: datetime) -> QuerySet[Booking]:
    """Confirmed bookings of sessions that start later than ``after`` and not later than ``until``, to be reminded.

    Walks along the slots that start within that time, by an index, and the bookings of each, by another: it
    costs as much as there is to find, whatever the number of slots. Left out is who booked, moved or was approved less
    than two hours before the reminder is due.
    """
    before, switch = REMINDERS[kind]
    # As the booking is now: at its time, and confirmed.
    as_it_is = Booking.pgh_event_model.objects.filter(
        pgh_obj=OuterRef("pk"), status=Status.CONFIRMED, sequence=OuterRef("sequence")
    )
    since = as_it_is.order_by().values("pgh_obj").annotate(since=Min("pgh_created_at")).values("since")
    confirmed = Booking.objects.order_by().filter(
        status=Status.CONFIRMED,
        slot__starts_at__gt=after,
        slot__starts_at__lte=until,
        **{f"slot__expert__organization__{switch}": True},
    )
    settled = confirmed.exclude(email="").annotate(since=Coalesce(Subquery(since), "created_at"))
    return settled.filter(since__lte=F("slot__starts_at") - (before + LEAST_BEFORE_REMINDER))
