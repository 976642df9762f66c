"""What the bench hears between the product and PostgreSQL, from messages as the protocol writes them."""

import struct
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from psycopg.types.datetime import DatetimeBinaryDumper, DatetimeNoTzBinaryDumper, TimedeltaBinaryDumper

from bench.proxy import Listener, Talk, filled_in, split


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


STARTUP = message(b"", struct.pack("!I", 196608) + b"user\0me\0\0")
BEGIN = message(b"Q", b"BEGIN\0")
SYNC = message(b"S", b"")
EXECUTE = message(b"E", b"\0" + struct.pack("!I", 0))


def parse(name: bytes, sql: bytes, *types: int) -> bytes:
    return message(b"P", name + b"\0" + sql + b"\0" + struct.pack(f"!H{len(types)}I", len(types), *types))


def bind(name: bytes, *values: tuple[int, bytes | None]) -> bytes:
    formats = struct.pack(f"!H{len(values)}H", len(values), *(kind for kind, _value in values))
    parts = [struct.pack("!i", -1 if value is None else len(value)) + (value or b"") for _kind, value in values]
    return message(b"B", b"\0" + name + b"\0" + formats + struct.pack("!H", len(values)) + b"".join(parts) + b"\0\0")


@pytest.fixture
def listener():
    listener = Listener(Talk())
    listener.client_spoke(STARTUP)
    return listener


class TestStatements:
    def test_of_a_simple_query_are_counted_one_by_one(self, listener):
        listener.client_spoke(message(b"Q", b"SELECT 'a;b'; INSERT INTO \"x;y\" VALUES (E'\\'; ')\0"))
        assert listener.talk.statements == ["SELECT 'a;b'", "INSERT INTO \"x;y\" VALUES (E'\\'; ')"]

    def test_that_only_begin_and_end_transactions_are_none(self, listener):
        listener.client_spoke(BEGIN + message(b"Q", b"SELECT 1\0") + message(b"Q", b"COMMIT\0"))
        assert listener.talk.asked == ["BEGIN", "SELECT 1", "COMMIT"]
        assert listener.talk.statements == ["SELECT 1"]

    def test_that_are_prepared_count_each_time_they_are_executed(self, listener):
        listener.client_spoke(parse(b"s1", b"SELECT $1, $2, $3", 20, 25, 25))
        for number in (7, -8):
            listener.client_spoke(bind(b"s1", (1, struct.pack("!q", number)), (0, b"it's"), (0, None)) + EXECUTE + SYNC)
        assert listener.talk.statements == ["SELECT 7, 'it''s', NULL", "SELECT -8, 'it''s', NULL"]

    def test_arrays_say_what_they_are_as_nothing_around_them_does(self, listener):
        """The smallest integers that hold the values are sent; a load with other values needs greater ones."""
        listener.client_spoke(parse(b"s1", b"SELECT 1 = ANY($1), 'a' = ANY($2)", 1005, 1009))
        listener.client_spoke(bind(b"s1", (0, b"{1,2}"), (0, b"{a,b}")) + EXECUTE + SYNC)
        assert listener.talk.statements == ["SELECT 1 = ANY('{1,2}'::bigint[]), 'a' = ANY('{a,b}'::text[])"]

    def test_are_heard_whatever_pieces_they_come_in(self, listener):
        for byte in parse(b"", b"SELECT 1") + bind(b"") + EXECUTE:
            listener.client_spoke(bytes([byte]))
        assert listener.talk.statements == ["SELECT 1"]


class TestRoundTrips:
    def test_are_turns_of_the_talk_and_not_messages(self, listener):
        listener.server_spoke()  # ready
        listener.client_spoke(BEGIN)
        listener.server_spoke()
        listener.server_spoke()
        listener.client_spoke(parse(b"", b"SELECT 1"))
        listener.client_spoke(bind(b"") + EXECUTE + SYNC)
        listener.server_spoke()
        assert listener.talk.round_trips == 2

    def test_do_not_count_how_a_connection_begins(self):
        listener = Listener(Talk())
        listener.client_spoke(message(b"", struct.pack("!I", 80877103)))  # asks for TLS
        listener.server_spoke()
        listener.client_spoke(STARTUP)
        assert listener.talk == Talk()


def test_ten_parameters_are_told_from_the_first():
    assert filled_in("SELECT $1, $10", [], [(False, str(n).encode()) for n in range(1, 11)]) == "SELECT '1', '10'"


@pytest.mark.django_db
def test_a_length_of_time_is_filled_in_as_postgresql_reads_it():
    length = timedelta(days=3, hours=-2, microseconds=5)
    value = bytes(TimedeltaBinaryDumper(timedelta).dump(length))
    with connection.cursor() as cursor:
        cursor.execute(filled_in("SELECT $1", [1186], [(True, value)]))
        assert cursor.fetchone() == (length,)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "dumper", "instant"),
    [
        (1114, DatetimeNoTzBinaryDumper, datetime(1999, 12, 31, 23, 59, 59, 5)),
        (1184, DatetimeBinaryDumper, datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1)),
    ],
)
def test_an_instant_is_filled_in_as_postgresql_reads_it(kind, dumper, instant):
    value = bytes(dumper(datetime).dump(instant))
    with connection.cursor() as cursor:
        cursor.execute(filled_in("SELECT $1", [kind], [(True, value)]))
        [told] = cursor.fetchone()
    assert (told, told.tzinfo is None) == (instant.astimezone(UTC) if instant.tzinfo else instant, kind == 1114)


def test_what_stands_between_quotes_ends_no_statement():
    assert split("SELECT ';'; ; SELECT \";\"") == ["SELECT ';'", 'SELECT ";"']
