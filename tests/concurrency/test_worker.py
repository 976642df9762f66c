"""The real worker against a real mail server that is away or hangs, and killed in the middle of its work."""

import signal
import subprocess
import time
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from bookings import tasks
from bookings.mail.outbox import BATCH
from bookings.models import Booking, MailKind, Notification, OutboxMail, Status
from bookingsite.devserver import processes
from bookingsite.worker import SENDERS
from tests.cast import book, fresh, make_booking, make_slot
from tests.concurrency.contention import held_row
from tests.live import site_environ, start_python
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
    """Start the worker as `make run` does, which only looks for jobs more often. Returns its process.

    Without Django's checks, which are a third of its start, and which the worker of test_hold_runs_out.py goes through.
    """
    workers = []

    def start() -> subprocess.Popen:
        with (tmp_path / "worker.log").open("a") as output:
            worker = start_python(
                ["manage.py", "worker", "--skip-checks", "--fetch-job-polling-interval", "0.05"],
                worker_database,
                {"EMAIL_URL": server.url},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
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


def let_mails_be_due() -> None:
    """What was claimed, or waits for its next attempt, is due now, instead of waiting until it is."""
    OutboxMail.objects.update(due_at=timezone.now())


def queue_mails(count: int) -> set[str]:
    """Book as often, with a mail for each. The addresses."""
    slot = make_slot(capacity=count)
    bookings = [make_booking(slot) for _ in range(count)]
    OutboxMail.objects.bulk_create(OutboxMail(booking=b, kind=MailKind.CONFIRMED, sequence=0) for b in bookings)
    return {booking.email for booking in bookings}


def test_a_mail_server_that_is_away_for_an_hour_loses_nothing_and_slows_no_booking(start_worker, server):
    server.mode = "refuses"
    start_worker()
    start = time.monotonic()
    booking = book(make_slot())
    assert time.monotonic() - start < 2
    passed, attempts = timedelta(0), 0

    def ahead() -> timedelta | None:
        """How long after the last attempt the next is due; None while that is not settled."""
        mail, logged = OutboxMail.objects.get(), Notification.objects.first()
        if logged is None or (logged.attempts, logged.status, mail.attempts) != (attempts, "failed", attempts):
            return None
        due = mail.due_at - logged.last_attempt_at
        expected = timedelta(seconds=tasks.BackOff().wait_after(attempts - 1))
        return due if expected <= due < expected + timedelta(seconds=SECONDS) else None

    while passed < timedelta(hours=1):
        attempts += 1
        wait_for(ahead)
        passed += ahead()
        let_mails_be_due()
    assert attempts > 8, "it backs off"
    attempts += 1
    wait_for(ahead)  # until the worker has put it off: what is made due before that would be put off after it
    assert Notification.objects.get().last_error == "SMTPConnectError 421"

    server.mode = "takes"
    let_mails_be_due()
    wait_for(lambda: Notification.objects.get().status == "sent")
    [mail] = server.taken
    assert mail["To"] == booking.email
    assert mail["Message-ID"] == Notification.objects.get().message_id
    wait_for(lambda: not OutboxMail.objects.exists())


def test_killed_in_the_middle_of_a_mail_it_arrives_all_the_same(start_worker, server):
    server.mode = "hangs"
    worker = start_worker()
    booking = book(make_slot())
    wait_for(lambda: server.unanswered)
    assert Notification.objects.get().status == "sending"

    # A worker that hangs is no dead one: its mail stays its own, and jobs are done beside it.
    beside = tasks.recover.defer(timestamp=0)
    wait_for(lambda: not ProcrastinateJob.objects.filter(pk=beside).exists())
    mail = OutboxMail.objects.get()
    assert mail.attempts == 1
    assert mail.due_at > timezone.now() + timedelta(minutes=1)

    kill(worker)
    let_mails_be_due()
    server.mode = "takes"
    start_worker()
    wait_for(lambda: Notification.objects.get().status == "sent")
    [mail], [first] = server.taken, server.unanswered
    assert mail["Message-ID"] == first["Message-ID"] == Notification.objects.get().message_id
    assert mail["To"] == booking.email
    assert Notification.objects.get().attempts == 2
    wait_for(lambda: not OutboxMail.objects.exists())


def test_killed_in_the_middle_of_many_all_arrive_and_few_of_them_twice(start_worker, server):
    server.most = 70
    addresses = queue_mails(120)
    worker = start_worker()
    wait_for(lambda: server.unanswered)
    kill(worker)
    let_mails_be_due()
    server.most = None
    start_worker()
    wait_for(lambda: not OutboxMail.objects.exists())
    assert {mail["To"] for mail in server.taken} == addresses
    by_id = Counter(mail["Message-ID"] for mail in server.taken)
    assert len(by_id) == 120
    assert set(by_id.values()) == {1, 2}
    assert sum(by_id.values()) - 120 <= SENDERS * BATCH
    assert set(Notification.objects.values_list("status", flat=True)) == {"sent"}


def test_two_workers_share_the_mails_and_none_is_sent_twice(start_worker, server):
    addresses = queue_mails(300)
    for _ in range(2):
        start_worker()
    wait_for(lambda: not OutboxMail.objects.exists())
    assert sorted(mail["To"] for mail in server.taken) == sorted(addresses)
    assert set(Notification.objects.values_list("status", "attempts")) == {("sent", 1)}


def test_asked_to_stop_it_leaves_the_rest_to_others(start_worker, server):
    addresses = queue_mails(300)
    worker = start_worker()
    wait_for(lambda: server.taken)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(SECONDS) == 0
    assert OutboxMail.objects.filter(due_at__gt=timezone.now()).count() == 0, "it has finished what it had claimed"
    start_worker()
    wait_for(lambda: not OutboxMail.objects.exists())
    assert sorted(mail["To"] for mail in server.taken) == sorted(addresses)


def sessions() -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
        return {pid for (pid,) in cursor.fetchall()}


def test_without_its_connection_to_the_database_it_waits_and_goes_on(start_worker, server):
    others = sessions()  # a site that other tests share has some
    start_worker()
    for count in (1, 2):
        book(make_slot())
        wait_for(lambda: len(server.taken) == count)  # noqa: B023
        wait_for(lambda: not OutboxMail.objects.exists())
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s) AS pid", [list(sessions() - others)])


