"""The negative control: the same flow without lock, constraint and trigger does overbook under the same contention.

Without it, the tests beside this one would prove nothing: they might be unable to fail.
"""

import threading
from collections import Counter

import pytest
from django.db import connection, transaction

from tests.cast import make_slot
from tests.concurrency.contention import CONTENDERS, held_row, run_together

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def naked_tables():
    """Copies of the tables, without any constraint or trigger."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE control_slot (LIKE experts_slot)")
        cursor.execute("CREATE TABLE control_booking (LIKE bookings_booking INCLUDING DEFAULTS INCLUDING IDENTITY)")
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE control_slot, control_booking")


def naked_book(slot, number: int, everybody_looked: threading.Barrier) -> str:
    """`services.book` as so many systems write it: look, then insert, then count."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT capacity - seats_booked - seats_held FROM control_slot WHERE id = %s", [slot.pk])
        if cursor.fetchone()[0] < 1:
            return "slot_taken"
        everybody_looked.wait(timeout=30)  # the real flow's contenders have all looked, too, when the lock is let go
        cursor.execute(
            "INSERT INTO control_booking (slot_id, seats, status, name, email, phone, notes, reference, holder,"
            " language, timezone, source) VALUES (%s, 1, 'CONFIRMED', 'X', 'x@example.com', '', '', %s, '', 'en',"
            " '', 'web')",
            [slot.pk, f"EB-{number}"],
        )
        cursor.execute("UPDATE control_slot SET seats_booked = seats_booked + 1 WHERE id = %s", [slot.pk])
    return "booked"


@pytest.mark.parametrize("capacity", [1, 5])
def test_without_lock_constraint_and_trigger_the_flow_overbooks(capacity, naked_tables):
    slot = make_slot(capacity=capacity)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO control_slot SELECT * FROM experts_slot WHERE id = %s", [slot.pk])
    everybody_looked = threading.Barrier(CONTENDERS)
    answers = run_together(lambda n: naked_book(slot, n, everybody_looked))
    assert Counter(answers) == {"booked": CONTENDERS}
    with connection.cursor() as cursor:
        cursor.execute("SELECT (SELECT seats_booked FROM control_slot), (SELECT count(*) FROM control_booking)")
        assert cursor.fetchone() == (CONTENDERS, CONTENDERS), f"{CONTENDERS} booked into {capacity}: overbooked"


def test_the_contention_tool_really_makes_others_wait():
    slot = make_slot()
    order = []

    def write(number):
        with connection.cursor() as cursor:
            cursor.execute("UPDATE experts_slot SET title = 'X' WHERE id = %s", [slot.pk])
        order.append(number)

    with held_row(slot) as row:
        writer = threading.Thread(target=lambda: run_together(write, count=2))
        writer.start()
        row.wait_for(2)
        assert order == []
        row.let_go()
        writer.join(timeout=30)
    assert sorted(order) == [0, 1]
