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
    Erasure,
    Idempotency,
    LeftBehind,
    LookupRequest,
    MailAllowance,
    NoteReading,
    NoticesOff,
    Notification,
    Proof,
    Proven,
    SpentWork,
    Suppression,
    TurnedAway,
    WaitlistEntry,
    WebhookDelivery,
)
from experts.models import ExportLog, ImportedRow, ImportRun, Invitation, SignIn, SignInTry, StaffSession

# How long each kind is kept. docs/privacy.md says the same: a test compares. Proofs and sessions end by themselves.
KEPT = {
    "holds": timedelta(days=1),
    "lookups": timedelta(days=1),
    "unproven waitlists": timedelta(days=1),  # the link of the mail takes a place for as long
    "log-in tries": timedelta(days=1),
    "files to import": timedelta(days=1),
    "answers": timedelta(days=7),  # nobody retries a request with the same key after that
    "networks": timedelta(days=14),
    "waitlists": timedelta(days=30),
    "webhooks": timedelta(days=30),
    "failed jobs": timedelta(days=30),
    "invitations": timedelta(days=30),  # after they ended
    "imports": timedelta(days=30),
    "blocks": timedelta(days=90),  # after they ended
    "mails": timedelta(days=180),
    "proven": timedelta(days=400),  # since a link was opened last; as long as a browser keeps its identity
    "demand": timedelta(days=400),  # a year can be compared with the one before
    "log-ins": timedelta(days=400),  # the database keeps each for a year, whoever would delete it
    "readings of notes": timedelta(days=400),
    "exports": timedelta(days=400),  # the database keeps each for a year
    "suppressions": timedelta(days=730),
    "imported rows": timedelta(days=730),
    "history": timedelta(days=730),  # of bookings; nobody can book further ahead than that
    "staff log": timedelta(days=730),
    "erasures": timedelta(days=1095),
}

BATCH = 2000  # rows in one transaction: its locks are short, and other work gets its turn
MOST_BATCHES = 50  # of each kind in one run; the next run does the rest


def delete_old(now: datetime | None = None) -> dict[str, int]:
    """Delete what is older than its time in ``KEPT``, in bounded batches, each in a transaction of its own.

    Proofs and sessions go when they have run out. Returns how many rows of each kind went, those that hang on them too.
    """
    now = now or timezone.now()
    old: dict[str, QuerySet[Any]] = {
        "lookups": LookupRequest.objects.filter(created_at__lt=now - KEPT["lookups"]),  # takes its links along
        "proofs": Proof.objects.filter(expires_at__lt=now),
        "work": SpentWork.objects.filter(expires_at__lt=now),
        "proven": Proven.objects.filter(proven_at__lt=now - KEPT["proven"]),
        "mail allowances": MailAllowance.objects.filter(ends_at__lt=now),
        "suppressions": Suppression.objects.filter(created_at__lt=now - KEPT["suppressions"]),
        "notices off": NoticesOff.objects.filter(created_at__lt=now - KEPT["suppressions"]),
        "answers": Idempotency.objects.filter(created_at__lt=now - KEPT["answers"]),
        "blocks": Block.objects.filter(until__lt=now - KEPT["blocks"]),
        "unproven waitlists": WaitlistEntry.objects.filter(
            status=WaitlistEntry.Status.UNPROVEN, created_at__lt=now - KEPT["unproven waitlists"]
        ),
        # Nobody waits for what is over: what is younger need not be looked at.
        "waitlists": WaitlistEntry.objects.filter(
            slot__ends_at__lt=now - KEPT["waitlists"], created_at__lt=now - KEPT["waitlists"]
        ),
        "mails": Notification.objects.filter(created_at__lt=now - KEPT["mails"]),
        "webhooks": WebhookDelivery.objects.filter(created_at__lt=now - KEPT["webhooks"]),
        "demand": TurnedAway.objects.filter(created_at__lt=now - KEPT["demand"]),
        "sessions": Session.objects.filter(expire_date__lt=now),
        "sessions of staff": StaffSession.objects.filter(started_at__lt=now - settings.STAFF_SESSION_LASTS),
        "log-in tries": SignInTry.objects.filter(at__lt=now - KEPT["log-in tries"]),
        "readings of notes": NoteReading.objects.filter(at__lt=now - KEPT["readings of notes"]),
        "exports": ExportLog.objects.filter(at__lt=now - KEPT["exports"]),
        "imports": ImportRun.objects.filter(created_at__lt=now - KEPT["imports"]),
        "imported rows": ImportedRow.objects.filter(created_at__lt=now - KEPT["imported rows"]),
        "log-ins": SignIn.objects.filter(at__lt=now - KEPT["log-ins"]),
        "invitations": Invitation.objects.filter(expires_at__lt=now - KEPT["invitations"]),
        "erasures": Erasure.objects.filter(finished_at__lt=now - KEPT["erasures"]),
        "jobs left behind": LeftBehind.objects.filter(last_at__lt=now - KEPT["failed jobs"]),
        "staff log": LogEntry.objects.filter(action_time__lt=now - KEPT["staff log"]),
    }
    deleted = {name: _in_batches(rows, _delete) for name, rows in old.items()}
    holds = Booking.objects.holds_ended_before(now - KEPT["holds"])
    deleted["holds"] = _in_batches(holds, delete_ended_holds)
    networks = Booking.objects.filter(network__isnull=False, created_at__lt=now - KEPT["networks"])
    deleted["networks"] = _in_batches(networks, lambda rows: rows.update(network=None))
    files = ImportRun.objects.filter(content__isnull=False, created_at__lt=now - KEPT["files to import"])
    deleted["files to import"] = _in_batches(files, lambda rows: rows.update(content=None))
    history = Booking.pgh_event_model.objects.filter(pgh_created_at__lt=now - KEPT["history"])
    deleted["history"] = _in_batches(history, _delete_history)
    deleted["failed jobs"] = _delete_failed_jobs(now - KEPT["failed jobs"])
    return deleted


def delete_ended_holds(holds: QuerySet[Booking]) -> int:
    """Delete holds that ended, with their history, which says nothing but that somebody looked. Returns how many.

    ``holds`` come from ``ended_holds()`` or ``holds_ended_before()``.
    """
    with transaction.atomic():
        ids = list(holds.order_by("pk").select_for_update(no_key=True, of=["self"]).values_list("pk", flat=True))
        if not ids:
            return 0
        Booking.objects.filter(pk__in=ids).delete()
        _delete_history(Booking.pgh_event_model.objects.filter(pgh_obj_id__in=ids))
        return len(ids)


def _delete_history(events: QuerySet[Any]) -> int:
    """Delete rows of the history of bookings, and who did it. Returns how many rows."""
    with transaction.atomic():
        contexts = list(events.exclude(pgh_context=None).order_by().values_list("pgh_context_id", flat=True).distinct())
        count: int = events.delete()[0]
        _delete_unused_contexts(contexts)
        return count


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
