"""What it costs to keep which slots a booking takes, in each of three ways. From the checkout's root:

    .venv/bin/python -m bench.sessions              7 runs of each, in turns
    RUNS=3 BOOKINGS=1000 .venv/bin/python -m bench.sessions

On a server of its own, in scratch tables that have nothing but what the question is about: slots with a counter that a
constraint bounds, and bookings whose trigger keeps it. The ways:

- ids: the booking names its first slot, and the others in an array; the trigger counts in each of them
- rows: a row for each (booking, slot); its trigger counts, and another one when the booking's status changes
- range: the booking has an expert and a range of time; the trigger counts in the expert's slots in that range

Each booking is a transaction as the services write it: lock the slots in order of time, write. Two connections do so at
once. Without waiting for the disk, which is the same for all. Prints tables of medians: transactions a second, and what
one takes of PostgreSQL: CPU of its process and WAL, which say more where the machine has other things to do.
"""

import os
import statistics
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, LiteralString, NamedTuple

import psutil
import psycopg

from bookingsite.devserver import servers

RUNS = int(os.environ.get("RUNS") or 7)
BOOKINGS = int(os.environ.get("BOOKINGS") or 2000)
CONNECTIONS = 2
SLOTS = 30  # of each expert, of which sessions of three take three

_SLOTS = """
    CREATE TABLE slot (
        id bigint PRIMARY KEY, expert_id bigint NOT NULL, starts_at timestamptz NOT NULL, ends_at timestamptz NOT NULL,
        capacity int NOT NULL DEFAULT 1, booked int NOT NULL DEFAULT 0, CHECK (booked BETWEEN 0 AND capacity),
        EXCLUDE USING gist (int8range(expert_id, expert_id, '[]') WITH &&, tstzrange(starts_at, ends_at) WITH &&)
    ) WITH (fillfactor = 70);
    CREATE INDEX ON slot (expert_id, starts_at);
    INSERT INTO slot (id, expert_id, starts_at, ends_at)
    SELECT n, n / {slots}, '2030-01-01'::timestamptz + n %% {slots} * interval '20 minutes',
           '2030-01-01'::timestamptz + (n %% {slots} + 1) * interval '20 minutes'
    FROM generate_series(0, {count} - 1) AS n;
    ANALYZE slot;
"""
_IDS = """
    CREATE TABLE booking (
        id bigserial PRIMARY KEY, slot_id bigint NOT NULL REFERENCES slot, more_slots bigint[] NOT NULL DEFAULT '{}',
        status text NOT NULL, seats int NOT NULL DEFAULT 1
    );
    CREATE INDEX ON booking (slot_id);
    CREATE INDEX ON booking USING gin (more_slots) WHERE more_slots <> '{}';
    CREATE FUNCTION count_ids() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE change record;
            was int := CASE WHEN OLD.status = 'CONFIRMED' THEN OLD.seats ELSE 0 END;
            becomes int := CASE WHEN NEW.status = 'CONFIRMED' THEN NEW.seats ELSE 0 END;
    BEGIN
        IF coalesce(cardinality(OLD.more_slots), 0) + coalesce(cardinality(NEW.more_slots), 0) = 0
           AND coalesce(OLD.slot_id, NEW.slot_id) = coalesce(NEW.slot_id, OLD.slot_id) THEN
            UPDATE slot SET booked = booked + becomes - was WHERE id = coalesce(NEW.slot_id, OLD.slot_id);
            IF NOT FOUND THEN RAISE foreign_key_violation; END IF;
            RETURN NULL;
        END IF;
        FOR change IN
            SELECT touched.slot_id, sum(touched.booked)::int AS booked
            FROM (
                SELECT unnest(OLD.slot_id || OLD.more_slots) AS slot_id, -was AS booked
                UNION ALL
                SELECT unnest(NEW.slot_id || NEW.more_slots), becomes
            ) AS touched
            WHERE touched.slot_id IS NOT NULL GROUP BY touched.slot_id
            ORDER BY (SELECT starts_at FROM slot WHERE id = touched.slot_id)
        LOOP
            UPDATE slot SET booked = booked + change.booked WHERE id = change.slot_id;
            IF NOT FOUND THEN RAISE foreign_key_violation; END IF;
        END LOOP;
        RETURN NULL;
    END $$;
    CREATE TRIGGER counts AFTER INSERT OR DELETE OR UPDATE OF slot_id, more_slots, status ON booking
        FOR EACH ROW EXECUTE FUNCTION count_ids();
"""
_ROWS = """
    CREATE TABLE booking (id bigserial PRIMARY KEY, status text NOT NULL, seats int NOT NULL DEFAULT 1);
    CREATE TABLE booking_slot (
        booking_id bigint NOT NULL REFERENCES booking, slot_id bigint NOT NULL REFERENCES slot,
        PRIMARY KEY (booking_id, slot_id)
    );
    CREATE INDEX ON booking_slot (slot_id);
    CREATE FUNCTION count_row() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE slot SET booked = booked + booking.seats FROM booking
        WHERE slot.id = NEW.slot_id AND booking.id = NEW.booking_id AND booking.status = 'CONFIRMED';
        RETURN NULL;
    END $$;
    CREATE FUNCTION count_status() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE taken record;
    BEGIN
        FOR taken IN SELECT slot.id FROM booking_slot JOIN slot ON slot.id = slot_id WHERE booking_id = NEW.id
                     ORDER BY starts_at LOOP
            UPDATE slot SET booked = booked + CASE WHEN NEW.status = 'CONFIRMED' THEN NEW.seats ELSE 0 END
                                            - CASE WHEN OLD.status = 'CONFIRMED' THEN OLD.seats ELSE 0 END
            WHERE id = taken.id;
        END LOOP;
        RETURN NULL;
    END $$;
    CREATE TRIGGER counts AFTER INSERT ON booking_slot FOR EACH ROW EXECUTE FUNCTION count_row();
    CREATE TRIGGER counts AFTER UPDATE OF status ON booking FOR EACH ROW EXECUTE FUNCTION count_status();
"""
_RANGE = """
    CREATE TABLE booking (
        id bigserial PRIMARY KEY, expert_id bigint NOT NULL, begins timestamptz NOT NULL, ends timestamptz NOT NULL,
        status text NOT NULL, seats int NOT NULL DEFAULT 1
    );
    CREATE INDEX ON booking (expert_id, begins);
    CREATE FUNCTION count_range() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        taken record;
        covered tstzmultirange;
        change int := CASE WHEN NEW.status = 'CONFIRMED' THEN NEW.seats ELSE 0 END;
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            change := change - CASE WHEN OLD.status = 'CONFIRMED' THEN OLD.seats ELSE 0 END;
        END IF;
        FOR taken IN SELECT id, starts_at, ends_at FROM slot
                     WHERE expert_id = NEW.expert_id AND starts_at > NEW.begins - interval '1 day'
                       AND starts_at < NEW.ends AND ends_at > NEW.begins ORDER BY starts_at LOOP
            UPDATE slot SET booked = booked + change WHERE id = taken.id;
            covered := coalesce(covered, '{}') + tstzmultirange(tstzrange(taken.starts_at, taken.ends_at));
        END LOOP;
        IF NOT coalesce(covered @> tstzrange(NEW.begins, NEW.ends), false) THEN RAISE check_violation; END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER counts AFTER INSERT OR UPDATE OF begins, ends, status ON booking
        FOR EACH ROW EXECUTE FUNCTION count_range();
"""


