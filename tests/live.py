"""The site as a process of its own: what browsers, sockets and crowds of clients are tested against."""

import http.client
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from bookingsite.devserver import paths, processes
from tests.database import address_of

# What listens on an open socket, whose number takes the place of {fd}: as `make run` has it, and as the Procfile has it
# for sockets.
SERVERS = {
    "daphne": ["-m", "daphne", "bookingsite.asgi:application", "--fd", "{fd}"],
    "live_server": ["-m", "bookingsite.live_server", "--fd", "{fd}"],
}
# As the Procfile has it for pages and programs; it serves no sockets.
WEB = ["-m", "gunicorn", "bookingsite.wsgi", "--threads", "4", "--no-control-socket", "--bind", "fd://{fd}"]


class LiveSite:
    """One of SERVERS, or "web", on 127.0.0.1 and a free port, on the test database of this worker.

    `url` is its address without a final slash, `log` the file of what it says. `environ` overrides settings.
    """

    def __init__(self, log: Path, database: str, server: str = "daphne", **environ: str) -> None:
        self.log = log
        self._command = WEB if server == "web" else SERVERS[server]
        self._environ = site_environ(database) | environ
        self._start()

    def _start(self, port: int = 0) -> None:
        # The process inherits a socket that already listens: no other process can take the port in between.
        with socket.create_server(("127.0.0.1", port), backlog=1024) as server:
            self.port = server.getsockname()[1]
            with self.log.open("a") as output:
                self.process = subprocess.Popen(
                    [sys.executable, *(part.format(fd=server.fileno()) for part in self._command)],
                    cwd=paths.BASE_DIR,
                    env=self._environ | {"SITE_URL": self.url},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=[server.fileno()],
                    preexec_fn=processes.die_with_parent(signal.SIGKILL),  # noqa: PLW1509 (it makes one system call)
                )
        if not processes.wait_until(lambda: self.process.poll() is not None or self._answers(), seconds=60):
            self.stop()
        if self.process.poll() is not None:
            raise AssertionError(f"The live site does not start:\n{self.log.read_text()}")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __str__(self) -> str:
        return self.url

    def ensure_running(self) -> None:
        """Start it again if a test has ended it, or if it has crashed."""
        if self.process.poll() is not None:
            self._start()

    def restart(self) -> None:
        """Start again on the same port, as a service manager would: pages find it where it was."""
        self.stop()
        self._start(self.port)

    def stop(self) -> None:
        processes.stop(self.process, signal.SIGTERM)

    def _answers(self) -> bool:
        """Whether it answers, be it with 404."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", "/healthz")
            return bool(connection.getresponse().status)
        except OSError:
            return False
        finally:
            connection.close()


def site_environ(database: str) -> dict[str, str]:
    """The environment of a process that serves this worker: its database, its keys, and a pool as in production."""
    environ = {name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"}
    mine = {"DATABASE_URL": address_of(database), "DATABASE_POOL": "10", "DJANGO_SETTINGS_MODULE": "tests.settings"}
    return environ | mine


def start_python(
    arguments: list[str], database: str, environ: dict[str, str] | None = None, **options
) -> subprocess.Popen:
    """Start Python on this worker's database; it ends with the process that started it. ``options`` as Popen takes."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=paths.BASE_DIR,
        env=site_environ(database) | (environ or {}),
        preexec_fn=processes.die_with_parent(signal.SIGKILL),  # noqa: PLW1509 (it makes one system call)
        **options,
    )
