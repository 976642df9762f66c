"""Run tests of the version before on the schema of this one: `make upgrade-test [BASE=<commit>] [TESTS="..."]`.

A working copy of the base is checked out beside this one. This version migrates PostgreSQL's template database, of
which every database is a copy: so whatever the base makes for its tests has the new schema from the start, and its own
migrations find nothing to do.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bookingsite import startup
from bookingsite.devserver import paths, servers
from tests.upgrade import BASE

# What people and programs do, and staff: books, moves, cancels, decides, holds, waits, mails.
SMOKE = (
    "tests/bookings/services/test_booking.py tests/bookings/services/test_lifecycle.py"
    " tests/bookings/services/test_holds.py tests/bookings/services/test_waitlist.py tests/bookings/views/test_book.py"
    " tests/bookings/mail/test_outbox.py tests/bookings/webhooks/test_delivery.py tests/api/test_booking.py"
    " tests/bookings/admin/test_day.py tests/experts/services/test_hours.py"
)


def main() -> int:
    base, chosen = os.environ.get("BASE") or BASE, (os.environ.get("TESTS") or SMOKE).split()
    with tempfile.TemporaryDirectory(prefix="expertbook-upgrade-") as folder:
        old = Path(folder, "base")
        done = subprocess.run(
            ["git", "worktree", "add", "--detach", "--quiet", old, base],
            cwd=paths.BASE_DIR,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            print(f"{base} is not in this clone (`git fetch --unshallow`?): {done.stderr.strip()}", file=sys.stderr)  # noqa: T201
            return 2
        try:
            return _try(old, chosen)
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", old], cwd=paths.BASE_DIR, check=False)


def _try(old: Path, tests: list[str]) -> int:
    with servers.running_for_tests(environ={}) as embedded:
        address, _slash, name = embedded.urls["DATABASE_URL"].partition("?")[0].rpartition("/")
        rest = embedded.urls["DATABASE_URL"].partition("?")[2]
        template = f"{address}/template1{f'?{rest}' if rest else ''}"
        settings = {
            "ENV_FILE": os.devnull,
            "DEBUG": "off",
            "HTTPS": "off",
            "SECRET_KEY": "upgrade-" * 8,
            "ALLOWED_HOSTS": "localhost",
        }
        around = {key: value for key, value in os.environ.items() if key not in ("BASE", "TESTS", "MAKEFLAGS")}
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--noinput", "--verbosity", "0"],
            cwd=paths.BASE_DIR,
            env=around | embedded.urls | settings | {"DATABASE_URL": template, "DATABASE_POOL": "0"},
            check=True,
        )
        print(f"Migrated as this version does ({name} follows). Now the tests of {old.name}:", flush=True)  # noqa: T201
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-n", os.environ.get("PROCESSES", "0"), *tests],
            cwd=old,
            env=around | embedded.urls,
            check=False,
        ).returncode


if __name__ == "__main__":
    with startup.one_line_errors():
        sys.exit(main())
