"""`make pgbouncer-test`: the tests of what is written and read, with PgBouncer in transaction mode before PostgreSQL.

Each transaction has a session of its own, which ends with it: whatever needs more than a transaction fails. Browsers,
crowds and programs of ours are left out: those tests hold locks in sessions of their own.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bookingsite import startup
from bookingsite.devserver import paths, servers
from tests.cluster.pgbouncer import PgBouncer

# Two tests look at the plans that a session keeps.
KEPT_BY_SESSIONS = "not keeps_the_plan and not known_when_it_is_planned"
TESTS = ["tests/api", "tests/bookings", "tests/bookingsite", "tests/experts"]


def main() -> int:
    with servers.running_for_tests(environ=os.environ) as embedded, tempfile.TemporaryDirectory() as folder:
        bouncer = PgBouncer(Path(folder), embedded.urls["DATABASE_URL"])
        try:
            bouncer.ask("SET server_lifetime = 0")
            environ = (
                os.environ | embedded.urls | {"DATABASE_URL": bouncer.url_of(paths.NAME), "DATABASE_PREPARED": "off"}
            )
            # In one process: several make their databases under a lock of a session.
            chosen = ["-m", "not processes", "-k", KEPT_BY_SESSIONS, *(sys.argv[1:] or TESTS)]
            command = [sys.executable, "-m", "pytest", "-n", "0", *chosen]
            return subprocess.run(command, cwd=paths.BASE_DIR, env=environ, check=False).returncode
        finally:
            bouncer.remove()


if __name__ == "__main__":
    with startup.one_line_errors():
        sys.exit(main())
