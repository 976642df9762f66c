"""kill -9 of a web process in the middle of a batch: each booking is there or not, and nobody was told wrongly."""

import json
import subprocess
import threading

import psycopg
import pytest
from django.db import connection

from bookings import services
from bookings.models import Booking, Idempotency, OutboxMail
from bookings.services.idempotency import KeyedAnswer
from bookingsite.devserver import processes
from tests.cast import fresh, make_slot
from tests.concurrency.contention import address, held_table
from tests.live import start_python

pytestmark = pytest.mark.django_db(transaction=True)

# Books or holds the first slot, and the others while it is being written: they are one batch. Says when they stand in
# line, and the reference of each booking that was answered.
PROGRAM = """
import json, sys, threading
import django
django.setup()
from django.conf import settings
settings.LOCK_TIMEOUT_MS = 60_000
from bookings import services
from bookings.services import booking, holds
from bookingsite.devserver.processes import wait_until

gate = {"book": booking.gate, "hold": holds.gate}[sys.argv[1]]

def book(wanted):
    made = services.book(**wanted).booking if sys.argv[1] == "book" else services.hold_slot(**wanted)
    print(made.reference, flush=True)

first, *others = json.loads(sys.argv[2])
threading.Thread(target=book, args=[first]).start()
sys.stdin.readline()
for number, wanted in enumerate(others):
    threading.Thread(target=book, args=[wanted]).start()
    assert wait_until(lambda: gate.waiting() == number + 1, seconds=30)
print("in line", flush=True)
"""


@pytest.fixture
def start_booking(worker_database):
    started = []

    def start(act: str, wanted: list[dict]) -> subprocess.Popen:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        program = start_python(["-c", PROGRAM, act, json.dumps(wanted)], worker_database, **pipes)
        started.append(program)
        return program

    yield start
    for program in started:
        program.kill()
        program.communicate()


def busy_sessions() -> int:
    """How many others are in a transaction or at a statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND state <> 'idle'"
        )
        return cursor.fetchone()[0]


def waiting_statement(table: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT query FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ %s", [table])
        [(statement,)] = cursor.fetchall()
        return statement


def get_in_line(program: subprocess.Popen) -> None:
    """Have the others of a batch stand in line, while the first is being written."""
    program.stdin.write("\n")
    program.stdin.flush()
    assert program.stdout.readline() == "in line\n"


def test_of_its_batch_nothing_is_written_and_what_was_answered_stays(start_booking):
    slots = [make_slot() for _ in range(9)]
    wanted = [
        {"slot_id": slot.pk, "name": "Lena", "email": f"lena{n}@example.com", "idempotency_key": "k"}
        for n, slot in enumerate(slots)
    ]
    # Somebody else is about to answer the key of one of the batch, which has written its bookings by then, and waits.
    last = KeyedAnswer.for_request(Booking(slot=slots[-1], email=wanted[-1]["email"]), "k", "")
    with psycopg.connect(address()) as somebody:
        somebody.execute(
            f"INSERT INTO {Idempotency._meta.db_table} (scope, key, request_hash, refusal) VALUES (%s, %s, '', 'full')",
            [last.scope, last.key],
        )
        with held_table(Booking) as table:
            program = start_booking("book", wanted)
            table.wait_for(1)
            get_in_line(program)
            table.let_go()
            answered = program.stdout.readline().strip()
            table.wait_for(1)
            assert "INSERT" in waiting_statement("idempotency")
            program.kill()
            somebody.rollback()
    assert processes.wait_until(lambda: busy_sessions() == 0, seconds=30)
    assert [booking.reference for booking in Booking.objects.all()] == [answered]
    assert [fresh(slot).seats_booked for slot in slots] == [1] + 8 * [0]
    assert OutboxMail.objects.count() == Idempotency.objects.count() == 1
    # Who heard nothing asks again, with the same key; so does who was answered, and is answered the same.
    references = [services.book(**booking).booking.reference for booking in wanted]
    assert references[0] == answered
    assert Booking.objects.count() == 9
    assert all(fresh(slot).seats_booked == 1 for slot in slots)


def test_of_a_batch_of_holds_nothing_is_written_either(start_booking):
    slots = [make_slot() for _ in range(9)]
    wanted = [{"slot_id": slot.pk, "visitor": f"{n:032}"} for n, slot in enumerate(slots)]
    with psycopg.connect(address()) as next_in_line, held_table(Booking.pgh_event_model) as history:
        program = start_booking("hold", wanted)
        history.wait_for(1)
        get_in_line(program)
        # Who asks for a lock of the history now gets it after the first hold, and before the batch, which then waits
        # with its holds written.
        lock = f"LOCK TABLE {Booking.pgh_event_model._meta.db_table} IN SHARE MODE"
        asking = threading.Thread(target=next_in_line.execute, args=[lock])
        asking.start()
        history.wait_for(2)
        history.let_go()
        asking.join(timeout=30)
        answered = program.stdout.readline().strip()
        history.wait_for(1)
        assert waiting_statement("bookings_booking").startswith("INSERT")
        program.kill()
        next_in_line.rollback()
    assert processes.wait_until(lambda: busy_sessions() == 0, seconds=30)
    assert [booking.reference for booking in Booking.objects.all()] == [answered]
    assert [fresh(slot).seats_held for slot in slots] == [1] + 8 * [0]
    references = [services.hold_slot(**hold).reference for hold in wanted]
    assert references[0] == answered
    assert all(fresh(slot).seats_held == 1 for slot in slots)
