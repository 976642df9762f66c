"""A job that kills its worker each time: after five tries nobody is given it any more, and operators are shown it."""

import signal
import subprocess
import sys

import pytest
from asgiref.sync import async_to_sync
from django.db import connection

from bookings import tasks
from bookings.models import LeftBehind
from bookingsite import health
from bookingsite.devserver import paths
from tests.live import site_environ
from tests.staff import logged_in, make_superuser

pytestmark = pytest.mark.processes
# Starts a worker for each line that it reads and says how it ended. Django is loaded once for all of them.
WORKERS = """
import os, sys
import django
django.setup()
from django.core.management import call_command
from django.db import connections
for line in sys.stdin:
    connections.close_all()
    if not (child := os.fork()):
        call_command("worker", "--skip-checks", "--queues=housekeeping", "--fetch-job-polling-interval=0.05")
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture
def start_worker(worker_database, tmp_path, transactional_db):
    """Start one that takes jobs of housekeeping, and return how it ended."""
    environ = site_environ(worker_database) | {"DJANGO_SETTINGS_MODULE": "tests.chaos.settings"}
    with (tmp_path / "worker.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", WORKERS],
            cwd=paths.BASE_DIR,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            bufsize=1,
        )

    def start() -> int:
        process.stdin.write("one\n")
        said = process.stdout.readline()
        assert said, (tmp_path / "worker.log").read_text()
        return int(said)

    yield start
    process.kill()
    process.wait()


def add_job() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args)"
            " VALUES ('housekeeping', 'tests.chaos.poison.poison', '{}') RETURNING id"
        )
        return cursor.fetchone()[0]


def minutes_pass() -> None:
    """Those who are silent have been so for long, and what is put off is due."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")
        cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = now() WHERE status = 'todo'")


def standing(job: int) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT status FROM procrastinate_jobs WHERE id = %s", [job])
        return cursor.fetchone()[0]


def test_a_job_that_kills_its_worker_is_put_aside_after_five_tries_and_shown(start_worker, monkeypatch, caplog):
    monkeypatch.setattr(health, "_last", None)
    job = add_job()
    for times in range(1, 6):
        assert start_worker() == -signal.SIGKILL
        assert standing(job) == "doing"  # nobody has said what became of it
        minutes_pass()
        async_to_sync(tasks.recover.func)(timestamp=0)
        assert LeftBehind.objects.get(job_id=job).times == times
        assert standing(job) == ("failed" if times == 5 else "todo")
    assert f"Job {job} (tests.chaos.poison.poison) was put aside: its workers died 5 times." in caplog.text
    operator = logged_in(make_superuser())
    page = operator.get("/admin/operations/").content.decode()
    assert f'id="job-{job}"' in page
    assert "Its worker died each time" in page
    assert "some jobs have failed" in page or "something needs you" in page
    # An operator who has mended the cause has it done again, with all its tries.
    operator.post("/admin/operations/", {"do": f"retry:{job}"})
    assert standing(job) == "todo"
    assert start_worker() == -signal.SIGKILL
    minutes_pass()
    async_to_sync(tasks.recover.func)(timestamp=0)
    assert standing(job) == "todo"