class Cost(NamedTuple):
    """Transactions a second, and of one the microseconds of PostgreSQL's CPU and the bytes that it logged."""

    rate: float
    cpu: float
    wal: float


Book = Callable[[psycopg.Cursor, list[int]], int]


def _ids(cursor: psycopg.Cursor, slots: list[int]) -> int:
    booking = "INSERT INTO booking (slot_id, more_slots, status) VALUES (%s, %s, 'CONFIRMED') RETURNING id"
    return _new(cursor, booking, [slots[0], slots[1:]])


def _rows(cursor: psycopg.Cursor, slots: list[int]) -> int:
    booking = _new(cursor, "INSERT INTO booking (status) VALUES ('CONFIRMED') RETURNING id", [])
    cursor.execute("INSERT INTO booking_slot SELECT %s, unnest(%s::bigint[])", [booking, slots])
    return booking


def _range(cursor: psycopg.Cursor, slots: list[int]) -> int:
    booking = (
        "INSERT INTO booking (expert_id, begins, ends, status)"
        " SELECT min(expert_id), min(starts_at), max(ends_at), 'CONFIRMED' FROM slot WHERE id = ANY(%s) RETURNING id"
    )
    return _new(cursor, booking, [slots])


def _new(cursor: psycopg.Cursor, statement: LiteralString, values: list[Any]) -> int:
    row = cursor.execute(statement, values).fetchone()
    assert row is not None
    return int(row[0])


