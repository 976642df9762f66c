"""Jobs belong to the transaction that causes them, also when a worker is what writes."""

import ast
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import connection, connections, transaction
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import TaskNotFound

from bookings.models import Booking, OutboxMail
from bookings.queue import defer, new_job
from bookingsite.environment import BASE_DIR
from tests.api.caller import LENA, Caller
from tests.cast import make_slot
from tests.concurrency.contention import held_table
from tests.live import site_environ


def queue(booking_id: int) -> None:
    defer("bookings.tasks.expire_booking", booking_id=booking_id)


@pytest.mark.django_db(transaction=True)
def test_nobody_sees_a_job_before_the_change_is_committed():
    with (
        psycopg.connect(site_environ(connection.settings_dict["NAME"])["DATABASE_URL"], autocommit=True) as other,
        # What a worker does for as long as it runs.
        app.replace_connector(app.connector.get_worker_connector()),
    ):
        with transaction.atomic():
            queue(1)
            assert other.execute("SELECT count(*) FROM procrastinate_jobs").fetchone() == (0,)
        assert other.execute("SELECT args->>'booking_id' FROM procrastinate_jobs").fetchall() == [("1",)]


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_is_lost_while_a_mail_is_queued_is_answered_by_503():
    slot = make_slot()

    def book():
        try:
            return Caller().post(f"/slots/{slot.pk}/book", LENA)
        finally:
            connections.close_all()

    with held_table(OutboxMail) as mails, ThreadPoolExecutor(1) as visitor:
        answer = visitor.submit(book)
        mails.wait_for(1)  # the booking is written, and its e-mail is being queued
        mails.cut_off()
        response = answer.result(60)
    assert (response.status_code, response.json()["code"]) == (503, "busy")
    assert not Booking.objects.exists()


@pytest.mark.django_db
def test_a_change_that_is_undone_leaves_no_job():
    with app.replace_connector(app.connector.get_worker_connector()), transaction.atomic():
        queue(1)
        transaction.set_rollback(True)
    assert not ProcrastinateJob.objects.exists()


def queued_names() -> dict[str, str]:
    """Every name of a task that the code queues a job for, with the file that does."""
    names = {}
    for app_folder in ("experts", "bookings", "bookingsite"):
        for path in (BASE_DIR / app_folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("defer", "new_job"):
                    # A name that is worked out while it runs could not be held against anything.
                    if isinstance(node.args[0], ast.Constant):
                        names[node.args[0].value] = str(path)
                    else:
                        assert path.name == "queue.py", f"{path} queues a job by a name that is not written there"
    return names


def test_every_name_that_is_queued_is_a_task():
    names = queued_names()
    assert len(names) >= 5
    assert {name: path for name, path in names.items() if name not in app.tasks} == {}


def test_a_name_that_no_task_has_is_refused():
    with pytest.raises(TaskNotFound):
        new_job("bookings.tasks.send_nothing")


@pytest.mark.django_db
def test_of_a_job_only_its_failure_is_noted():
    """Five rows for each booking that nobody reads; when a job was given up decides when it is deleted (cleanup.py)."""
    defer("bookings.tasks.expire_booking", booking_id=1)
    defer("bookings.tasks.expire_booking", booking_id=2, at=timezone.now())
    noted = {}
    with connection.cursor() as cursor:
        for status in ("doing", "todo", "doing", "failed"):
            cursor.execute("UPDATE procrastinate_jobs SET status = %s", [status])
            cursor.execute("SELECT type FROM procrastinate_events ORDER BY id")
            noted[status] = [kind for (kind,) in cursor.fetchall()]
    assert noted == {"doing": [], "todo": [], "failed": ["failed", "failed"]}
