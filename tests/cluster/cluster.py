"""A whole site on several machines, or as good as: all on loopback and Unix sockets, ended with the block."""

import contextlib
import json
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect

from bench import stage
from bookingsite.devserver import paths
from bookingsite.devserver.processes import wait_until
from tests.cluster.database import ReplicatedDatabase
from tests.cluster.parts import Part, answers, nginx_part, procfile_part
from tests.cluster.pgbouncer import PgBouncer
from tests.cluster.sentinel import Sentinels
from tests.private_postgres import PrivatePostgres

SETTINGS = stage.SETTINGS | {
    "DJANGO_SETTINGS_MODULE": "tests.settings",
    "WEB_CONCURRENCY": "1",
    "WEB_THREADS": "16",
    "DATABASE_REPLICA_LAG": "15",  # the machine may have much else to do
    "DATABASE_PREPARED": "off",  # Debian's PgBouncer does not pass prepared statements on
}


class Cluster:
    """nginx, two ``web``, two ``live``, workers, PgBouncer, a primary and two replicas, Valkey with a sentinel."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack, environ: Mapping[str, str], *, workers: int, fill):
        logs = folder / "logs"
        logs.mkdir()
        self.database = ReplicatedDatabase(folder / "database", fill)
        for server in (self.database.primary, *self.database.replicas):
            stack.callback(server.remove)
        self.bouncer = PgBouncer(_made(folder / "pgbouncer"), self.database.primary.url)
        stack.callback(self.bouncer.remove)
        self.valkey = Sentinels(_made(folder / "valkey"))
        stack.callback(self.valkey.stop)
        replicas = ",".join(replica.url for replica in self.database.replicas)
        mine = {
            "DATABASE_URL": self.bouncer.url_of(paths.NAME),
            "DATABASE_REPLICA_URL": replicas,
            "REDIS_URL": self.valkey.url,
            "EMAIL_URL": stack.enter_context(stage.mail_sink()),
        }
        environ = {**environ, **SETTINGS, **mine}
        self.web = [procfile_part("web", f"web{n}", logs, environ) for n in (1, 2)]
        self.live = [procfile_part("live", f"live{n}", logs, environ) for n in (1, 2)]
        self.workers = [procfile_part("worker", f"worker{n + 1}", logs, environ) for n in range(workers)]
        self.nginx = nginx_part(logs, self.web, self.live)
        self.parts = [*self.web, *self.live, *self.workers, self.nginx]
        for part in self.parts:
            stack.callback(part.stop)
            part.start()
        for part in self.parts:
            part.wait()

    def wait_until_replicas_are_read(self) -> None:
        """Wait until lists come from a replica: a process that is new looks first how far one is."""
        asked = """
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%experts_expert%'
        """
        replicas = self.database.replicas
        assert wait_until(lambda: any(replica.execute(asked) != [(0,)] for replica in replicas), seconds=30)

    def fail_over(self) -> PrivatePostgres:
        """After the primary's death: promote a replica, and lead PgBouncer to it."""
        primary = self.database.fail_over()
        self.bouncer.move_to(primary.url)
        return primary

    def seconds_until_seen(self, *, booked_at: Part, seen_at: Part, slot: tuple[int, str, str]) -> float:
        """Book a slot (id, slug of its expert, day) through one process, and wait until a page of another shows it."""
        slot_id, slug, day = slot
        is_full = re.compile(rf'id="slot-{slot_id}-state"[^>]*>(?:(?!id="slot-).)*Full', re.DOTALL)
        address = f"ws://127.0.0.1:{seen_at.port}/ws/experts/{slug}/?day={day}"
        start = None
        while True:
            try:
                with connect(address, origin=f"http://127.0.0.1:{seen_at.port}") as page:
                    while True:
                        frame = page.recv(20)
                        if start is None and f'id="slot-{slot_id}-state"' in frame:
                            start = time.monotonic()
                            self._book(booked_at, slot_id)
                        elif is_full.search(frame):
                            return time.monotonic() - start
            except (ConnectionClosed, InvalidHandshake):  # pages dial again, too
                assert wait_until(lambda: answers(seen_at.port), seconds=20)

    @staticmethod
    def _book(part: Part, slot_id: int) -> None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{part.port}/api/v1/slots/{slot_id}/book",
            json.dumps({"name": "Lena", "email": f"live{slot_id}@example.com"}).encode(),
            {
                "Content-Type": "application/json",
                "Idempotency-Key": f"live-{slot_id}",
                "X-Forwarded-For": f"203.0.113.{slot_id % 250}",
            },
        )

        def is_booked() -> bool:
            try:
                with urllib.request.urlopen(request, timeout=20) as answer:
                    return answer.status == 201
            except urllib.error.HTTPError as error:
                if error.code != 503:  # "please try again"
                    raise
                return False

        assert wait_until(is_booked, seconds=60)

    def complaints(self) -> str:
        """What all parts have said."""
        return "\n".join(f"--- {part.name}\n{part.log.read_text()}" for part in self.parts)


@contextlib.contextmanager
def running(folder: Path, *, workers: int = 2, fill: Callable[[PrivatePostgres], None]) -> Iterator[Cluster]:
    """A cluster whose files are in ``folder``; ``fill`` puts tables and slots into its database."""
    # Nothing of Django's that tests may have patched in this process: each part reads its own environment.
    environ = {name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"}
    with contextlib.ExitStack() as stack:
        yield Cluster(folder, stack, environ, workers=workers, fill=fill)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
