"""The processes of a site, each of which can be killed, and what is between and behind them, which can break."""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from bench import stage
from bookingsite.devserver import paths
from tests.chaos.proxy import Proxy
from tests.cluster.parts import Part, procfile_part
from tests.private_postgres import PrivatePostgres
from tests.private_valkey import PrivateValkey
from tests.receiver import Receiver, say
from tests.smtp import MailServer

SETTINGS = stage.SETTINGS | {
    "DJANGO_SETTINGS_MODULE": "tests.chaos.settings",
    "RATE_LIMITS": "off",
    "DATABASE_POOL": "10",
    "WEB_CONCURRENCY": "1",
    "WEB_THREADS": "16",
    "WEBHOOKS_ALLOW_PRIVATE": "on",
    "API_CORS_ORIGINS": "",
}


class Mailbox(MailServer):
    """A mail server that writes down when each mail came: ``came`` has Message-ID and seconds since 1970."""

    def __init__(self):
        super().__init__()
        self.came: list[tuple[str, float]] = []

    def take(self, source: bytes) -> bool:
        if not super().take(source):
            return False
        message_id = self.taken[-1]["Message-ID"] or ""
        self.came.append((str(message_id), time.time()))
        return True


takes, fails = say(204), say(500)


def slow(handler, done: threading.Event) -> None:
    """Says 204, but late."""
    done.wait(3)
    takes(handler, done)


class Hooks(Receiver):
    """A receiver of webhooks whose ``answer`` can be changed: 204 unless told otherwise."""

    def __init__(self):
        self.answer = takes
        self.accepted: list[str] = []  # ids of the events that were answered by 204
        super().__init__(self._reply)

    def _reply(self, handler, done: threading.Event) -> None:
        answer = self.answer
        answer(handler, done)
        if answer in (takes, slow):
            self.accepted.append(handler.headers["webhook-id"])


class Site:
    """One of each process of the Procfile, with a PostgreSQL and a Valkey of its own.

    People reach ``web`` by ``front`` and ``live`` by ``sockets``; all processes reach PostgreSQL by ``line``.
    ``keep_alive`` is the service manager.
    """

    def __init__(
        self, folder: Path, stack: contextlib.ExitStack, postgres: PrivatePostgres, mail: Mailbox, hooks: Hooks
    ):
        logs = folder / "logs"
        logs.mkdir()
        self.postgres, self.mail, self.hooks = postgres, mail, hooks
        self.line = Proxy(postgres.where.sockets / ".s.PGSQL.5432")
        stack.callback(self.line.stop)
        self.valkey = PrivateValkey(_made(folder / "valkey"))
        stack.callback(self.valkey.stop)
        self.clock = folder / "clock"
        self.clock.write_text("0")
        environ = self._environ(folder)
        self.web = procfile_part("web", "web", logs, environ)
        self.live = procfile_part("live", "live", logs, environ)
        self.worker = procfile_part("worker", "worker", logs, environ)
        self.worker.command = _by_our_clock(self.worker.command)
        self.webhooks = procfile_part("webhooks", "webhooks", logs, environ)
        self.parts = [self.web, self.live, self.worker, self.webhooks]
        self.front, self.sockets = Proxy(self.web.port), Proxy(self.live.port)
        for part in self.parts:
            stack.callback(part.stop)
            part.start()
        for part in self.parts:
            part.wait()
        for proxy in (self.front, self.sockets):
            stack.callback(proxy.stop)
        self._down: set[Part] = set()  # on purpose
        self.deaths = 0  # that nobody caused from outside

    def _environ(self, folder: Path) -> Mapping[str, str]:
        mine = {
            "DATABASE_URL": f"postgresql://{paths.NAME}@127.0.0.1:{self.line.port}/{paths.NAME}?sslmode=disable",
            "REDIS_URL": self.valkey.url,
            "EMAIL_URL": self.mail.url,
            "CLOCK": str(self.clock),
        }
        given = {name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"}
        return {**given, **SETTINGS, **mine, "MEDIA_ROOT": str(folder / "media")}

    def kill(self, part: Part) -> None:
        self._down.add(part)
        part.kill()

    def start(self, part: Part) -> None:
        self._down.discard(part)
        part.start()
        part.wait()

    def keep_alive(self) -> None:
        """Start again what has ended by itself."""
        for part in self.parts:
            if part not in self._down and part.process is not None and part.process.poll() is not None:
                self.deaths += 1
                part.start()

    def step_clock(self, seconds: float) -> None:
        """Let the worker's clock be so far ahead, or behind."""
        new = self.clock.with_suffix(".new")
        new.write_text(str(seconds))
        new.rename(self.clock)

    def complaints(self) -> str:
        return "\n".join(f"--- {part.name}\n{part.log.read_text()[-6000:]}" for part in self.parts)


def _by_our_clock(command: list[str]) -> list[str]:
    return [sys.executable, "-m", "tests.chaos.clock", *command[1:]]


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
