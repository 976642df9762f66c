"""Count what code asks of the database, and list it with the lines that asked."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import connection

ROOT = Path(__file__).resolve().parents[1]
OURS = tuple(f"{ROOT / app}/" for app in ("bookingsite", "bookings", "experts"))
TRANSACTION = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE SAVEPOINT")


class Asked:
    """What was sent to the database, in order: the SQL and the lines of ours that sent it.

    Each is a round trip: BEGIN, COMMIT and savepoints, too, which are no ``statements``. It takes the place of
    ``connection.queries_log``, to which Django appends everything that it sends.
    """

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    def append(self, query: dict[str, Any]) -> None:
        self.sent.append((query["sql"], _callers()))

    def clear(self) -> None:
        """Forget nothing: Django empties its own log at the beginning of each request."""

    @property
    def statements(self) -> int:
        return sum(not sql.startswith(TRANSACTION) for sql, _callers in self.sent)

    @property
    def executed(self) -> int:
        """The ``statements`` and what the history puts before some of them in the same round trip."""
        return self.statements + sum(sql.startswith("SELECT set_config('pghistory") for sql, _callers in self.sent)

    @property
    def round_trips(self) -> int:
        return len(self.sent)

    def __str__(self) -> str:
        rows = [f"{n:3} {callers}\n    {_shortened(sql)}" for n, (sql, callers) in enumerate(self.sent, 1)]
        return "\n".join([f"{self.statements} statements in {self.round_trips} round trips", *rows])


@contextmanager
def asked_of_database() -> Iterator[Asked]:
    """Record what this thread's connection is asked.

    In a test that runs in a transaction of its own, those of the code are only savepoints: count round trips with
    ``django_db(transaction=True)``.
    """
    asked, log, was_debug = Asked(), connection.queries_log, connection.force_debug_cursor
    connection.ensure_connection()
    connection.queries_log, connection.force_debug_cursor = asked, True
    try:
        yield asked
    finally:
        connection.queries_log, connection.force_debug_cursor = log, was_debug


def _callers() -> str:
    """Return the three innermost lines of ours that led here."""
    frame, found = sys._getframe(1), []
    while frame is not None and len(found) < 3:
        code = frame.f_code
        if code.co_filename.startswith(OURS):
            found.append(f"{Path(code.co_filename).relative_to(ROOT)}:{frame.f_lineno} {code.co_name}")
        frame = frame.f_back
    return " < ".join(found)


def _shortened(sql: str) -> str:
    sql = " ".join(sql.split())
    return sql if len(sql) <= 600 else f"{sql[:300]} … {sql[-300:]}"


def boundless_counts(statements: list[str]) -> list[str]:
    """Those that count rows, however many there are."""
    return [sql for sql in statements if "COUNT(" in sql and "LIMIT" not in sql]


def rows_read(table: str) -> int:
    """How many rows of a table this transaction has read until now, by whatever index or by none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables WHERE relname = %s", [table]
        )
        [(count,)] = cursor.fetchall()
        return count


def count_and_plan_once(table: str) -> None:
    """Let PostgreSQL count a table as it is now, and plan each statement once, without knowing what it is given.

    Rows that come later are unknown to it, as in a rush. For the rest of the transaction.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {table}")
        cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
