"""What is measured, on loopback: PostgreSQL and Valkey as on a laptop, the product as its Procfile runs it, and peers.

Everything is started here and ended with the block that started it.
"""

import contextlib
import http.client
import json
import os
import resource
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psutil
import psycopg

from bookingsite.devserver import processes
from bookingsite.devserver.paths import BASE_DIR

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
SETTINGS = {
    "ENV_FILE": os.devnull,
    "DEBUG": "off",
    "HTTPS": "off",
    "SECRET_KEY": "a-secret-that-only-the-bench-uses-0123456789-abcdefghijklm",
    "ALLOWED_HOSTS": "127.0.0.1,testserver",
    "RATE_LIMITS": "on",
    "TRUSTED_PROXIES": "127.0.0.0/8",  # the client names another address for each request, as a proxy would
    "DJANGO_SETTINGS_MODULE": "bookingsite.settings",
}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextlib.contextmanager
def process(name: str, command: list[str], logs: Path, **options: Any) -> Iterator[subprocess.Popen]:
    """Run a program until the block ends; what it says goes to ``logs``/name.log."""
    with (logs / f"{name}.log").open("a") as output:
        started = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=processes.die_with_parent(signal.SIGTERM),  # noqa: PLW1509 (it makes one system call)
            **options,
        )
    try:
        yield started
    finally:
        processes.stop(started, signal.SIGTERM)


def wait_for(port: int, path: str, *, seconds: float = 60) -> None:
    """Wait until whoever listens there answers, whatever it says."""

    def answers() -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            return bool(connection.getresponse().status)
        except OSError:
            return False
        finally:
            connection.close()

    if not processes.wait_until(answers, seconds=seconds):
        raise TimeoutError(f"nothing answers on port {port}")


@contextlib.contextmanager
def product(logs: Path, environ: dict[str, str]) -> Iterator[int]:
    """All processes of the Procfile, each once, on the database and Valkey of ``environ``. Gives the port of `web`."""
    ports = {"web": free_port(), "live": free_port()}
    with contextlib.ExitStack() as stack:
        for line in (BASE_DIR / "Procfile").read_text().splitlines():
            name, _, command = line.partition(":")
            if line.startswith("#") or name == "release":
                continue
            command = command.replace("0.0.0.0", "127.0.0.1")
            for variable, value in {"PORT:-8000": ports["web"], "PORT:-8001": ports["live"]}.items():
                command = command.replace(f"${{{variable}}}", str(value))
            command = command.replace("${WEB_CONCURRENCY:-2}", os.environ.get("WEB_CONCURRENCY", "2"))
            command = command.replace("${WEB_THREADS:-8}", os.environ.get("WEB_THREADS", "8"))
            program, *arguments = shlex.split(command)
            program = sys.executable if program == "python" else str(BIN / program)
            stack.enter_context(process(name, [program, *arguments], logs, cwd=BASE_DIR, env=os.environ | environ))
        wait_for(ports["web"], "/healthz")
        yield ports["web"]


@contextlib.contextmanager
def express(logs: Path, database_url: str) -> Iterator[int]:
    """The bare Express server on the database named there."""
    folder, port = HERE / "peers" / "express", free_port()
    subprocess.run(["npm", "ci", "--silent", "--no-fund", "--no-audit"], cwd=folder, check=True, capture_output=True)
    with process("express", ["node", "server.mjs"], logs, cwd=folder, env=os.environ | pg(database_url, port)):
        wait_for(port, "/")
        yield port


def pg(database_url: str, port: int) -> dict[str, str]:
    """The variables by which programs of PostgreSQL's own kind find the database of an address."""
    address = urlsplit(database_url)
    host = parse_qs(address.query).get("host", [address.hostname])[0] or "127.0.0.1"
    return {
        "PORT": str(port),
        "PGHOST": host,
        "PGPORT": str(address.port or 5432),
        "PGUSER": address.username or "",
        "PGPASSWORD": address.password or "",
        "PGDATABASE": address.path.lstrip("/"),
    }


def load(**order: Any) -> dict[str, Any]:
    """Send a load of bookings (bench/load/client.mjs says what it takes and answers)."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    command = ["node", str(HERE / "load" / "client.mjs"), json.dumps(order)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise RuntimeError(f"the client failed:\n{done.stderr}")
    return json.loads(done.stdout)


@contextlib.contextmanager
def cpu_of(database_url: str) -> Iterator[dict[str, float]]:
    """CPU seconds that PostgreSQL and Python processes of this bench took within the block."""
    taken: dict[str, float] = {}
    before = _cpu()
    wal = _wal(database_url)
    yield taken
    for kind, seconds in _cpu().items():
        taken[kind] = seconds - before.get(kind, 0)
    taken["wal"] = _wal(database_url) - wal


def _cpu() -> dict[str, float]:
    sums: dict[str, float] = {}
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            times, name = child.cpu_times(), child.name()
            command = " ".join(child.cmdline())
            kind = (
                "postgres"
                if "postgres" in name or command.startswith("postgres")
                else "node"
                if "node" in name
                else "python"
            )
            sums[kind] = sums.get(kind, 0) + times.user + times.system
    return sums


def _wal(database_url: str) -> float:
    with psycopg.connect(database_url) as connection:
        [(position,)] = connection.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchall()
    return float(position)


def settle(seconds: float = 0.5) -> None:
    """Let what is on its way arrive, so that one run does not pay for another."""
    time.sleep(seconds)


@contextlib.contextmanager
def mail_sink() -> Iterator[str]:
    """A mail server that takes everything. Gives its EMAIL_URL."""
    sink = subprocess.Popen(
        [sys.executable, str(HERE / "load" / "sink.py")],
        stdout=subprocess.PIPE,
        preexec_fn=processes.die_with_parent(signal.SIGTERM),  # noqa: PLW1509 (it makes one system call)
    )
    assert sink.stdout is not None
    try:
        yield f"smtp://127.0.0.1:{int(sink.stdout.readline())}"
    finally:
        processes.stop(sink, signal.SIGTERM)
