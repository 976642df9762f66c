"""The faults of a chaos run: what is done to a site, for how long, and what has to hold meanwhile."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psycopg

from tests.chaos.site import Site, fails, slow
from tests.cluster.parts import Part
from tests.http import Told, ask
from tests.receiver import hang

_DISK_IS_FULL = """
    CREATE FUNCTION chaos_disk_is_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION 'could not extend file "base/1/1": No space left on device' USING ERRCODE = 'disk_full';
    END $$
"""
_QUEUES = ("procrastinate_jobs", "bookings_outboxmail")


@dataclass(frozen=True)
class Fault:
    """``during`` is entered, and left again after some seconds. ``check`` is asked meanwhile, and says what is wrong.

    ``books``: people can go on booking, by what the design says.
    """

    name: str
    during: Callable[[Site], contextlib.AbstractContextManager[object]]
    check: Callable[[Site], list[str]] = lambda _site: []
    books: bool = False
    seconds: float = 1.0  # in proportion to the others


def all_faults(pages: list[str]) -> list[Fault]:
    """Every fault once. ``pages``: addresses that have to answer 503 while PostgreSQL is away."""

    def without_database(site: Site) -> list[str]:
        return wrong_without_database(site, pages)

    return [
        Fault("nothing", lambda _site: contextlib.nullcontext(), books=True),
        Fault("web is killed", lambda site: _killed(site, site.web)),
        Fault("live is killed", lambda site: _killed(site, site.live), books=True),
        Fault("the worker is killed", lambda site: _killed(site, site.worker), books=True),
        Fault("the worker of webhooks is killed", lambda site: _killed(site, site.webhooks), books=True),
        Fault("Valkey is killed", _without_valkey, books=True),
        Fault("PostgreSQL is killed", _without_postgres, without_database),
        Fault("all sockets are cut, again and again", _cut),
        Fault("the database is 300 ms late", _late_database),
        Fault("PostgreSQL has no connection left", _no_connection),
        Fault("the pool waits for a locked table", _locked_table),
        Fault("the mail server refuses", lambda site: _mail(site, mode="refuses"), books=True),
        Fault("the mail server takes 0.5 s for each mail", lambda site: _mail(site, delay=0.5), books=True),
        Fault("the mail server hangs", lambda site: _mail(site, mode="hangs"), books=True),
        Fault("the receiver of webhooks fails", lambda site: _hooks(site, fails), books=True),
        Fault("the receiver of webhooks is slow", lambda site: _hooks(site, slow), books=True),
        Fault("the receiver of webhooks hangs", lambda site: _hooks(site, hang), books=True),
        Fault("the disk of the queues is full", _full_disk),
        Fault("the worker's clock is an hour ahead", lambda site: _clock(site, 3600), books=True),
        Fault("the worker's clock is an hour behind", lambda site: _clock(site, -3600), books=True),
        Fault("a job kills its worker", _poison, books=True),
    ]


@contextlib.contextmanager
def _killed(site: Site, part: Part) -> Iterator[None]:
    site.kill(part)
    yield
    site.start(part)


@contextlib.contextmanager
def _without_valkey(site: Site) -> Iterator[None]:
    site.valkey.stop()
    yield
    site.valkey.start()


@contextlib.contextmanager
def _without_postgres(site: Site) -> Iterator[None]:
    site.postgres.kill()
    yield
    site.postgres.start()


def wrong_without_database(site: Site, pages: list[str]) -> list[str]:
    """While PostgreSQL is away each page answers in under a second."""

    def look(path: str) -> tuple[str, Told, float]:
        start = time.monotonic()
        told = ask(site.web.port, "GET", path)
        return path, told, time.monotonic() - start

    with ThreadPoolExecutor(len(pages)) as threads:
        return [
            f"without PostgreSQL {path} answers {_said(told)} after {took:.1f} s"
            for path, told, took in threads.map(look, pages)
            if not _is_calm(told) or took > 1
        ]


def _is_calm(told: Told) -> bool:
    """503 with ``Retry-After``; or an answer that needs no database, such as the way to the log-in."""
    return "retry-after" in told.headers if told.status == 503 else told.status in (200, 302)


def _said(told: Told) -> str:
    return f"{told.status}, Retry-After: {told.headers.get('retry-after', 'none')}"


@contextlib.contextmanager
def _cut(site: Site) -> Iterator[None]:
    over = threading.Event()

    def cut() -> None:
        while not over.wait(0.4):
            for proxy in (site.front, site.line, site.sockets):
                proxy.cut()

    cutting = threading.Thread(target=cut, daemon=True)
    cutting.start()
    yield
    over.set()
    cutting.join()


@contextlib.contextmanager
def _late_database(site: Site) -> Iterator[None]:
    site.line.delay = 0.3
    yield
    site.line.delay = 0.0


@contextlib.contextmanager
def _no_connection(site: Site) -> Iterator[None]:
    site.line.most = 0
    site.line.cut()
    yield
    site.line.most = None


@contextlib.contextmanager
def _locked_table(site: Site) -> Iterator[None]:
    with psycopg.connect(site.postgres.url) as holder:
        holder.execute("LOCK TABLE experts_slot IN ACCESS EXCLUSIVE MODE")
        yield
        holder.rollback()


@contextlib.contextmanager
def _mail(site: Site, *, mode: str = "takes", delay: float = 0.0) -> Iterator[None]:
    site.mail.mode, site.mail.delay = mode, delay
    yield
    site.mail.mode, site.mail.delay = "takes", 0.0


@contextlib.contextmanager
def _hooks(site: Site, answer: Callable) -> Iterator[None]:
    usual, site.hooks.answer = site.hooks.answer, answer
    yield
    site.hooks.answer = usual


@contextlib.contextmanager
def _full_disk(site: Site) -> Iterator[None]:
    """Whatever writes to the queues is told by PostgreSQL that there is no space left."""
    site.postgres.execute(_DISK_IS_FULL)
    for table in _QUEUES:
        trigger = "BEFORE INSERT OR UPDATE ON {} FOR EACH ROW EXECUTE FUNCTION chaos_disk_is_full()"
        site.postgres.execute(f"CREATE TRIGGER chaos {trigger.format(table)}")
    yield
    site.postgres.execute("DROP FUNCTION chaos_disk_is_full() CASCADE")


@contextlib.contextmanager
def _clock(site: Site, seconds: float) -> Iterator[None]:
    site.step_clock(seconds)
    yield
    site.step_clock(0)


@contextlib.contextmanager
def _poison(site: Site) -> Iterator[None]:
    site.postgres.execute(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('housekeeping', %s, '{}')",
        "tests.chaos.poison.poison",
    )
    yield
