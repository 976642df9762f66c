"""Let pages that everybody sees be read from streaming replicas that are fresh enough (DATABASE_REPLICA_URL).

A view says so itself (``may_read_replica``), and then all that it reads comes from one server. Everything else reads
the primary: every write and what belongs to it, and also such a view for whoever has just changed something, who asks
for what is newest, or who would be told of an error. Nothing here does anything when there is no replica
(docs/decisions/0025-replicas.md).
"""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any

import psycopg
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.models import Model
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase

from experts.errors import NotFound

logger = logging.getLogger(__name__)
CHECK_SECONDS = 1.0  # between two looks at how far a replica is
PAUSE_SECONDS = 5.0  # in which a replica that failed is not asked
COOKIE = "recent"  # a browser has it for some seconds after it has changed something
_KNOWN_SECONDS = 60  # for how long a position of the primary is remembered
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")
# What browsers send when somebody loads a page again, and our own pages when they are told of a change.
_WANTS_NEWEST = ("no-cache", "max-age=0")

_reading: ContextVar[str] = ContextVar("reading", default=DEFAULT_DB_ALIAS)


def reading() -> str:
    """Return the alias of the database that this request reads: what was read of one is not to be taken for another."""
    return _reading.get()


class Router:
    """A database router: reads go where the view reads, writes to the primary."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str:
        return _reading.get()

    def db_for_write(self, model: type[Model], **hints: Any) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, one: Model, other: Model, **hints: Any) -> bool:
        return True  # it is one database, whichever server a row was read from

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == DEFAULT_DB_ALIAS


def may_read_replica(view: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator of a view that only reads: it may be answered from a replica.

    What goes wrong there is asked again of the primary: an error of the database, and what is not found, which may be
    new. So the view may run twice.
    """

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        replica = _find_replica(request)
        if replica is None:
            return view(request, *args, **kwargs)
        token = _reading.set(replica.alias)
        try:
            response = view(request, *args, **kwargs)
            if getattr(response, "status_code", 200) != 404:
                return response
        except Error as error:
            replica.note_failure(error)
        except (Http404, NotFound):
            pass
        finally:
            _reading.reset(token)
        return view(request, *args, **kwargs)

    return answer


class RecentChangeMiddleware:
    """Has a browser that changes something read the primary until the replicas that are used have the change, too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        if not settings.DATABASE_REPLICAS:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.method not in _SAFE_METHODS:
            # A replica whose data is older than the lag that is allowed is not read. Browsers count whole seconds.
            response.set_cookie(
                COOKIE,
                "1",
                max_age=int(settings.DATABASE_REPLICA_LAG) + 2,
                httponly=True,
                samesite="Lax",
                secure=settings.SESSION_COOKIE_SECURE,
            )
        return response


def _find_replica(request: HttpRequest) -> "Replica | None":
    """Return a replica that may answer this request, if there is one."""
    if not settings.DATABASE_REPLICAS or COOKIE in request.COOKIES:
        return None
    if any(word in request.headers.get("Cache-Control", "") for word in _WANTS_NEWEST):
        return None
    return next((replica for replica in _replicas() if replica.is_fresh), None)


class Replica:
    """How far one replica is. A thread of its own finds out, so that no request waits for a server that is slow.

    At some moments it asks the primary how far its log is. Once the replica has replayed the log up to there, it has
    all that was committed before that moment. Clocks of other machines and rights on them are not needed for that.
    """

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self.complete_until = -1e9  # what was committed before this moment (time.monotonic) is there
        self._paused_until = 0.0
        self._positions: deque[tuple[float, int]] = deque(maxlen=int(_KNOWN_SECONDS / CHECK_SECONDS))
        self._servers: dict[str, psycopg.Connection[Any]] = {}
        self.is_away = False
        self._over = threading.Event()

    @property
    def is_fresh(self) -> bool:
        """Whether its data is no older than the lag that is allowed."""
        now = time.monotonic()
        return now - self.complete_until <= settings.DATABASE_REPLICA_LAG and now >= self._paused_until

    def note_failure(self, error: Exception) -> None:
        """Do not ask it for some seconds."""
        self._paused_until = time.monotonic() + PAUSE_SECONDS
        logger.warning("The database %s failed (%s); the primary answers.", self.alias, type(error).__name__)

    def start(self) -> None:
        threading.Thread(target=self._watch, name=f"watch-{self.alias}", daemon=True).start()

    def stop(self) -> None:
        self._over.set()

    def check(self) -> None:
        """Ask both servers how far they are. Raises psycopg.Error when the replica does not answer."""
        now, was_fresh = time.monotonic(), self.is_fresh
        primary = self._ask_primary()
        if primary is not None:
            self._positions.append((now, primary))
        [replayed] = self._ask(self.alias, "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() END")
        if replayed is None:  # it is a server of its own, whatever it was before
            self.complete_until = -1e9
        elif primary is None and was_fresh:
            # It is as new as can be had, and better than no page at all.
            self.complete_until = time.monotonic()
        while self._positions and replayed is not None and self._positions[0][1] <= replayed:
            self.complete_until = self._positions.popleft()[0]

    def _ask_primary(self) -> int | None:
        try:
            [position] = self._ask(DEFAULT_DB_ALIAS, "pg_current_wal_insert_lsn()")
        except psycopg.Error:
            return None
        return position

    def _ask(self, alias: str, position: str) -> tuple[int]:
        if alias not in self._servers:
            # Not of the pool, which may be empty just when the primary has most to do.
            parameters = connections.create_connection(alias).get_connection_params() | {"connect_timeout": 2}
            self._servers[alias] = psycopg.connect(**parameters, autocommit=True)
        try:
            cursor = self._servers[alias].execute(f"SELECT (({position}) - '0/0')::bigint")
            return cursor.fetchone()  # type: ignore[return-value]  # there is always a row
        except psycopg.Error:
            self._servers.pop(alias).close()
            raise

    def _watch(self) -> None:
        while not self._over.is_set():
            try:
                self.check()
            except psycopg.Error as error:
                self.complete_until = -1e9
                if not self.is_away:
                    logger.warning("The database %s does not answer (%s).", self.alias, type(error).__name__)
                self.is_away = True
            else:
                self.is_away = False
            self._over.wait(CHECK_SECONDS)
        for server in self._servers.values():
            server.close()


_current: tuple[int, list[Replica]] = 0, []
_starting = threading.Lock()


def _replicas() -> list[Replica]:
    """Return the replicas, in this process's order. Watched from the first call on: threads do not survive a fork."""
    global _current  # noqa: PLW0603
    pid, replicas = _current
    if pid == os.getpid():
        return replicas
    with _starting:
        pid, replicas = _current
        if pid != os.getpid():
            aliases = settings.DATABASE_REPLICAS
            # A process stays with one as long as it can, so that its pages do not go back and forth in time.
            first = os.getpid() % len(aliases)
            replicas = [Replica(alias) for alias in [*aliases[first:], *aliases[:first]]]
            for replica in replicas:
                replica.start()
            _current = os.getpid(), replicas
        return replicas


def forget_replicas() -> None:
    """Stop watching; the next request that asks begins anew."""
    global _current  # noqa: PLW0603
    for replica in _current[1]:
        replica.stop()
    _current = 0, []
