"""What is measured, on loopback: PostgreSQL and Valkey as on a laptop, the product as its Procfile runs it, and peers.

Everything is started here and ended with the block that started it.
"""

import contextlib
import http.client
import importlib.metadata
import json
import os
import re
import resource
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psutil
import psycopg

from bookingsite.devserver import processes
from bookingsite.devserver.paths import BASE_DIR

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
INSTALLED = BASE_DIR / ".data" / "bench"  # peers from the package index; kept from run to run
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


@dataclass
class Site:
    """Somebody's running processes, and the port that answers for them; ``ports`` has those of all who listen."""

    port: int
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def everybody(self, name: str = "") -> list[psutil.Process]:
        """All processes, or those of one name, with what they have started."""
        found: list[psutil.Process] = []
        for known, started in self.processes.items():
            if name in ("", known):
                with contextlib.suppress(psutil.Error):
                    parent = psutil.Process(started.pid)
                    found += [parent, *parent.children(recursive=True)]
        return found

    def pause(self) -> None:
        """Make all stand still, so that whoever else is measured has the machine alone."""
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        self._send(signal.SIGCONT)

    def _send(self, number: int) -> None:
        for one in self.everybody():
            with contextlib.suppress(psutil.Error):
                one.send_signal(number)

    def cpu(self, name: str = "") -> float:
        """Seconds that all, or those of one name, have taken so far."""
        return cpu_seconds(self.everybody(name))

    def memory(self, name: str) -> float:
        """Megabytes of the processes of one name; what several share is counted once."""
        total = 0
        for one in self.everybody(name):
            with contextlib.suppress(psutil.Error):
                memory = one.memory_full_info()
                total += getattr(memory, "pss", memory.uss)
        return total / 1e6

    def unshared(self, name: str) -> int:
        """Bytes that the processes of one name have for themselves."""
        return sum(one.memory_full_info().uss for one in self.everybody(name))


def cpu_seconds(found: list[psutil.Process]) -> float:
    """CPU seconds of processes and of those that they have started and that have ended."""
    total = 0.0
    for one in found:
        with contextlib.suppress(psutil.Error):
            times = one.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def start(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a program that ends with this process, however that ends. From the main thread only.

    Each has a process group of its own: when this process is killed, the kernel wakes the groups in which somebody
    stands still, who would never hear otherwise that they are to end. Ctrl-C is for this process alone.
    """
    dies = processes.die_with_parent(signal.SIGTERM)
    return subprocess.Popen(command, preexec_fn=dies, process_group=0, **options)  # noqa: PLW1509 (one system call)


@contextlib.contextmanager
def process(name: str, command: list[str], logs: Path, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the block ends; what it says goes to ``logs``/name.log."""
    with (logs / f"{name}.log").open("a") as output:
        started = start(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **options)
    try:
        yield started
    finally:
        processes.stop(started, signal.SIGTERM)


def run(command: list[str], *, seconds: float = 300, **options: Any) -> str:
    """Run a program to its end and return what it prints. Raises RuntimeError with what it complains about."""
    text = options.pop("input", "").encode()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    started = start(command, **pipes, **options)
    try:
        output, complaint = started.communicate(text, timeout=seconds)
    finally:
        processes.stop(started, signal.SIGTERM, seconds=5)
    if started.returncode:
        raise RuntimeError(f"{Path(command[0]).name} {command[1]} failed:\n{complaint.decode(errors='replace')}")
    return output.decode()


def wait_for(port: int, path: str, started: subprocess.Popen[bytes], *, seconds: float = 60) -> None:
    """Wait until whoever listens there answers, whatever it says."""

    def answers() -> bool:
        if started.poll() is not None:
            raise RuntimeError(f"{started.args} has ended")
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


def procfile() -> dict[str, str]:
    """The lines of the Procfile by name, without the one that prepares a release; on loopback."""
    lines = [line.partition(":") for line in (BASE_DIR / "Procfile").read_text().splitlines() if line[:1] != "#"]
    return {name: command.strip().replace("0.0.0.0", "127.0.0.1") for name, _, command in lines if name != "release"}


def words(command: str, port: int, environ: dict[str, str]) -> list[str]:
    """A line of the Procfile as arguments, its variables filled in; the program is that of this environment."""
    values = os.environ | environ | {"PORT": str(port)}
    filled = re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: values.get(found[1], found[2]), command)
    program, *arguments = shlex.split(filled)
    return [sys.executable if program == "python" else str(BIN / program), *arguments]