WAYS: dict[str, tuple[str, Book]] = {"ids": (_IDS, _ids), "rows": (_ROWS, _rows), "range": (_RANGE, _range)}


def main() -> None:
    with servers.running_for_tests(environ={}) as embedded:
        url = embedded.urls["DATABASE_URL"]
        found: dict[str, dict[str, list[Cost]]] = {way: {} for way in WAYS}
        for run in range(RUNS + 1):  # the first for nothing
            for way in WAYS:
                for what, cost in _measure(url, way).items():
                    if run:
                        found[way].setdefault(what, []).append(cost)
        kinds = list(next(iter(found.values())))
        lines = []
        for place, unit in enumerate(["a second", "µs of CPU", "bytes of WAL"]):
            lines += [f"| {unit} | " + " | ".join(kinds) + " |", "|---|" + "---:|" * len(kinds)]
            for way, costs in found.items():
                medians = [statistics.median(cost[place] for cost in costs[kind]) for kind in kinds]
                lines.append(f"| {way} | " + " | ".join(f"{median:,.0f}" for median in medians) + " |")
            lines.append("")
        sys.stdout.write("\n".join(lines))


def _measure(url: str, way: str) -> dict[str, Cost]:
    """What transactions of one way cost, by what they do. In a schema of its own, which is gone afterwards."""
    tables, book = WAYS[way]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS bench_sessions CASCADE; CREATE SCHEMA bench_sessions")
        connection.execute("SET search_path = bench_sessions")
        slots = _SLOTS.format(slots=SLOTS, count=3 * BOOKINGS + 3 * BOOKINGS % SLOTS).replace("%%", "%")
        connection.execute(slots.encode())
        connection.execute(tables.encode())
        rates = {}
        for width in (1, 3):
            wanted = [list(range(3 * n, 3 * n + width)) for n in range(BOOKINGS)]
            booked: dict[int, list[int]] = {}
            rates[f"book {width}"] = _at_once(url, wanted, partial(_book, book, booked))
            rates[f"cancel {width}"] = _at_once(url, list(booked), partial(_cancel, booked))
            left = connection.execute("SELECT sum(booked) FROM slot").fetchone()
            assert left == (0,), f"{way}: {left} are still counted"
        connection.execute("DROP SCHEMA bench_sessions CASCADE")
    return rates


def _book(book: Book, booked: dict[int, list[int]], cursor: psycopg.Cursor, slots: list[int]) -> None:
    _lock(cursor, slots)
    booked[book(cursor, slots)] = slots


def _cancel(booked: dict[int, list[int]], cursor: psycopg.Cursor, booking: int) -> None:
    _lock(cursor, booked[booking])
    cursor.execute("UPDATE booking SET status = 'CANCELLED' WHERE id = %s", [booking])


def _lock(cursor: psycopg.Cursor, slots: list[int]) -> None:
    cursor.execute("SELECT 1 FROM slot WHERE id = ANY(%s) ORDER BY starts_at, id FOR NO KEY UPDATE", [slots])


def _at_once(url: str, wanted: list[Any], act: Callable[[psycopg.Cursor, Any], None]) -> Cost:
    cpu: list[float] = []

    def work(number: int) -> None:
        with psycopg.connect(url) as connection:
            connection.execute("SET search_path = bench_sessions")
            connection.commit()
            process = psutil.Process(connection.info.backend_pid)
            before = process.cpu_times()
            for each in wanted[number::CONNECTIONS]:
                with connection.transaction(), connection.cursor() as cursor:
                    act(cursor, each)
            after = process.cpu_times()
            cpu.append(after.user + after.system - before.user - before.system)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(CONNECTIONS)]
    wal, begun = _wal(url), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lasted, written = time.perf_counter() - begun, _wal(url) - wal
    count = len(wanted)
    return Cost(count / lasted, sum(cpu) / count * 1e6, written / count)


def _wal(url: str) -> int:
    with psycopg.connect(url) as connection:
        [position] = connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone() or [0]
        return int(position)


if __name__ == "__main__":
    main()