@contextmanager
def nothing_can_be_queued(database: str):
    """Another session lets nobody write to the outbox. ``wait()`` returns once somebody wants to add a mail."""
    address = site_environ(database)["DATABASE_URL"]
    with psycopg.connect(address) as holder, psycopg.connect(address, autocommit=True) as eye:
        holder.execute("LOCK TABLE bookings_outboxmail IN SHARE MODE")
        adding = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            " AND query LIKE 'INSERT INTO bookings_outboxmail%%'"
        )
        yield lambda: wait_for(lambda: eye.execute(adding).fetchone()[0])
        holder.rollback()


def test_killed_in_the_middle_of_expiring_it_is_done_once(start_worker, server, worker_database):
    slot = make_slot()
    booking = make_booking(slot, status=Status.PENDING, expires_at=timezone.now())
    with held_row(slot) as row:
        worker = start_worker()
        row.wait_for(1)
        with nothing_can_be_queued(worker_database) as wait_until_it_adds_a_mail:
            row.let_go()
            wait_until_it_adds_a_mail()  # the booking has been written, and nothing is committed
            kill(worker)
    assert fresh(slot).state == "full"
    assert Booking.objects.get().status == Status.PENDING
    assert not OutboxMail.objects.exists()

    start_worker()
    wait_for(lambda: Booking.objects.get().status == Status.EXPIRED)
    wait_for(lambda: Notification.objects.filter(status="sent").exists())
    wait_for(lambda: not OutboxMail.objects.exists())
    assert [mail["To"] for mail in server.taken] == [booking.email]
    assert Notification.objects.count() == 1
    assert booking.events.filter(status=Status.EXPIRED).count() == 1
    assert fresh(slot).state == "open"
