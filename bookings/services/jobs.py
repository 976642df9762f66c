"""What becomes of jobs that failed or killed their worker, and the workers' signs of life."""

import random
from collections.abc import Collection

from django.db import connection, transaction

from bookings.errors import NotAllowed

MOST_DEATHS = 5  # of workers by one job; it is put aside then, as failed, and shown to operators
# Jobs that were left behind together are done again apart, so that those beside the guilty one come through. Seconds,
# times how often it was so.
SPREAD = 20
FORGOTTEN_AFTER = 24  # hours; a worker of which nothing was heard


def take_back(*, job_id: int) -> bool:
    """Have a job done again whose worker died in the middle of it, or put it aside as failed after so many deaths.

    Returns whether it was put aside. Nothing where it is not being done any more.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT FROM procrastinate_jobs WHERE id = %s AND status = 'doing' FOR UPDATE", [job_id])
        if not cursor.rowcount:
            return False
        cursor.execute(
            "INSERT INTO bookings_leftbehind AS known (job_id, times) VALUES (%s, 1)"
            " ON CONFLICT (job_id) DO UPDATE SET times = known.times + 1, last_at = now() RETURNING times",
            [job_id],
        )
        [times] = cursor.fetchone()
        if times >= MOST_DEATHS:
            cursor.execute("SELECT procrastinate_finish_job_v1(%s, 'failed', false)", [job_id])
            return True
        pause = random.uniform(0, SPREAD * (times - 1))
        cursor.execute(
            "SELECT procrastinate_retry_job_v2(%s, clock_timestamp() + make_interval(secs => %s), NULL, NULL, NULL)",
            [job_id, pause],
        )
    return False


def retry_failed(*, job_id: int) -> None:
    """Have a job done again that has failed for good, whatever it did. Raises NotAllowed where it has not failed."""
    with transaction.atomic(), connection.cursor() as cursor:
        _lock_failed(cursor, job_id)
        cursor.execute("DELETE FROM bookings_leftbehind WHERE job_id = %s", [job_id])
        cursor.execute("SELECT procrastinate_retry_job_v2(%s, clock_timestamp(), NULL, NULL, NULL)", [job_id])


def put_aside(*, job_id: int) -> None:
    """Let a failed job be done with: nobody has to look at it any more. Raises NotAllowed where it has not failed."""
    with transaction.atomic(), connection.cursor() as cursor:
        _lock_failed(cursor, job_id)
        cursor.execute("UPDATE procrastinate_jobs SET status = 'cancelled' WHERE id = %s", [job_id])


def _lock_failed(cursor, job_id: int) -> None:  # type: ignore[no-untyped-def]  # Django's cursor has no type to name
    cursor.execute("SELECT FROM procrastinate_jobs WHERE id = %s AND status = 'failed' FOR UPDATE", [job_id])
    if not cursor.rowcount:
        raise NotAllowed


def sign(*, name: str, queues: Collection[str], version: str) -> None:
    """Write down that a worker lives, in one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO bookings_workersign (name, queues, version) VALUES (%s, %s, %s)"
            " ON CONFLICT (name) DO UPDATE SET seen_at = clock_timestamp()",
            [name, ",".join(queues), version],
        )


def sign_off(*, name: str) -> None:
    """Write down that a worker has ended as it should. Those of which nothing was heard for a day are forgotten."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM bookings_workersign WHERE name = %s OR seen_at < now() - make_interval(hours => %s)",
            [name, FORGOTTEN_AFTER],
        )
