"""What operators ask: do workers live, how long do things wait, what has failed. Few statements, whatever the size."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.db.models.functions import Now

from bookings.models import WorkerSign

QUEUES = ("mail", "expiry", "housekeeping", "webhooks")  # that somebody has to work
SILENT_AFTER = timedelta(seconds=45)  # a sign comes every ten
MOST_SHOWN = 100
MOST_WAITING = 100_000  # that are counted


# What is done every minute or hour anyway is not told of for longer than an hour: the next one has done it.
_FAILED = (
    "job.status = 'failed'"
    " AND coalesce(to_timestamp((job.args->>'timestamp')::bigint) > now() - interval '1 hour', true)"
)


@dataclass(frozen=True)
class Queue:
    """What waits in a queue and could be done now: how many, and for how long the oldest has, in seconds.

    ``first`` is the number of the oldest job that has no time, None without one: nothing tells since when it waits.
    """

    name: str
    waiting: int
    age: float
    first: int | None = None


@dataclass(frozen=True)
class FailedJob:
    """A job that was given up. ``times``: how often it killed its worker, or was beside one that did."""

    pk: int
    task: str
    queue: str
    arguments: dict[str, Any]
    attempts: int
    failed_at: datetime | None
    times: int


def queues_waiting() -> list[Queue]:
    """Read what is due in each of QUEUES and in the outbox of mails ("outbox"). Two statements."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH due AS (SELECT queue_name, scheduled_at, id FROM procrastinate_jobs"
            "  WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now()) LIMIT %s),"
            " oldest AS (SELECT queue_name, count(*) AS waiting, min(scheduled_at) AS due_at,"
            "  min(id) FILTER (WHERE scheduled_at IS NULL) AS first FROM due GROUP BY queue_name)"
            " SELECT queue_name, waiting, coalesce(extract(epoch FROM now() - due_at), 0), first FROM oldest",
            [MOST_WAITING],
        )
        found = {
            name: Queue(name, waiting, max(float(age), 0), first) for name, waiting, age, first in cursor.fetchall()
        }
        cursor.execute(
            "SELECT count(*), coalesce(extract(epoch FROM now() - min(due_at)), 0) FROM ("
            " SELECT due_at FROM bookings_outboxmail WHERE due_at <= now() LIMIT %s) AS due",
            [MOST_WAITING],
        )
        waiting, age = cursor.fetchone()
    names = [*QUEUES, *sorted(set(found) - set(QUEUES))]
    return [*(found.get(name) or Queue(name, 0, 0.0) for name in names), Queue("outbox", waiting, max(float(age), 0))]


def worker_signs() -> list[WorkerSign]:
    """Read the workers that have not ended as they should, each with ``is_silent``. One statement."""
    is_silent = ExpressionWrapper(Q(seen_at__lt=Now() - SILENT_AFTER), output_field=BooleanField())
    signs = WorkerSign.objects.annotate(is_silent=is_silent)  # type: ignore[no-redef]  # the model names it for readers
    return list(signs[:MOST_SHOWN])


def queues_without_worker(signs: Collection[WorkerSign]) -> list[str]:
    """Return those of QUEUES that no worker works of which something was heard lately."""
    worked = {queue for sign in signs if not sign.is_silent for queue in sign.queues.split(",") if queue}
    works_all = any(not sign.is_silent and not sign.queues for sign in signs)
    return [] if works_all else [queue for queue in QUEUES if queue not in worked]


def count_failed_jobs() -> int:
    """How many jobs were given up and not put aside, up to a thousand."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM (SELECT FROM procrastinate_jobs AS job WHERE {_FAILED} LIMIT 1000) AS few"
        )
        [number] = cursor.fetchone()
    return int(number)


def failed_jobs() -> list[FailedJob]:
    """Read the newest jobs that were given up and not put aside, at most MOST_SHOWN."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT job.id, task_name, queue_name, args, attempts,"
            " (SELECT max(at) FROM procrastinate_events WHERE job_id = job.id), coalesce(behind.times, 0)"
            " FROM procrastinate_jobs AS job LEFT JOIN bookings_leftbehind AS behind ON behind.job_id = job.id"
            f" WHERE {_FAILED} ORDER BY job.id DESC LIMIT %s",
            [MOST_SHOWN],
        )
        return [
            # Django has JSON come as text.
            FailedJob(pk, task, queue, json.loads(arguments), attempts, failed_at, times)
            for pk, task, queue, arguments, attempts, failed_at, times in cursor.fetchall()
        ]