@contextlib.contextmanager
def product(logs: Path, environ: dict[str, str], *, only: str = "") -> Iterator[Site]:
    """All processes of the Procfile, each once, or ``only`` one, on the database and Valkey of ``environ``."""
    site = Site(free_port())
    with contextlib.ExitStack() as stack:
        stack.callback(site.resume)  # before they are asked to end: who stands still does not hear it
        for name, command in procfile().items():
            if only in ("", name):
                port = site.ports[name] = site.port if name == "web" else free_port()
                arguments = words(command, port, environ)
                options: dict[str, Any] = {"cwd": BASE_DIR, "env": os.environ | environ}
                site.processes[name] = stack.enter_context(process(name, arguments, logs, **options))
        stack.callback(site.resume)
        for name in {"web", "live"} & site.processes.keys():
            wait_for(site.ports[name], "/healthz", site.processes[name])
        yield site


@contextlib.contextmanager
def websockets_peer(logs: Path) -> Iterator[Site]:
    """The bare server of sockets, which says to all what one of them says."""
    port = free_port()
    command = [sys.executable, str(HERE / "peers" / "websockets" / "server.py"), str(port)]
    with process("websockets", command, logs) as peer:
        site = Site(port, {"live": port}, {"live": peer})
        wait_for(port, "/", peer)
        try:
            yield site
        finally:
            site.resume()


@contextlib.contextmanager
def express(logs: Path, database_url: str) -> Iterator[Site]:
    """The bare Express server on the database named there."""
    folder, port = HERE / "peers" / "express", free_port()
    run(["npm", "ci", "--silent", "--no-fund", "--no-audit"], cwd=folder)
    with process("express", ["node", "server.mjs"], logs, cwd=folder, env=os.environ | pg(database_url, port)) as node:
        site = Site(port, {"web": port}, {"web": node})
        wait_for(port, "/", node)
        try:
            yield site
        finally:
            site.resume()


@contextlib.contextmanager
def plain_django(logs: Path, database_url: str) -> Iterator[Site]:
    """What Express is asked to do in plain Django, behind the usual worker of the server that `web` has."""
    folder, port = HERE / "peers" / "django", free_port()
    command = [str(BIN / "gunicorn"), "app:application", "--bind", f"127.0.0.1:{port}", "--no-control-socket"]
    command += ["--worker-class", "gthread", "--workers", "2", "--threads", "64"]
    with process("django", command, logs, cwd=folder, env=os.environ | pg(database_url)) as started:
        site = Site(port, {"web": port}, {"web": started})
        wait_for(port, "/", started)
        try:
            yield site
        finally:
            site.resume()


@contextlib.contextmanager
def django_appointment(logs: Path, environ: dict[str, str], flows: int) -> Iterator[tuple[Site, list[dict[str, Any]]]]:
    """django-appointment, from the package index, behind the server that the product's `web` uses.

    Gives the site, and as many things to book: a free time, and the cookie of a client who is logged in.
    """
    folder = HERE / "peers" / "django_appointment"
    web = procfile()["web"].replace("bookingsite.", "appointments.")
    server = shlex.split(web)[0]
    home = _installed(folder, f"{server}=={importlib.metadata.version(server)}")
    options: dict[str, Any] = {"cwd": folder, "env": os.environ | environ | {"PYTHONPATH": ""}}
    options["env"].pop("DJANGO_SETTINGS_MODULE", None)
    items = json.loads(run([str(home / "bin" / "python"), "prepare.py", str(flows)], **options).splitlines()[-1])
    port = free_port()
    _program, *arguments = words(web, port, {})
    with process("django-appointment", [str(home / "bin" / server), *arguments], logs, **options) as started:
        site = Site(port, {"web": port}, {"web": started})
        wait_for(port, "/", started)
        try:
            yield site, items
        finally:
            site.resume()


