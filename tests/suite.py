"""`make test`: all checks that need no test run, side by side, and then the tests. Each with the time it took."""

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from bookingsite import startup
from bookingsite.devserver import paths, processes, servers

PYTHON = sys.executable
PYTEST = ["-m", "pytest", "-n", "auto", *sys.argv[1:]]
CHECKS = {
    "ruff check": [PYTHON, "-m", "ruff", "check", "--quiet"],
    "ruff format": [PYTHON, "-m", "ruff", "format", "--check", "--quiet"],
    "types": [PYTHON, "-m", "mypy", "--no-error-summary"],
    "imports": [str(Path(PYTHON).with_name("lint-imports")), "--no-cache"],
    "migrations": [PYTHON, "manage.py", "makemigrations", "--check", "--dry-run"],
    "check --deploy": [PYTHON, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
    "chromium": [PYTHON, "-m", "tests.browser.chromium"],
    "nginx, pgbouncer": [PYTHON, "-m", "tests.cluster.programs"],
}
TESTS = {"pytest": [PYTHON, *PYTEST]}
if os.environ.get("COVERAGE"):  # `make coverage`
    TESTS = {
        "pytest": [PYTHON, "-m", "coverage", "run", *PYTEST],
        "combine": [PYTHON, "-m", "coverage", "combine", "--quiet"],
        "coverage": [PYTHON, "-m", "coverage", "report"],
    }


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
        code = _check(environ) or _test(environ)
    print(f"{'failed' if code else 'passed'} {time.monotonic() - start:6.1f} s  in all")  # noqa: T201
    return code


def _check(environ: dict[str, str]) -> int:
    """Run all checks at once, and show what each says when it has ended. Returns 1 if one of them failed."""
    with tempfile.TemporaryDirectory() as folder:
        outputs = {name: Path(folder, str(number)) for number, name in enumerate(CHECKS)}
        start, running, code = time.monotonic(), [], 0
        for name, command in CHECKS.items():
            with outputs[name].open("w") as output:
                running.append((name, _start(command, environ, stdout=output, stderr=output)))
        with ThreadPoolExecutor(len(running)) as threads:
            for ended in as_completed(threads.submit(lambda one: (one[0], one[1].wait()), each) for each in running):
                name, returncode = ended.result()
                print(outputs[name].read_text(), end="")  # noqa: T201
                _report(name, start, returncode)
                code |= bool(returncode)
    return code


def _test(environ: dict[str, str]) -> int:
    """Run one after the other. Returns the code of the first that fails, which ends it."""
    for name, command in TESTS.items():
        start = time.monotonic()
        code = _start(command, environ).wait()
        _report(name, start, code)
        if code:
            return code
    return 0


def _start(command: list[str], environ: dict[str, str], **output) -> subprocess.Popen:
    """Start a process that is ended with this one, so that no test goes on without its servers."""
    return subprocess.Popen(
        command,
        cwd=paths.BASE_DIR,
        env=environ,
        preexec_fn=processes.die_with_parent(signal.SIGTERM),  # noqa: PLW1509 (it makes one system call)
        **output,
    )


def _report(name: str, start: float, code: int) -> None:
    print(f"{'failed' if code else 'passed'} {time.monotonic() - start:6.1f} s  {name}", flush=True)  # noqa: T201


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # leave the `with` block, which stops the servers
    with startup.one_line_errors():
        try:
            sys.exit(main())
        except KeyboardInterrupt:
            sys.exit("Interrupted.")
