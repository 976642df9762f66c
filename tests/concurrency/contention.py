"""Forces a race instead of hoping for one: hold a slot's row, let the contenders pile up behind it, let go."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager

import psycopg
from django.db import connection, connections
from psycopg import sql

from bookings import services
from bookings.models import Booking
from bookings.services import holds
from bookings.services.booking import gate
from bookings.services.holds import visitor_lock
from bookings.services.together import MOST_TOGETHER, Gate
from bookingsite.devserver.processes import wait_until
from experts.models import Slot
from tests.cast import book, make_slot
from tests.live import site_environ

CONTENDERS = 32


def run_together(work: Callable[[int], object], count: int = CONTENDERS) -> list:
    """Run ``work(0)`` … ``work(count - 1)`` in threads that start together. Results or exceptions, in order."""
    start = threading.Barrier(count)
    results: list = [None] * count

    def contender(number: int) -> None:
        try:
            start.wait(timeout=30)
            results[number] = work(number)
        except BaseException as error:
            results[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=contender, args=(n,), daemon=True) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive(), "a contender hangs"
    return results


@contextmanager
def held_row(row):
    """Holds the lock of a row from another session; ``let_go()`` ends that, and so does leaving the block.

    Yields an object with ``let_go`` and ``wait_for(count)``, which returns once ``count`` sessions wait for a lock.
    """
    with (
        psycopg.connect(address(), autocommit=False) as holder,
        psycopg.connect(address(), autocommit=True) as eye,
    ):
        table = sql.Identifier(row._meta.db_table)
        holder.execute(sql.SQL("SELECT 1 FROM {} WHERE id = %s FOR NO KEY UPDATE").format(table), [row.pk])
        yield _Held(holder, eye)
        holder.rollback()


@contextmanager
def held_visitor(visitor):
    """Holds the lock that a visitor's holds take before any slot's, from another session."""
    with psycopg.connect(address(), autocommit=False) as holder:
        holder.execute("SELECT pg_advisory_xact_lock(%s)", [visitor_lock(visitor)])
        yield
        holder.rollback()


@contextmanager
def held_table(model):
    """As ``held_row`` for a whole table: everybody may read it and nobody write to it."""
    with (
        psycopg.connect(address(), autocommit=False) as holder,
        psycopg.connect(address(), autocommit=True) as eye,
    ):
        holder.execute(sql.SQL("LOCK TABLE {} IN SHARE MODE").format(sql.Identifier(model._meta.db_table)))
        yield _Held(holder, eye)
        holder.rollback()


def pile_up(work: Callable[[int], object], *, behind, count: int) -> list:
    """As ``run_together``, but all come to wait for the lock of ``behind`` before the first may go on.

    ``behind`` is a row, or a model for all of its table.
    """
    results: list = []
    with (held_table if isinstance(behind, type) else held_row)(behind) as held:
        crowd = threading.Thread(target=lambda: results.extend(run_together(work, count)))
        crowd.start()
        held.wait_for(count)
        held.let_go()
        crowd.join(timeout=60)
    return results


def _contenders(works: Sequence[Callable[[], object]]) -> tuple[list[threading.Thread], list]:
    """Threads that are not started, one for each work, and where its result or exception will be."""
    results: list = [None] * len(works)

    def contender(number: int) -> None:
        try:
            results[number] = works[number]()
        except BaseException as error:
            results[number] = error
        finally:
            connections.close_all()

    return [threading.Thread(target=contender, args=(n,), daemon=True) for n in range(len(works))], results


def line_up(*works: Callable[[], object], behind) -> list:
    """Have each come to wait for the lock of the row ``behind``, one after the other; they get it in this order.

    Results or exceptions, in the same order.
    """
    threads, results = _contenders(works)
    with held_row(behind) as row:
        for number, thread in enumerate(threads):
            thread.start()
            row.wait_for(number + 1)
        row.let_go()
        for thread in threads:
            thread.join(timeout=60)
            assert not thread.is_alive(), "a contender hangs"
    return results


def book_in_one_batch(*works: Callable[[], object]) -> list:
    """Have bookings come while another one is being written, in this order: they are the next batch.

    Results or exceptions, in the same order. Set LOCK_TIMEOUT_MS to more than the test takes.
    """
    return _in_one_batch(gate, book, works)


def hold_in_one_batch(*works: Callable[[], object]) -> list:
    """As ``book_in_one_batch``, of holds."""
    return _in_one_batch(holds.gate, lambda slot: services.hold_slot(slot_id=slot.pk, visitor="pilot" * 6), works)


def _in_one_batch(gate: Gate, act: Callable[[Slot], object], works: Sequence[Callable[[], object]]) -> list:
    assert len(works) <= MOST_TOGETHER
    threads, results = _contenders(works)
    pilot_slot = make_slot()
    pilot = threading.Thread(target=lambda: (act(pilot_slot), connections.close_all()), daemon=True)
    with held_table(Booking) as table:
        pilot.start()
        table.wait_for(1)
        for number, thread in enumerate(threads):
            thread.start()
            assert wait_until(lambda n=number: gate.waiting() == n + 1, seconds=30), "it did not get in line"
        table.let_go()
        for thread in [pilot, *threads]:
            thread.join(timeout=60)
            assert not thread.is_alive(), "a contender hangs"
    return results


class _Held:
    def __init__(self, holder, eye):
        self._holder, self._eye = holder, eye

    def let_go(self):
        self._holder.rollback()

    def change(self, statement: str, values: list) -> None:
        """Change something under the lock, which others do not see yet."""
        self._holder.execute(statement, values)

    def change_and_let_go(self, statement: str, values: list) -> None:
        """Change something under the lock, and let go."""
        self._holder.execute(statement, values)
        self._holder.commit()

    def cut_off(self) -> None:
        """End the sessions that wait for a lock, as a restart of the database does."""
        self._eye.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )

    def wait_for(self, count: int) -> None:
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        deadline = time.monotonic() + 30
        while self._eye.execute(waiting).fetchone()[0] < count:
            assert time.monotonic() < deadline, f"fewer than {count} sessions came to wait for the lock"


def address() -> str:
    return site_environ(connection.settings_dict["NAME"])["DATABASE_URL"]
