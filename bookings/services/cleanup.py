"""Delete what has done its work and would only pile up, addresses of people among it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pghistory
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from pghistory.models import Context

from bookings.models import (
    Block,
    Booking,
    Idempotency,
    LookupRequest,
    MailAllowance,
    NoteReading,
    Notification,
    Proof,
    Proven,
    Suppression,
    TurnedAway,
    WaitlistEntry,
    WebhookDelivery,
)
from experts.models import SignIn, SignInTry, StaffSession

HOLDS_KEPT = timedelta(days=1)
LOOKUPS_KEPT = timedelta(days=1)
ANSWERS_KEPT = timedelta(days=7)  # nobody retries a request with the same key after that
WEBHOOKS_KEPT = timedelta(days=30)
WAITLISTS_KEPT = timedelta(days=30)
TRIES_KEPT = timedelta(days=1)
LOG_INS_KEPT = timedelta(days=400)  # the database keeps each for a year, whoever would delete it
FAILED_JOBS_KEPT = timedelta(days=30)
MAILS_KEPT = timedelta(days=180)
SUPPRESSED_FOR = timedelta(days=730)
PROVEN_KEPT = timedelta(days=400)  # since a link was opened last; as long as a browser keeps its identity
BLOCKS_KEPT = timedelta(days=90)  # after their end
DEMAND_KEPT = timedelta(days=400)  # a year can be compared with the one before
STAFF_LOG_KEPT = timedelta(days=730)

BATCH = 2000  # rows in one transaction: its locks are short, and other work gets its turn
MOST_BATCHES = 50  # of each kind in one run; the next run does the rest


def delete_old(now: datetime | None = None) -> dict[str, int]:
    """Delete what is older than its time above, in bounded batches, each in a transaction of its own.

    Proofs and sessions go when they have run out. Returns how many rows of each kind went, those that hang on them too.
    """
    now = now or timezone.now()
    old: dict[str, QuerySet[Any]] = {
        "lookups": LookupRequest.objects.filter(created_at__lt=now - LOOKUPS_KEPT),  # takes its links along
        "proofs": Proof.objects.filter(expires_at__lt=now),
        "proven": Proven.objects.filter(proven_at__lt=now - PROVEN_KEPT),
        "mail allowances": MailAllowance.objects.filter(ends_at__lt=now),
        "suppressions": Suppression.objects.filter(created_at__lt=now - SUPPRESSED_FOR),
        "answers": Idempotency.objects.filter(created_at__lt=now - ANSWERS_KEPT),
        "blocks": Block.objects.filter(until__lt=now - BLOCKS_KEPT),
        "waitlists": WaitlistEntry.objects.filter(slot__ends_at__lt=now - WAITLISTS_KEPT),
        "mails": Notification.objects.filter(created_at__lt=now - MAILS_KEPT),
        "webhooks": WebhookDelivery.objects.filter(created_at__lt=now - WEBHOOKS_KEPT),
        "demand": TurnedAway.objects.filter(created_at__lt=now - DEMAND_KEPT),
        "sessions": Session.objects.filter(expire_date__lt=now),
        "sessions of staff": StaffSession.objects.filter(started_at__lt=now - settings.STAFF_SESSION_LASTS),
        "log-in tries": SignInTry.objects.filter(at__lt=now - TRIES_KEPT),
        "readings of notes": NoteReading.objects.filter(at__lt=now - LOG_INS_KEPT),
        "log-ins": SignIn.objects.filter(at__lt=now - LOG_INS_KEPT),
        "staff log": LogEntry.objects.filter(action_time__lt=now - STAFF_LOG_KEPT),
    }
    deleted = {name: _in_batches(rows, _delete) for name, rows in old.items()}
    holds = Booking.objects.ended_holds().filter(expires_at__lt=now - HOLDS_KEPT)
    deleted["holds"] = _in_batches(holds, delete_ended_holds)
    deleted["failed jobs"] = _delete_failed_jobs(now - FAILED_JOBS_KEPT)
    return deleted


def delete_ended_holds(holds: QuerySet[Booking]) -> int:
    """Delete holds that ended, with their history, which says nothing but that somebody looked. Returns how many.

    ``holds`` come from ``ended_holds()``.
    """
    with transaction.atomic():
        ids = list(holds.order_by("pk").select_for_update(no_key=True, of=["self"]).values_list("pk", flat=True))
        if not ids:
            return 0
        Booking.objects.filter(pk__in=ids).delete()
        events = Booking.pgh_event_model.objects.filter(pgh_obj_id__in=ids)
        contexts = list(events.exclude(pgh_context=None).values_list("pgh_context_id", flat=True).distinct())
        events.delete()
        _delete_unused_contexts(contexts)
        return len(ids)


def _delete_unused_contexts(context_ids: list[UUID]) -> None:
    """The notes of who did it, unless another row of the history refers to them."""
    unused = Context.objects.filter(pk__in=context_ids)
    for model in _event_models():
        used = model.objects.filter(pgh_context__in=context_ids).values_list("pgh_context_id", flat=True)
        unused = unused.exclude(pk__in=set(used))
    unused.delete()


def _event_models() -> list[Any]:
    return [model for model in pghistory.models.Event.__subclasses__() if not model._meta.abstract]


def _in_batches(rows: QuerySet[Any], delete: Callable[[QuerySet[Any]], int]) -> int:
    """Delete ``rows`` a batch at a time, oldest first."""
    total = 0
    for _number in range(MOST_BATCHES):
        ids = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
        if ids:
            total += delete(rows.filter(pk__in=ids))
        if len(ids) < BATCH:
            break
    return total


def _delete(rows: QuerySet[Any]) -> int:
    return rows.delete()[0]


def _delete_failed_jobs(before: datetime) -> int:
    """Delete jobs that were given up, once somebody has had the time to look at them; their events go along."""
    total = 0
    for _number in range(MOST_BATCHES):
        with connection.cursor() as cursor:
            # The queue's models are read only.
            cursor.execute(
                "DELETE FROM procrastinate_jobs WHERE id IN ("
                " SELECT job.id FROM procrastinate_jobs AS job"
                " WHERE job.status IN ('failed', 'cancelled', 'aborted') AND NOT EXISTS ("
                "  SELECT FROM procrastinate_events AS event WHERE event.job_id = job.id AND event.at >= %s)"
                " ORDER BY job.id LIMIT %s)",
                [before, BATCH],
            )
            total += cursor.rowcount
            if cursor.rowcount < BATCH:
                break
    return total
