"""What Django calls the backend (ENGINE): its own for PostgreSQL, with our pool, bounds and a log of what is slow."""

import logging
import time
from typing import Any

from django.conf import settings
from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base
from django.db.utils import DEFAULT_DB_ALIAS

from experts.postgresql.pool import Pool
from experts.waiting import current_visit

logger = logging.getLogger(__name__)
_LONGEST = 2000  # characters of a statement in the log
_answers_people = False


def bound_statements() -> None:
    """Bound what this process asks from now on: people wait for it. Not for workers and migrations."""
    global _answers_people  # noqa: PLW0603
    _answers_people = True


class _Timed:
    """A cursor that logs statements that take long, without their values."""

    def execute(self, query: Any, params: Any = None, **kwargs: Any) -> Any:
        began = time.perf_counter()
        try:
            return super().execute(query, params, **kwargs)  # type: ignore[misc]  # of the class that this is mixed into
        finally:
            took = time.perf_counter() - began
            if 0 < settings.SLOW_QUERY_SECONDS <= took:
                logger.warning("A statement took %.2f s: %s", took, _words(query))


class Cursor(_Timed, base.Cursor):
    """A cursor for which psycopg puts values into the statement."""


class ServerBindingCursor(_Timed, base.ServerBindingCursor):
    """A cursor that sends values apart from the statement."""


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's connection to PostgreSQL."""

    _connection_pools: dict[str, Pool]
    _configure_connection: Any
    # What the current transaction was told of who changes rows (experts/history.py); None when nothing, or unknown.
    history_said: Any = None

    @property
    def pool(self) -> Any:
        """Return the pool of this database, shared by all threads; None where there is none."""
        options = self.settings_dict["OPTIONS"].get("pool")
        if self.alias == NO_DB_ALIAS or not options:
            return None
        pools = self._connection_pools
        if self.alias not in pools:
            parameters = self.get_connection_params() | {"autocommit": True}  # Django sets it later
            pool = Pool(kwargs=parameters, open=False, configure=self._configure_connection, **options)
            pools.setdefault(self.alias, pool)  # another thread may have been faster
        return pools[self.alias]

    def get_connection_params(self) -> dict[str, Any]:
        """As Django's, with the bounds of a process that answers people."""
        parameters: dict[str, Any] = super().get_connection_params()
        binds = self.settings_dict["OPTIONS"].get("server_side_binding") is True
        parameters["cursor_factory"] = ServerBindingCursor if binds else Cursor
        if _answers_people and (seconds := settings.DATABASE_STATEMENT_SECONDS):
            # With the connection, so that it costs no statement.
            bounds = f"-c statement_timeout={int(seconds * 1000)} -c lock_timeout={settings.LOCK_TIMEOUT_MS}"
            parameters["options"] = f"{parameters.get('options', '')} {bounds}".strip()
        return parameters

    def ensure_connection(self) -> None:
        """As Django's, which each statement begins with. A visit must not wait: all others of its thread would."""
        assert current_visit() is None, "what a visit asks the database goes through in_thread (experts/waiting.py)"
        super().ensure_connection()

    def _set_autocommit(self, autocommit: bool) -> None:
        self.history_said = None  # a transaction begins or has ended
        super()._set_autocommit(autocommit)  # type: ignore[misc]  # Django's, which the stubs omit

    def _commit(self) -> None:
        self.history_said = None
        super()._commit()  # type: ignore[misc]  # Django's, which the stubs omit

    def _rollback(self) -> None:
        self.history_said = None
        super()._rollback()  # type: ignore[misc]  # Django's, which the stubs omit

    def _savepoint_rollback(self, sid: str) -> None:
        self.history_said = None  # it may have been told since the savepoint
        super()._savepoint_rollback(sid)  # type: ignore[misc]  # Django's, which the stubs omit


def free_connections(alias: str = DEFAULT_DB_ALIAS) -> dict[str, int]:
    """How many connections this process has to a database, may have, and how many requests wait for one."""
    pool = DatabaseWrapper._connection_pools.get(alias)
    if pool is None:
        return {}
    stats = pool.get_stats()
    return {"open": stats["pool_size"], "most": stats["pool_max"], "waiting": stats["requests_waiting"]}


def _words(query: Any) -> str:
    """The statement with its placeholders."""
    text = query if isinstance(query, str) else query.as_string() if hasattr(query, "as_string") else str(query)
    return " ".join(text.split())[:_LONGEST]
