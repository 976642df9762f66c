"""The migrated database that is kept is good for as long as nothing changes that it depends on (tests/database.py)."""

import os

import psycopg
import pytest

from bookingsite.devserver import paths, servers
from tests import database
from tests.database import DEPENDS_ON, fingerprint


@pytest.fixture
def project(tmp_path):
    for name in ("bookings/migrations/0001_initial.py", "experts/models/slot.py", "experts/validators.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1")
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        "bookings/migrations/0001_initial.py",
        "bookings/migrations/0002_new.py",
        "experts/models/slot.py",
        "experts/models/new/deeper.py",
        "experts/validators.py",
        "bookingsite/settings.py",
    ],
)
def test_what_migrations_read_makes_another_database(project, name):
    before = fingerprint(project)
    assert before == fingerprint(project)
    (project / name).parent.mkdir(parents=True, exist_ok=True)
    (project / name).write_text("2")
    assert fingerprint(project) != before


def test_all_that_migrations_import_of_ours_counts():
    """Else a change there would be looked at only after somebody has removed what is kept."""
    counted = {path for pattern in DEPENDS_ON for path in paths.BASE_DIR.glob(pattern)}
    for migration in paths.BASE_DIR.glob("*/migrations/*.py"):
        for line in migration.read_text().splitlines():
            words = line.split()
            if words[:1] in (["from"], ["import"]) and words[1].split(".")[0] in ("bookings", "bookingsite", "experts"):
                assert paths.BASE_DIR / f"{words[1].replace('.', '/')}.py" in counted, f"{migration.name}: {line}"


def test_a_run_begins_with_what_an_earlier_one_has_kept(new_checkout, monkeypatch):
    """Whole, closed to others, and once: what is kept of before makes room."""
    monkeypatch.setattr(paths, "BASE_DIR", new_checkout)
    home = paths.home_of(new_checkout)
    with servers.running_for_tests(environ={}, checkout=new_checkout) as first:
        monkeypatch.setitem(os.environ, "DATABASE_URL", first.urls["DATABASE_URL"])
        with psycopg.connect(first.urls["DATABASE_URL"], autocommit=True) as connection:
            connection.execute("CREATE TABLE rows AS SELECT generate_series(1, 9) AS number")
        for name in ("migrated-before", "migrated-now"):
            database._keep(name)
        assert [path.name for path in home.glob("migrated-*")] == ["migrated-now"]
        assert (home / "migrated-now").stat().st_mode & 0o777 == 0o700
    for _ in range(2):  # what a run does to its copy is not in the next one
        with (
            servers.running_for_tests(environ={}, checkout=new_checkout, data=home / "migrated-now") as later,
            psycopg.connect(later.urls["DATABASE_URL"]) as connection,
        ):
            assert connection.execute("SELECT count(*) FROM rows").fetchone() == (9,)
            connection.execute("DELETE FROM rows")


def test_what_was_kept_and_is_gone_is_made_anew(new_checkout):
    gone = paths.home_of(new_checkout) / "migrated-gone"
    with (
        servers.running_for_tests(environ={}, checkout=new_checkout, data=gone) as embedded,
        psycopg.connect(embedded.urls["DATABASE_URL"]) as connection,
    ):
        assert connection.execute("SELECT 1").fetchone() == (1,)
