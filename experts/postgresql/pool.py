"""A pool of connections that says at once when there is none to be had, and that finds a database that is back at once.

psycopg's own pool tries to connect again after pauses that double for five minutes, and makes no other attempt
meanwhile: after a minute without a free connection in PostgreSQL, everybody waits for up to another minute for a
database that has been there again for long. Here an attempt is made when somebody needs a connection, and not repeated.
"""

import select
import sys
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool
from psycopg_pool.base import AttemptWithBackoff

# For how long somebody waits for an attempt to connect where the last one has failed: to a machine that is gone, an
# attempt takes seconds.
WAIT_WHILE_AWAY = 0.5


class Pool(ConnectionPool[psycopg.Connection[Any]]):
    """psycopg's pool, which fails who waits when the database does not take connections.

    Overrides parts of psycopg_pool that are not public: tests/experts/test_pool.py holds what is relied on.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.is_away = False  # no connection is left, and the last attempt to make one has failed
        self._refusal = ""
        super().__init__(*args, **kwargs)

    def getconn(self, timeout: float | None = None) -> psycopg.Connection[Any]:
        """As psycopg's, and raises psycopg.OperationalError with the words of the failed attempt to connect."""
        wait = self.timeout if timeout is None else timeout
        return super().getconn(min(wait, WAIT_WHILE_AWAY) if self.is_away else wait)

    def _get_ready_connection(self, timeout: float | None) -> psycopg.Connection[Any] | None:
        # Under the pool's lock. The one that came back last is given first; psycopg's own pool would take them in turn:
        # it has plans of what is asked most, and the others are closed when they were not needed for a while.
        self._pool.rotate(1)
        # What the server has ended tells so: nobody is given it, and no statement is needed.
        while self._pool and _has_ended(self._pool[0]):
            self._nconns -= 1
            self._nconns_min = min(self._nconns_min, len(self._pool) - 1)
            self._close_connection(self._pool.popleft())
            self._pool.rotate(1)
        return super()._get_ready_connection(timeout)

    def _connect(self, timeout: float | None = None) -> psycopg.Connection[Any]:
        try:
            connection = super()._connect(timeout)
        except Exception as error:
            self._refusal = str(error)
            raise
        self.is_away = False
        return connection

    def _add_connection(self, attempt: AttemptWithBackoff | None, growing: bool = False) -> None:
        only = AttemptWithBackoff(timeout=0)
        only.give_up_at = sys.float_info.min  # with the first failure; whoever comes next tries again
        super()._add_connection(only, growing=growing)

    def reconnect_failed(self) -> None:
        """Called when an attempt to connect has failed."""
        with self._lock:
            if self._nconns:
                return  # those who wait get one that comes back
            self.is_away = True
            waiting = list(self._waiting)
            self._waiting.clear()
        for one in waiting:
            one.fail(psycopg.OperationalError(self._refusal))

    def _return_connection(self, conn: psycopg.Connection[Any], from_getconn: bool) -> None:
        if conn.pgconn.transaction_status == TransactionStatus.UNKNOWN:
            self._drop_idle()  # whatever has ended this one: each of the others could cost somebody as long
        super()._return_connection(conn, from_getconn)

    def _drop_idle(self) -> None:
        with self._lock:
            idle = list(self._pool)
            self._pool.clear()
            self._nconns -= len(idle)
            self._nconns_min = 0
        for connection in idle:
            self._close_connection(connection)


def _has_ended(connection: psycopg.Connection[Any]) -> bool:
    """Whether the server has said something to a connection that asks nothing, which is that it ends it."""
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    return bool(poll.poll(0))
