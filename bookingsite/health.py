"""Whether the site can do its work, part by part: for /readyz, /metrics and the operators' page.

Asked over a connection of its own, as those of the pool may all be waiting, and no more often than once a second.
"""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache

import redis
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.migrations.loader import MigrationLoader

from bookings.models import WorkerSign
from bookings.selectors import operations
from experts.outages import cause_of, met_lately
from experts.selectors import last_backup
from experts.valkey import connection_pool

# Without these nothing goes: 503. Without any other one people can book, and /readyz says "degraded" with 200.
NEEDED = ("database", "migrations")
WAITS_TOO_LONG = {"outbox": 300, "webhooks": 900}  # seconds; other queues:
USUAL = 300
BACKUP_EVERY = timedelta(hours=36)  # one that is older is said to be: the timer makes one each night
_STATEMENT_MS = 2000
_KEPT_SECONDS = 1.0


@dataclass(frozen=True)
class Part:
    """``why`` it does not work, in words; "" where it does."""

    name: str
    why: str = ""

    @property
    def is_well(self) -> bool:
        return not self.why


@dataclass(frozen=True)
class Health:
    """What was found: the parts, and what the database told."""

    parts: list[Part]
    queues: list[operations.Queue] = field(default_factory=list)
    workers: list[WorkerSign] = field(default_factory=list)
    failed_jobs: int = 0
    knows_queues: bool = False  # whether the database could be asked
    backed_up_at: datetime | None = None

    @property
    def state(self) -> str:
        """ "ready", "degraded" (people can book) or "down"."""
        if any(part.name in NEEDED and not part.is_well for part in self.parts):
            return "down"
        return "ready" if all(part.is_well for part in self.parts) else "degraded"


_lock = threading.Lock()
_last: tuple[float, Health] | None = None


def look() -> Health:
    """Look at all parts, or return what was found less than a second ago."""
    global _last  # noqa: PLW0603
    with _lock:
        if _last is None or time.monotonic() - _last[0] > _KEPT_SECONDS:
            health = _look()
            _last = time.monotonic(), health
        return _last[1]


def _look() -> Health:
    channel = Part("channel layer", _why_no_valkey())
    # What can be read may not be writable: a full disk is only met by who books.
    refusals = Part("refusals", f"refused in the last minute: {'; '.join(causes)}" if (causes := met_lately()) else "")
    try:
        with _own_connection():
            missing = missing_migrations()
            if missing:
                migrations = Part("migrations", f"not applied: {', '.join(missing[:5])}")
                return Health([Part("database"), migrations, channel, refusals])
            queues, workers = _with_ages(operations.queues_waiting()), operations.worker_signs()
            failed, backup = operations.count_failed_jobs(), last_backup()
    except Error as error:
        unknown = [Part(name, "unknown, as the database was not reached") for name in ("workers", "queues")]
        return Health([Part("database", cause_of(error)), Part("migrations"), channel, refusals, *unknown])
    idle = operations.queues_without_worker(workers)
    late = [f"{queue.name} for {queue.age:.0f} s" for queue in queues if is_late(queue)]
    parts = [
        Part("database"),
        Part("migrations"),
        channel,
        refusals,
        Part("workers", f"nobody works: {', '.join(idle)}" if idle else ""),
        Part("queues", f"something waits in {', '.join(late)}" if late else ""),
    ]
    backed_up_at = backup.finished_at if backup else None
    return Health(parts, queues, workers, failed, knows_queues=True, backed_up_at=backed_up_at)


def is_late(queue: operations.Queue) -> bool:
    """Whether something has waited there for longer than it should."""
    return queue.age > WAITS_TOO_LONG.get(queue.name, USUAL)


_seen: dict[str, tuple[int, float]] = {}  # by queue: its oldest job without a time, and when it was seen first


def _with_ages(queues: list[operations.Queue]) -> list[operations.Queue]:
    """Queues, each at least as old as this process has seen its oldest job wait."""
    found, now = [], time.monotonic()
    for queue in queues:
        if queue.first is None:
            _seen.pop(queue.name, None)
        elif _seen.get(queue.name, (None,))[0] != queue.first:
            _seen[queue.name] = queue.first, now
        waits = now - _seen[queue.name][1] if queue.first is not None else 0.0
        found.append(replace(queue, age=max(queue.age, waits)))
    return found


@contextlib.contextmanager
def _own_connection() -> Iterator[None]:
    """Have what the block asks go over a connection that is made for it, bounded, and closed at the end."""
    usual = connections[DEFAULT_DB_ALIAS]
    own = connections.create_connection(DEFAULT_DB_ALIAS)
    options = {name: value for name, value in usual.settings_dict["OPTIONS"].items() if name != "pool"}
    bounds = f"-c statement_timeout={_STATEMENT_MS} -c lock_timeout={_STATEMENT_MS}"
    if settings.DATABASE_STATEMENT_SECONDS:  # else it stands behind something that does not pass them on
        options["options"] = f"{options.get('options', '')} {bounds}".strip()
    own.settings_dict = usual.settings_dict | {"OPTIONS": options | {"connect_timeout": 2}}
    connections[DEFAULT_DB_ALIAS] = own
    try:
        yield
    finally:
        connections[DEFAULT_DB_ALIAS] = usual
        own.close()


def _why_no_valkey() -> str:
    try:
        _valkey().ping()
    except (redis.RedisError, OSError) as error:
        return f"Valkey does not answer ({type(error).__name__})"
    return ""


@cache
def _valkey() -> redis.Redis:
    pool = connection_pool(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
    return redis.Redis(connection_pool=pool)


@cache
def _migrations() -> frozenset[tuple[str, str]]:
    """Those that this version brings. Of one that replaces others only those count, as for `migrate`."""
    disk = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    return frozenset(key for key, migration in disk.items() if not migration.replaces)


def missing_migrations() -> list[str]:
    """Those that the database does not have. One that this version does not know is no harm: a newer one runs, too."""
    return sorted(f"{app}.{name}" for app, name in _migrations() - applied_migrations())


def unknown_migrations() -> list[str]:
    """Those of this version's apps that the database has and this version does not know."""
    disk = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    apps = {app for app, _name in disk}
    return sorted(f"{app}.{name}" for app, name in applied_migrations() - set(disk) if app in apps)


def applied_migrations() -> set[tuple[str, str]]:
    """Return app and name of each migration that the database has."""
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        return set(cursor.fetchall())


def postgresql_version() -> str:
    """Return the version of the server, as it calls it."""
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute("SHOW server_version")
        return str(cursor.fetchone()[0])
