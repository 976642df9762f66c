"""`make test`: every check in turn, each with the time it took. The first that fails ends it."""

import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

from bookingsite import startup
from bookingsite.devserver import paths, processes, servers

PYTHON = sys.executable
PYTEST = ["-m", "pytest", "-n", "auto", *sys.argv[1:]]
PHASES = {
    "ruff check": [PYTHON, "-m", "ruff", "check", "--quiet"],
    "ruff format": [PYTHON, "-m", "ruff", "format", "--check", "--quiet"],
    "types": [PYTHON, "-m", "mypy", "--no-error-summary"],
    "imports": [str(Path(PYTHON).with_name("lint-imports")), "--no-cache"],
    "migrations": [PYTHON, "manage.py", "makemigrations", "--check", "--dry-run"],
    "check --deploy": [PYTHON, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
    "chromium": [PYTHON, "-m", "tests.browser.chromium"],
    "pytest": [PYTHON, *PYTEST],
}
if os.environ.get("COVERAGE"):  # `make coverage`
    PHASES["pytest"] = [PYTHON, "-m", "coverage", "run", *PYTEST]
    PHASES["combine"] = [PYTHON, "-m", "coverage", "combine", "--quiet"]
    PHASES["coverage"] = [PYTHON, "-m", "coverage", "report"]


def main() -> int:
    start = time.monotonic()
    with servers.running_for_tests(environ=os.environ) as embedded:
        production = {
            "ENV_FILE": os.devnull,
            "DEBUG": "off",
            "SECRET_KEY": secrets.token_urlsafe(64),
            "ALLOWED_HOSTS": "bookings.example.org",
            "SITE_URL": "https://bookings.example.org",
            "TRUSTED_PROXIES": "10.0.0.0/8",
        }
        environ = os.environ | production | embedded.urls
        for name, command in PHASES.items():
            phase = time.monotonic()
            code = _run(command, environ)
            print(f"{'failed' if code else 'passed'} {time.monotonic() - phase:6.1f} s  {name}", flush=True)  # noqa: T201
            if code:
                return code
    print(f"passed {time.monotonic() - start:6.1f} s  in all")  # noqa: T201
    return 0


def _run(command: list[str], environ: dict[str, str]) -> int:
    """Run one phase. It is ended with this process, so that no test goes on without its servers."""
    return subprocess.run(
        command,
        cwd=paths.BASE_DIR,
        env=environ,
        preexec_fn=processes.die_with_parent(signal.SIGTERM),
        check=False,
    ).returncode


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # leave the `with` block, which stops the servers
    with startup.one_line_errors():
        try:
            sys.exit(main())
        except KeyboardInterrupt:
            sys.exit("Interrupted.")
