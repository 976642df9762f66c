"""The operators' page: what it shows, what it does, and for whom."""

import pytest
from django.db import connection
from psycopg import errors

from bookings.models import LeftBehind
from bookings.services import jobs
from bookingsite import health
from experts import outages
from experts.models import Role
from experts.services import record_backup
from tests.cast import make_organization
from tests.staff import logged_in, make_member, make_superuser, messages_of

URL = "/admin/operations/"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _look_again(monkeypatch):
    monkeypatch.setattr(health, "_last", None)
    monkeypatch.setattr(health, "_KEPT_SECONDS", -1.0)
    monkeypatch.setattr(outages, "_seen", {})


def add_job(status: str = "failed", task: str = "bookings.tasks.deliver_webhook", queue: str = "webhooks") -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, attempts)"
            ' VALUES (%s, %s, \'{"delivery_id": 7, "of_request": "r-1"}\', %s, 3) RETURNING id',
            [queue, task, status],
        )
        return cursor.fetchone()[0]


def status_of(job_id: int) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT status FROM procrastinate_jobs WHERE id = %s", [job_id])
        return cursor.fetchone()[0]


def test_it_is_for_superusers_alone(client):
    owner = logged_in(make_member(make_organization(), Role.OWNER))
    job = add_job()
    for verb in (owner.get, owner.post):
        assert verb(URL, {"do": f"retry:{job}"}).status_code == 403
    assert client.get(URL).status_code == 302
    assert status_of(job) == "failed"
    assert URL not in owner.get("/admin/day/").content.decode()


@pytest.mark.django_db(transaction=True)
def test_it_tells_what_works_what_waits_and_what_has_failed():
    jobs.sign(name="machine:7", queues=["mail", "expiry"], version="abc123")
    add_job()
    add_job(status="todo", task="bookings.tasks.remind", queue="mail")
    page = logged_in(make_superuser()).get(URL).content.decode()
    assert "People can book, and something needs you" in page
    assert "Nobody works: Housekeeping and Webhooks" in page
    assert "machine:7" in page
    assert "abc123" in page
    assert "<code>delivery_id 7</code> · request <code>r-1</code>" in " ".join(page.split())
    assert "None yet known" in page
    assert URL in page  # the menu


def test_it_does_not_say_that_people_can_book_where_they_were_refused():
    outages.busy_for(errors.DiskFull())
    page = logged_in(make_superuser()).get(URL).content.decode()
    assert "Requests were refused in the last minute" in page
    assert "<code>refused in the last minute: the disk of PostgreSQL is full</code>" in page
    assert "People can book" not in page


def test_a_failed_job_is_tried_again_or_put_aside():
    operator = logged_in(make_superuser())
    again, aside = add_job(), add_job()
    LeftBehind.objects.create(job_id=again, times=5)
    answer = operator.post(URL, {"do": f"retry:{again}"})
    assert (answer.status_code, messages_of(answer)) == (303, ["The job is tried again."])
    assert status_of(again) == "todo"
    assert not LeftBehind.objects.exists()  # it has all its tries again
    assert messages_of(operator.post(URL, {"do": f"aside:{aside}"}))[-1] == "The job is put aside."
    assert status_of(aside) == "cancelled"
    # A second click, or a colleague.
    for verb in ("retry", "aside"):
        said = messages_of(operator.post(URL, {"do": f"{verb}:{aside}"}))
        assert said[-1] == "Somebody has done something with this job already."
    for nonsense in ("", "delete:1", "retry:", "retry:x", f"retry:{'9' * 30}"):
        assert operator.post(URL, {"do": nonsense}).status_code == 404


def test_a_job_that_kills_its_workers_is_put_aside_after_five_and_shown():
    job, beside = add_job(status="doing"), add_job(status="doing")
    for times in range(1, 6):
        assert jobs.take_back(job_id=job) is (times == 5)
        assert status_of(job) == ("failed" if times == 5 else "todo")
        with connection.cursor() as cursor:  # the next worker takes it, and dies
            cursor.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s AND status = 'todo'", [job])
    assert jobs.take_back(job_id=beside) is False
    assert status_of(beside) == "todo"
    assert jobs.take_back(job_id=beside) is False  # it is not being done: nothing is counted
    assert LeftBehind.objects.get(job_id=beside).times == 1
    assert "Its worker died each time" in logged_in(make_superuser()).get(URL).content.decode()


@pytest.mark.django_db(transaction=True)
def test_those_beside_it_are_done_again_apart_from_it():
    """At once the first time; later at times of their own, so that they come through between two deaths."""
    ids = [add_job(status="doing") for _number in range(20)]
    for _death in range(2):
        for job in ids:
            jobs.take_back(job_id=job)
        with connection.cursor() as cursor:
            cursor.execute("SELECT extract(epoch FROM max(scheduled_at) - min(scheduled_at)) FROM procrastinate_jobs")
            [spread] = cursor.fetchone()
            cursor.execute("UPDATE procrastinate_jobs SET status = 'doing'")
    assert spread > 5


def test_it_tells_when_the_last_backup_was_finished():
    record_backup(file="/b", size=1, seconds=1, pictures=0, is_encrypted=True)
    page = logged_in(make_superuser()).get(URL).content.decode()
    assert "Last backup" in page
    assert "None yet known" not in page