def _installed(folder: Path, *more: str) -> Path:
    """An environment of its own with a peer's requirements and ``more``, made when there is none that fits."""
    home = INSTALLED / folder.name
    wanted = "\n".join([(folder / "requirements.txt").read_text(), *more])
    if not (home / "installed").exists() or (home / "installed").read_text() != wanted:
        run([sys.executable, "-m", "venv", "--clear", str(home)])
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run([*pip, "-r", str(folder / "requirements.txt"), *more])
        (home / "installed").write_text(wanted)
    return home


def pg(database_url: str, port: int = 0) -> dict[str, str]:
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
    allow_many_connections()
    return json.loads(run(["node", str(HERE / "load" / "client.mjs"), json.dumps(order)]))


@contextlib.contextmanager
def beside(**order: Any) -> Iterator[dict[str, Any]]:
    """As ``load``, from when the block begins until it ends; what came of it is there afterwards."""
    allow_many_connections()
    command = ["node", str(HERE / "load" / "client.mjs"), json.dumps(order | {"stdin": True})]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    started, found = start(command, **pipes), dict[str, Any]()
    try:
        assert started.stderr is not None
        started.stderr.readline()  # it is connected
        yield found
        output, complaint = started.communicate(timeout=60)
        if started.returncode:
            raise RuntimeError(f"the client failed:\n{complaint.decode(errors='replace')}")
        found |= json.loads(output)
    finally:
        processes.stop(started, signal.SIGTERM, seconds=5)


def browse(**order: Any) -> dict[str, Any]:
    """Have visitors go through pages (bench/load/flow.mjs says what it takes and answers)."""
    return json.loads(run(["node", str(HERE / "load" / "flow.mjs")], input=json.dumps(order)))


def allow_many_connections() -> None:
    """As many open files as this process may have: each connection is one."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextlib.contextmanager
def cpu_of(database_url: str, site: Site | None = None) -> Iterator[dict[str, float]]:
    """CPU seconds that PostgreSQL (``postgres``) and the site (``cpu``) take within the block, and bytes of WAL."""
    taken: dict[str, float] = {}
    before = _cost(database_url, site)
    yield taken
    taken |= {kind: after - before[kind] for kind, after in _cost(database_url, site).items()}


def _cost(database_url: str, site: Site | None) -> dict[str, float]:
    with psycopg.connect(database_url) as connection:
        [(position,)] = connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchall()
    children = psutil.Process().children(recursive=True)
    postgres = [one for one in children if _name(one).startswith("postgres")]
    return {"cpu": site.cpu() if site else 0, "postgres": cpu_seconds(postgres), "wal": float(position)}


def _name(one: psutil.Process) -> str:
    try:
        return one.name()
    except psutil.Error:
        return ""


@contextlib.contextmanager
def peaks_of(site: Site, database_url: str) -> Iterator[dict[str, float]]:
    """The most megabytes of the site's `web` processes and database connections that a look every 0.2 s finds."""
    found, over = {"memory": 0.0, "connections": 0.0}, threading.Event()
    count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"

    def look() -> None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            while True:
                [(connections,)] = connection.execute(count).fetchall()
                found["connections"] = max(found["connections"], connections)
                found["memory"] = max(found["memory"], site.memory("web"))
                if over.wait(0.2):
                    return

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield found
    finally:
        over.set()
        looking.join()


def settle(site: Site | None) -> None:
    """Let what is on its way arrive, so that one run does not pay for another: until `web` has little to do.

    It takes 20 seconds at most: a crowd that was given up leaves its requests behind.
    """
    end = time.monotonic() + 20
    while True:
        before = site.cpu("web") if site else 0
        time.sleep(0.3)
        if not site or site.cpu("web") - before < 0.05 or time.monotonic() > end:
            return


@contextlib.contextmanager
def mail_sink() -> Iterator[str]:
    """A mail server that takes everything. Gives its EMAIL_URL."""
    sink = start([sys.executable, str(HERE / "load" / "sink.py")], stdout=subprocess.PIPE)
    assert sink.stdout is not None
    try:
        yield f"smtp://127.0.0.1:{int(sink.stdout.readline())}"
    finally:
        processes.stop(sink, signal.SIGTERM)
