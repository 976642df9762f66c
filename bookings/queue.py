"""Jobs that belong to a transaction of Django's."""

import logging
from datetime import datetime

from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.jobs import Job
from procrastinate.manager import JobManager
from procrastinate.tasks import Task

logger = logging.getLogger(__name__)


def defer(task: Task, *, at: datetime | None = None, **arguments) -> None:
    """Queue a job in the transaction that is open here: it is there when that is committed, or never.

    Also inside a worker, where ``task.defer()`` would go through procrastinate's own connection: the job would be there
    before the change that causes it, and stay when that is rolled back.
    """
    defer_jobs([task.configure(schedule_at=at).make_new_job(**arguments)])


def defer_jobs(jobs: list[Job]) -> None:
    """As ``defer``, for several in one statement."""
    JobManager(DjangoConnector()).batch_defer_jobs(jobs)
    logger.debug("Queued %s", ", ".join(job.call_string for job in jobs))
