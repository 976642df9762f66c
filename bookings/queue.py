"""Queue jobs in the transaction of the change that causes them, and say when what failed is tried again.

A job is named by the dotted path of its task, so that services need not import the tasks that call them.
tests/bookings/test_queue.py holds every name in the code against the tasks that are registered.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from django.db import connection
from procrastinate import RetryDecision
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.job_context import JobContext
from procrastinate.jobs import Job
from procrastinate.manager import JobManager
from procrastinate.retry import BaseRetryStrategy

from experts import metrics, request_ids, sending

logger = logging.getLogger(__name__)
FIRST = 10  # a priority; 0 is the usual one
REQUEST_ID = "of_request"  # among the arguments of a job, until it is done


class BackOff(BaseRetryStrategy):
    """Again after 2, 4, 8 … seconds and then every half hour, for a day and a few hours in all.

    So whatever was away for an hour has what waited for it half an hour later, and a day without it loses nothing.
    """

    LONGEST_WAIT = 30 * 60  # seconds
    MOST_ATTEMPTS = 60

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if getattr(exception, "is_held", False):  # a restored copy, in which nothing is sent yet (experts/sending.py)
            return RetryDecision(retry_in={"seconds": sending.WAIT})
        if not self.goes_on(job.attempts, exception):
            return None
        return RetryDecision(retry_in={"seconds": self.wait_after(job.attempts)})

    def goes_on(self, attempts: int, error: BaseException) -> bool:
        """Say whether there is a next attempt; ``attempts`` were made before the one that failed."""
        return attempts < self.MOST_ATTEMPTS and not getattr(error, "for_good", False)

    def wait_after(self, attempts: int) -> int:
        """Seconds until the next attempt; ``attempts`` were made before the one that failed."""
        return min(1 << min(attempts + 1, 30), self.LONGEST_WAIT)


def new_job(task: str, *, at: datetime | None = None, caused_by: str | None = None, **arguments: Any) -> Job:
    """Make a job of the registered task of that name, with the task's queue and priority.

    ``at`` is the instant from which it may run, by default now; ``caused_by`` the name of the request that it follows
    from, by default the one that is answered here; ``arguments`` are ids and plain values (JSON). Raises
    procrastinate's TaskNotFound for a name that no task has.
    """
    deferrer = app.configure_task(task, allow_unknown=False, schedule_at=at)
    name = request_ids.current.get() if caused_by is None else caused_by
    # A worker of before does not know it: only where such a failure is tried again.
    if name and app.tasks[task].retry_strategy is not None:
        arguments[REQUEST_ID] = name
    return deferrer.make_new_job(**arguments)


async def under_its_request(do: Callable[[], Awaitable[Any]], context: JobContext, worker: object) -> Any:
    """A middleware of workers: does a job under the name of the request that caused it, and counts what came of it."""
    name = str(context.job.task_kwargs.pop(REQUEST_ID, ""))
    with request_ids.under(name):
        try:
            result = await do()
        except Exception:
            metrics.jobs.labels(context.job.task_name, "failed").inc()
            raise
    metrics.jobs.labels(context.job.task_name, "done").inc()
    return result


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
