"""What the log says of a broken database, and what people are told."""

import contextlib
import logging

import pytest
from django.db import Error, OperationalError, connections
from psycopg import errors
from psycopg_pool import PoolTimeout

from bookingsite.logs import OnceAMinute
from experts.errors import Unavailable
from experts.models import Category
from experts.outages import SELDOM, busy_for, cause_of
from experts.postgresql import base
from experts.prepared import PreparedQuery


@contextlib.contextmanager
def another_connection():
    """As a process that starts now would make it."""
    another = connections.create_connection("default")
    another.settings_dict = connections["default"].settings_dict
    try:
        yield another
    finally:
        another.close()


@pytest.mark.django_db
def test_what_people_wait_for_is_bounded(monkeypatch, settings):
    monkeypatch.setattr(base, "_answers_people", True)
    settings.DATABASE_STATEMENT_SECONDS = 0.2
    with another_connection() as another, another.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("2s",)
        with pytest.raises(OperationalError) as caught:
            cursor.execute("SELECT pg_sleep(60)")
    assert cause_of(caught.value) == "a statement took too long (DATABASE_STATEMENT_SECONDS)"


@pytest.mark.django_db
def test_workers_and_migrations_are_not(monkeypatch, settings):
    monkeypatch.setattr(base, "_answers_people", False)
    settings.DATABASE_STATEMENT_SECONDS = 0.2
    with another_connection() as another, another.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() != ("2s",)


@pytest.mark.parametrize(
    ("error", "words", "is_crowd"),
    [
        (errors.LockNotAvailable(), "a lock of the database", True),
        (errors.DeadlockDetected(), "deadlock", True),
        (errors.DiskFull('could not extend file "base/1/2": No space left on device'), "the disk of PostgreSQL", False),
        (errors.TooManyConnections(), "max_connections", False),
        (errors.ReadOnlySqlTransaction(), "takes no writes", False),
        (errors.AdminShutdown(), "was stopped", False),
        (PoolTimeout("couldn't get a connection after 10.00 sec"), "DATABASE_POOL", False),
        (OperationalError("connection failed: FATAL:  sorry, too many clients already"), "max_connections", False),
        (OperationalError("connection refused, secret=hunter2"), "PostgreSQL does not answer", False),
    ],
)
def test_a_refusal_names_its_cause_and_pages_say_what_is_true(caplog, error, words, is_crowd):
    if not isinstance(error, Error):
        django_error = OperationalError(str(error))
        django_error.__cause__ = error
        error = django_error
    busy = busy_for(error)
    assert ("Many people are booking" in str(busy)) == is_crowd == (not isinstance(busy, Unavailable))
    assert busy.status == 503
    assert busy.code == "busy"
    [record] = caplog.records
    assert words in record.getMessage()
    assert "hunter2" not in caplog.text


@pytest.fixture
def quiet_log():
    """A logger of its own behind the filter of production; what comes through, as text."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(handler.format(record))
    handler.addFilter(OnceAMinute(("channels_redis",)))
    logger = logging.getLogger("channels_redis.test")
    logger.addHandler(handler)
    logger.propagate = False
    yield logger, lines, handler.filters[0]
    logger.removeHandler(handler)
    logger.propagate = True


def test_the_same_cause_is_one_line_a_minute_and_another_one_is_another(quiet_log, monkeypatch):
    logger, lines, once = quiet_log
    for _request in range(100):
        logger.error("Requests are refused: %s.", "the disk is full", extra=SELDOM)
        logger.error("Requests are refused: %s.", "PostgreSQL does not answer", extra=SELDOM)
    assert lines == [
        "Requests are refused: the disk is full.",
        "Requests are refused: PostgreSQL does not answer.",
    ]
    monkeypatch.setattr(once, "SECONDS", 0.0)  # the minute is over
    logger.error("Requests are refused: %s.", "the disk is full", extra=SELDOM)
    assert lines[2:] == ["Requests are refused: the disk is full. (99 more like this since)"]


def test_a_library_that_repeats_itself_writes_a_line_without_a_traceback(quiet_log):
    logger, lines, _once = quiet_log
    for _second in range(50):
        try:
            raise ConnectionRefusedError
        except ConnectionRefusedError:
            logger.exception("Unexpected exception in receive task")
    assert lines == ["Unexpected exception in receive task (ConnectionRefusedError)"]


@pytest.mark.django_db
def test_a_slow_statement_is_logged_without_its_values(caplog, settings):
    @PreparedQuery
    def named(name: str):
        return Category.objects.filter(name=name)

    settings.SLOW_QUERY_SECONDS = 1e-9
    assert not Category.objects.filter(name="Secret one").exists()
    assert not named("Secret two")
    assert len(caplog.records) == 2
    assert all('FROM "experts_category"' in record.getMessage() for record in caplog.records)
    assert "Secret" not in caplog.text
    caplog.clear()
    settings.SLOW_QUERY_SECONDS = 0
    assert not Category.objects.filter(name="Secret one").exists()
    assert not caplog.records
