import asyncio
import os

from django.core.management.base import BaseCommand, CommandError

from bookingsite import worker

NICE = 5


class Command(BaseCommand):
    help = "Do the jobs that wait in the database, until SIGTERM. While the database is away, wait for it."

    def add_arguments(self, parser):
        parser.add_argument("--queues", type=_names, metavar="NAMES", help="separated by commas; all if not given")
        parser.add_argument("--concurrency", type=int, metavar="NUMBER", help="of jobs that are done at once")
        parser.add_argument(
            "--fetch-job-polling-interval", type=float, metavar="SECONDS", help="between two looks for new jobs"
        )
        parser.add_argument("--one-shot", action="store_false", dest="wait", help="end when there is no job left")

    def handle(self, *, queues, concurrency, fetch_job_polling_interval, wait, **options):
        chosen = {
            "queues": queues,
            "concurrency": concurrency,
            "fetch_job_polling_interval": fetch_job_polling_interval,
        }
        # Whoever waits for a page or an answer comes first, where a worker shares a machine with them.
        os.nice(NICE)
        given = {name: value for name, value in chosen.items() if value is not None}
        try:
            asyncio.run(worker.work(wait=wait, **given))
        except worker.EndedError as error:
            raise CommandError(str(error)) from error


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]
