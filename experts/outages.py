"""Say why requests are refused when a part of the site is broken: to operators in the log, to people on the page.

The log has one line a minute for each cause, with how often it was (``bookingsite/logs.py``): a crowd that meets a
broken database writes as little as one visitor does.
"""

import logging
import time

import psycopg
from django.db import Error, InterfaceError, OperationalError
from psycopg import errors
from psycopg_pool import PoolTimeout

from experts import metrics
from experts.errors import Busy, Unavailable

logger = logging.getLogger(__name__)
# As `extra` of what is logged: said once a minute for each text.
SELDOM = {"seldom": True}
_LATELY = 60.0  # seconds
_seen: dict[str, float] = {}  # broken parts that this process has met, and when it last did (time.monotonic())

_CAUSES: list[tuple[type[Exception] | tuple[type[Exception], ...], str]] = [
    (errors.LockNotAvailable, "a lock of the database did not come in time"),
    (errors.DeadlockDetected, "PostgreSQL broke a deadlock"),
    (errors.QueryCanceled, "a statement took too long (DATABASE_STATEMENT_SECONDS)"),
    (errors.DiskFull, "the disk of PostgreSQL is full"),
    (errors.OutOfMemory, "PostgreSQL has no memory left"),
    (errors.TooManyConnections, "PostgreSQL has no connection left (max_connections)"),
    (errors.ReadOnlySqlTransaction, "PostgreSQL takes no writes: it is a replica, or set to read only"),
    (errors.CannotConnectNow, "PostgreSQL is starting or stopping"),
    ((errors.AdminShutdown, errors.CrashShutdown), "PostgreSQL was stopped"),
    (PoolTimeout, "all connections of this process are in use (DATABASE_POOL)"),
]
# What one request does to another; everything else is a broken part.
_CROWD = (errors.LockNotAvailable, errors.DeadlockDetected)
# Without a code of PostgreSQL's, as it came not that far.
_BY_WORDS = {
    "too many clients": "PostgreSQL has no connection left (max_connections)",
    "remaining connection slots": "PostgreSQL has no connection left (max_connections)",
    "is starting up": "PostgreSQL is starting or stopping",
    "is shutting down": "PostgreSQL is starting or stopping",
    "recovery": "PostgreSQL is starting or stopping",
    "password authentication failed": "PostgreSQL does not accept the user or password of DATABASE_URL",
    "does not exist": "the database or the user of DATABASE_URL does not exist",
    "timeout": "PostgreSQL did not answer in time",
}


def cause_of(error: BaseException) -> str:
    """Say in words what is broken. Of an error of Django's or psycopg's; never its own text, which may hold data."""
    known = _of_psycopg(error)
    for kinds, words in _CAUSES:
        if isinstance(known, kinds):
            return words
    if isinstance(known, psycopg.Error) and known.sqlstate is not None:
        return f"the database failed ({type(known).__name__})"
    text = str(known)
    return next((words for sign, words in _BY_WORDS.items() if sign in text), "PostgreSQL does not answer")


def busy_for(error: BaseException) -> Busy:
    """Return what a service raises instead of an error of the database, and log its cause."""
    cause = cause_of(error)
    note_refusal(cause)
    if isinstance(_of_psycopg(error), _CROWD):
        return Busy()
    _seen[cause] = time.monotonic()
    return Unavailable()


def met_lately() -> list[str]:
    """Return for what broken parts this process has refused requests within the last minute, as the log has it."""
    now = time.monotonic()
    return sorted(cause for cause, at in list(_seen.items()) if now - at < _LATELY)


def is_outage(error: BaseException) -> bool:
    """Whether the database could not be asked, or could not do it for now: the same may be asked again."""
    known = _of_psycopg(error)
    return isinstance(
        known,
        psycopg.OperationalError
        | psycopg.InterfaceError
        | errors.ReadOnlySqlTransaction
        | OperationalError
        | InterfaceError,
    )


def note_refusal(cause: str) -> None:
    """Log why a request is refused."""
    metrics.refusals.labels(cause).inc()
    logger.error("Requests are refused: %s.", cause, extra=SELDOM)


def _of_psycopg(error: BaseException) -> BaseException:
    return (error.__cause__ or error) if isinstance(error, Error) else error
