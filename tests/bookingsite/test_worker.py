"""The real worker and a real PostgreSQL that goes away and comes back."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from procrastinate.schema import SchemaManager

from bookingsite.devserver import paths, processes
from bookingsite.worker import Pulse
from tests.private_postgres import PrivatePostgres

pytestmark = pytest.mark.processes
AWAY = "The database does not answer"
BACK = "The database answers again."
SECONDS = 60
# Of ours, that a worker writes to whatever its queues are.
TABLES = (
    "CREATE TABLE bookings_leftbehind (job_id bigint PRIMARY KEY, times int, last_at timestamptz DEFAULT now())",
    "CREATE TABLE bookings_workersign (name text PRIMARY KEY, queues text, version text,"
    " started_at timestamptz DEFAULT now(), seen_at timestamptz DEFAULT now())",
)


@pytest.fixture(scope="module")
def _lasting_postgres(tmp_path_factory):
    """One for all tests of this file: to make it takes longer than most of them."""
    postgres = PrivatePostgres(tmp_path_factory.mktemp("postgres"))
    yield postgres
    postgres.remove()


@pytest.fixture
def postgres(_lasting_postgres):
    """One that runs, with the tables of the queue and no rows."""
    if _lasting_postgres.process.poll() is not None:  # a test that failed has left it so
        _lasting_postgres.stop()
        _lasting_postgres.start()
    _lasting_postgres.execute("DROP SCHEMA public CASCADE")
    _lasting_postgres.execute("CREATE SCHEMA public")
    _lasting_postgres.execute(SchemaManager.get_schema())
    for table in TABLES:
        _lasting_postgres.execute(table)
    return _lasting_postgres


class Worker:
    """``manage.py worker`` as in the Procfile, but for a queue of the tests' own, where it looks more often.

    Without Django's checks, which are a third of its start.
    """

    def __init__(self, url: str, log):
        self.log = log
        options = ["--skip-checks", "--queues=tests", "--fetch-job-polling-interval=0.05"]
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "worker", *options],
                cwd=paths.BASE_DIR,
                env=os.environ | {"DATABASE_URL": url},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=processes.die_with_parent(signal.SIGKILL),  # noqa: PLW1509 (it makes one system call)
            )

    def wait_for_line(self, text: str, count: int = 1) -> None:
        self.wait_for(lambda: self.log.read_text().count(text) >= count)

    def wait_for(self, condition) -> None:
        assert processes.wait_until(lambda: self.process.poll() is not None or condition(), seconds=SECONDS)
        assert self.process.poll() is None, f"It has ended:\n{self.log.read_text()}"

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(SECONDS)


@pytest.fixture
def worker(postgres, tmp_path):
    worker = Worker(postgres.url, tmp_path / "worker.log")
    yield worker
    worker.process.kill()
    worker.process.wait()


def assert_it_works(postgres, worker) -> None:
    """A job that is added now is done, and then deleted."""
    add_job(postgres)
    worker.wait_for(lambda: not jobs(postgres))


def add_job(postgres, status: str = "todo", worker_id: int | None = None) -> None:
    postgres.execute(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, worker_id)"
        " VALUES ('tests', 'bookings.tasks.recover', '{\"timestamp\": 0}', %s, %s)",
        status,
        worker_id,
    )


def jobs(postgres) -> list[tuple]:
    return postgres.execute("SELECT id, status FROM procrastinate_jobs WHERE queue_name = 'tests'")


def test_it_waits_for_the_database_and_goes_on(postgres, worker):
    assert_it_works(postgres, worker)
    for times in (1, 2):
        postgres.stop()
        worker.wait_for_line(AWAY, times)
        postgres.start()
        worker.wait_for_line(BACK, times)
        assert_it_works(postgres, worker)
    assert worker.stop() == 0
    assert len(worker.log.read_text().splitlines()) == 4, worker.log.read_text()


def test_started_before_the_database_it_waits_as_well(postgres, tmp_path):
    postgres.stop()
    worker = Worker(postgres.url, tmp_path / "worker.log")
    try:
        worker.wait_for_line(AWAY)
        postgres.start()
        assert_it_works(postgres, worker)
        assert worker.stop() == 0
    finally:
        worker.process.kill()


def test_it_can_be_stopped_while_the_database_is_away(postgres, worker):
    assert_it_works(postgres, worker)
    postgres.stop()
    worker.wait_for_line(AWAY)
    assert worker.stop() == 0
    [line] = worker.log.read_text().splitlines()
    assert AWAY in line


def test_a_job_whose_handing_over_was_cut_off_is_done_afterwards(postgres, worker):
    """The database has noted who does it, and its answer was lost with the connection."""
    assert_it_works(postgres, worker)
    [(before,)] = postgres.execute("SELECT id FROM procrastinate_workers")
    add_job(postgres, status="doing", worker_id=before)
    postgres.stop()
    worker.wait_for_line(AWAY)
    postgres.start()
    worker.wait_for(lambda: not postgres.execute("SELECT FROM procrastinate_workers WHERE id = %s", before))
    add_job(postgres)  # due every minute: it looks for what was left behind
    worker.wait_for(lambda: not jobs(postgres))


def test_a_program_that_does_not_fit_the_database_is_told_apart(postgres, tmp_path):
    """Nothing to wait for: the tables are missing."""
    postgres.execute("DROP TABLE procrastinate_workers CASCADE")
    worker = Worker(postgres.url, tmp_path / "worker.log")
    assert worker.process.wait(SECONDS) != 0
    assert AWAY not in worker.log.read_text()


def test_it_writes_down_that_it_lives_and_that_it_has_ended(postgres, worker):
    worker.wait_for(lambda: postgres.execute("SELECT FROM bookings_workersign"))
    [(name, queues)] = postgres.execute("SELECT name, queues FROM bookings_workersign")
    assert name.endswith(f":{worker.process.pid}")
    assert queues == "tests"
    assert worker.stop() == 0
    assert not postgres.execute("SELECT FROM bookings_workersign")


def test_one_whose_loop_stands_still_gives_no_sign(monkeypatch):
    """Though its threads go on."""
    written, stop = [], threading.Event()
    pulse = Pulse(["mail"])
    monkeypatch.setattr(pulse, "_write", lambda write: (written.append(write), stop.set()))
    pulse._beat_at -= Pulse.STOPPED_AFTER
    monkeypatch.setattr(stop, "wait", lambda seconds: stop.set())
    pulse.keep_signing(stop)
    assert len(written) == 1  # that it has ended
