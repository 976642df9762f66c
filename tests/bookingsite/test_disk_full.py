"""A disk that is really full, under PostgreSQL: what people are told, what is written, and what operators see."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from django.db import connection

from bookingsite.devserver import paths
from experts.models import Slot
from tests.cast import make_slot
from tests.database import address_of
from tests.http import Visitor, ask
from tests.live import LiveSite
from tests.private_postgres import PrivatePostgres

pytestmark = pytest.mark.processes
KILOBYTES = 8 * 1024
QUEUES = ("procrastinate_jobs", "bookings_outboxmail")


@pytest.fixture
def small_disk():
    """A disk of a few megabytes, where PostgreSQL may write."""
    folder = Path(tempfile.mkdtemp())
    options = f"size={KILOBYTES}k,mode=777"
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        folder.rmdir()
        pytest.skip("only root may mount a disk; make chaos has PostgreSQL say that it is full")
    folder.chmod(0o777)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
    folder.rmdir()


@pytest.fixture
def postgres(small_disk, tmp_path, transactional_db):
    """One whose queues are on the small disk."""
    make_slot(capacity=9)
    postgres = PrivatePostgres(tmp_path / "postgres")
    postgres.fill(address_of(connection.settings_dict["NAME"]))
    space = small_disk / "space"
    space.mkdir()
    shutil.chown(space, paths.server_user().pw_uid)
    postgres.execute(f"CREATE TABLESPACE small LOCATION '{space}'")
    for table in QUEUES:
        postgres.execute(f"ALTER TABLE {table} SET TABLESPACE small")
    yield postgres
    postgres.remove()


def fill(disk: Path) -> Path:
    """Take all the room that is left. Returns the file that does."""
    with (file := disk / "rest").open("wb") as rest, pytest.raises(OSError, match="No space left on device"):
        while True:
            os.write(rest.fileno(), bytes(4096))
    return file


def doctor(url: str) -> list[str]:
    """What it finds wrong with PostgreSQL's disks."""
    command = [sys.executable, "manage.py", "doctor", "--only", "disks", "--json"]
    environ = os.environ | {"DATABASE_URL": url}
    said = subprocess.run(command, cwd=paths.BASE_DIR, env=environ, capture_output=True, text=True, check=False).stdout
    return [it["text"] for it in json.loads(said)["findings"] if it["level"] == "wrong" and "tablespace" in it["text"]]


def test_a_full_disk_writes_nothing_is_said_as_it_is_and_is_over_by_itself(
    small_disk, postgres, tmp_path, worker_database
):
    site = LiveSite(tmp_path / "site.log", worker_database, "web", DATABASE_URL=postgres.url)

    def book() -> tuple[int | str, dict, bool]:
        sent = json.dumps({"name": "Lena Fischer", "email": "lena@example.com"})
        told = ask(site.port, "POST", f"/api/v1/slots/{slot.pk}/book", sent, {"Content-Type": "application/json"})
        return told.status, json.loads(told.body), "retry-after" in told.headers

    def bookings() -> int:
        return postgres.execute("SELECT count(*) FROM bookings_booking WHERE status <> 'held'")[0][0]

    slot = Slot.objects.get()
    try:
        visitor = Visitor(site.url)
        form = visitor.open_form(slot)
        rest = fill(small_disk)
        for _time in range(3):
            status, said, may_retry = book()
            assert (status, may_retry) == (503, True)
            assert "on our side" in json.dumps(said)
        page = visitor.confirm(slot, form)
        assert page.status == 503
        assert "on our side" in page.body
        assert "Many people" not in page.body
        assert bookings() == 0
        assert postgres.execute("SELECT seats_booked FROM experts_slot") == [(0,)]
        # What operators see.
        lines = [line for line in site.log.read_text().splitlines() if "Requests are refused" in line]
        assert len(lines) == 1
        assert "the disk of PostgreSQL is full" in lines[0]
        told = json.loads(ask(site.port, "GET", "/readyz").body)
        assert told["parts"]["refusals"]["why"] == "refused in the last minute: the disk of PostgreSQL is full"
        assert ["“small”: the disk of PostgreSQL is full" in text for text in doctor(postgres.url)] == [True]
        # The control: somebody makes room, and nothing has to be started again.
        rest.unlink()
        assert book()[0] == 201
        assert bookings() == 1
        assert len(postgres.execute("SELECT FROM bookings_outboxmail")) == 1
        assert doctor(postgres.url) == []
    finally:
        site.stop()
