"""The real worker against a real mail server that is away or hangs, and killed in the middle of its work."""

import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from bookings import tasks
from bookings.models import Booking, Notification, Status
from bookingsite.devserver import paths, processes
from tests.cast import book, fresh, make_booking, make_slot
from tests.concurrency.contention import held_row
from tests.live import site_environ
from tests.smtp import MailServer

pytestmark = pytest.mark.django_db(transaction=True)
SECONDS = 40


@pytest.fixture
def server():
    server = MailServer()
    yield server
    server.stop()


@pytest.fixture
def start_worker(worker_database, server, tmp_path):
    """Start the worker as `make run` does, which only looks for jobs more often. Returns its process."""
    workers = []

    def start() -> subprocess.Popen:
        with (tmp_path / "worker.log").open("a") as output:
            worker = subprocess.Popen(
                [sys.executable, "manage.py", "worker", "--fetch-job-polling-interval", "0.05"],
                cwd=paths.BASE_DIR,
                env=site_environ(worker_database) | {"EMAIL_URL": server.url},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=processes.die_with_parent(signal.SIGKILL),  # noqa: PLW1509 (it makes one system call)
            )
        workers.append(worker)
        return worker

    yield start
    for worker in workers:
        worker.kill()
        worker.wait()


def wait_for(condition) -> None:
    assert processes.wait_until(condition, seconds=SECONDS), f"not within {SECONDS} seconds"


def kill(worker: subprocess.Popen) -> None:
    """kill -9. Its last sign of life is made an old one, instead of waiting until it is."""
    worker.kill()
    worker.wait()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'")


def job_of(kind: str) -> ProcrastinateJob | None:
    return ProcrastinateJob.objects.filter(args__kind=kind).first()


def test_a_mail_server_that_is_away_for_an_hour_loses_nothing_and_slows_no_booking(start_worker, server):
    server.mode = "refuses"
    start_worker()
    start = time.monotonic()
    booking = book(make_slot())
    assert time.monotonic() - start < 2
    passed, attempts = timedelta(0), 0
    while passed < timedelta(hours=1):
        attempts += 1
        wait_for(lambda: (job := job_of("confirmed")).status == "todo" and job.attempts >= attempts)  # noqa: B023
        job = job_of("confirmed")
        ahead = job.scheduled_at - timezone.now()
        assert ahead <= timedelta(seconds=tasks.BackOff().wait_after(job.attempts - 1))
        assert job.attempts < 8 or ahead > timedelta(minutes=4), "it backs off"
        passed += max(ahead, timedelta(0))
        with connection.cursor() as cursor:
            cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = now() WHERE id = %s", [job.pk])
    wait_for(lambda: Notification.objects.get().attempts > attempts)
    wait_for(lambda: Notification.objects.get().status == "failed")
    assert Notification.objects.get().last_error == "SMTPConnectError 421"

    server.mode = "takes"
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = now() WHERE args->>'kind' = 'confirmed'")
    wait_for(lambda: Notification.objects.get().status == "sent")
    [mail] = server.taken
    assert mail["To"] == booking.email
    assert mail["Message-ID"] == Notification.objects.get().message_id
    wait_for(lambda: job_of("confirmed") is None)


def test_killed_in_the_middle_of_a_mail_it_arrives_all_the_same(start_worker, server):
    server.mode = "hangs"
    worker = start_worker()
    booking = book(make_slot())
    wait_for(lambda: server.unanswered)
    assert Notification.objects.get().status == "sending"

    # A worker that hangs is no dead one: its job stays its own, and others are done beside it.
    beside = tasks.recover.defer(timestamp=0)
    wait_for(lambda: not ProcrastinateJob.objects.filter(pk=beside).exists())
    assert (job_of("confirmed").status, job_of("confirmed").attempts) == ("doing", 0)

    kill(worker)
    server.mode = "takes"
    start_worker()
    tasks.recover.defer(timestamp=0)  # due every minute
    wait_for(lambda: Notification.objects.get().status == "sent")
    [mail], [first] = server.taken, server.unanswered
    assert mail["Message-ID"] == first["Message-ID"] == Notification.objects.get().message_id
    assert mail["To"] == booking.email
    assert Notification.objects.get().attempts == 2
    wait_for(lambda: job_of("confirmed") is None)


@contextmanager
def nothing_can_be_queued(database: str):
    """Another session lets nobody write to the queue. ``wait()`` returns once somebody wants to add a job."""
    address = site_environ(database)["DATABASE_URL"]
    with psycopg.connect(address) as holder, psycopg.connect(address, autocommit=True) as eye:
        holder.execute("LOCK TABLE procrastinate_jobs IN SHARE MODE")
        adding = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            " AND query LIKE '%%procrastinate_defer_jobs%%'"
        )
        yield lambda: wait_for(lambda: eye.execute(adding).fetchone()[0])
        holder.rollback()


def test_killed_in_the_middle_of_expiring_it_is_done_once(start_worker, server, worker_database):
    slot = make_slot()
    booking = make_booking(slot, status=Status.PENDING, expires_at=timezone.now())
    worker = start_worker()
    with held_row(slot) as row:
        tasks.expire_booking.defer(booking_id=booking.pk)
        row.wait_for(1)
        with nothing_can_be_queued(worker_database) as wait_until_it_adds_a_job:
            row.let_go()
            wait_until_it_adds_a_job()  # the booking has been written, and nothing is committed
            kill(worker)
    assert fresh(slot).state == "full"
    assert Booking.objects.get().status == Status.PENDING
    assert not ProcrastinateJob.objects.filter(queue_name="mail").exists()

    start_worker()
    tasks.recover.defer(timestamp=0)
    wait_for(lambda: Booking.objects.get().status == Status.EXPIRED)
    wait_for(lambda: Notification.objects.filter(status="sent").exists())
    wait_for(lambda: not ProcrastinateJob.objects.filter(queue_name__in=["mail", "expiry"], status="doing").exists())
    assert [mail["To"] for mail in server.taken] == [booking.email]
    assert Notification.objects.count() == 1
    assert booking.events.filter(status=Status.EXPIRED).count() == 1
    assert fresh(slot).state == "open"
