"""Jobs that belong to a transaction of Django's."""

from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.jobs import Job
from procrastinate.manager import JobManager


def defer_jobs(jobs: list[Job]) -> None:
    """Queue jobs (``task.configure(...).make_new_job(...)``) in the transaction that is open here, in one statement.

    Also inside a worker, where ``task.defer()`` would go through procrastinate's own connection: the job would be there
    before the change that causes it, and stay when that is rolled back.
    """
    JobManager(DjangoConnector()).batch_defer_jobs(jobs)
