"""Queue jobs in the transaction of the change that causes them.

A job is named by the dotted path of its task, so that services need not import the tasks that call them.
tests/bookings/test_queue.py holds every name in the code against the tasks that are registered.
"""

import logging
from datetime import datetime
from typing import Any

from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job
from procrastinate.manager import JobManager

logger = logging.getLogger(__name__)
FIRST, LAST = 10, -10  # priorities; 0 is the usual one


def new_job(task: str, *, at: datetime | None = None, priority: int | None = None, **arguments: Any) -> Job:
    """Make a job of the registered task of that name, with the task's queue and, unless given, its priority.

    ``at`` is the instant from which it may run, by default now; ``arguments`` are ids and plain values (JSON). Raises
    procrastinate's TaskNotFound for a name that no task has.
    """
    options: dict[str, Any] = {"schedule_at": at, "priority": priority}
    return app.configure_task(task, allow_unknown=False, **options).make_new_job(**arguments)


def defer(task: str, *, at: datetime | None = None, **arguments: Any) -> None:
    """Queue a job in the transaction that is open here: it is there when that is committed, or never.

    Also inside a worker, where procrastinate's own ``defer`` would go through its own connection: the job would be
    there before the change that causes it, and stay when that is rolled back.
    """
    defer_jobs([new_job(task, at=at, **arguments)])


def defer_jobs(jobs: list[Job]) -> None:
    """Queue several jobs as ``defer`` does one, in one statement."""
    try:
        JobManager(DjangoConnector()).batch_defer_jobs(jobs)
    except ConnectorException as error:
        # Procrastinate hides Django's error, by which all others know that the database is away.
        with connection.wrap_database_errors:
            raise error.__cause__ or error from None
    logger.debug("Queued %s", ", ".join(job.call_string for job in jobs))
