"""The dump of the migrated database is good for as long as nothing changes that it depends on (tests/database.py)."""

import pytest

from bookingsite.devserver import paths
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
    before = fingerprint(project=project)
    assert before == fingerprint(project=project)
    (project / name).parent.mkdir(parents=True, exist_ok=True)
    (project / name).write_text("2")
    assert fingerprint(project=project) != before


def test_another_server_makes_another_database(project):
    assert fingerprint("PostgreSQL 17", project=project) != fingerprint("PostgreSQL 18", project=project)


def test_all_that_migrations_import_of_ours_counts():
    """Else a change there would be looked at only after somebody has emptied .pytest_cache."""
    counted = {path for pattern in DEPENDS_ON for path in paths.BASE_DIR.glob(pattern)}
    for migration in paths.BASE_DIR.glob("*/migrations/*.py"):
        for line in migration.read_text().splitlines():
            words = line.split()
            if words[:1] in (["from"], ["import"]) and words[1].split(".")[0] in ("bookings", "bookingsite", "experts"):
                assert paths.BASE_DIR / f"{words[1].replace('.', '/')}.py" in counted, f"{migration.name}: {line}"
