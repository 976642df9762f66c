"""Nobody is double-booked: many want one slot at the same moment, through the service and through HTTP."""

import threading
from collections import Counter

import pghistory
import psycopg
import pytest
from django.db import connection

from bookings.errors import Busy, SlotTaken
from bookings.models import Booking, Idempotency, TurnedAway
from bookings.services import hold_slot
from tests.cast import book, fresh, make_slot
from tests.concurrency.contention import CONTENDERS, address, held_row, held_visitor, run_together
from tests.http import Visitor

pytestmark = pytest.mark.django_db(transaction=True)
CAPACITIES = pytest.mark.parametrize("capacity", [1, 5])


def answer_of(work) -> str:
    try:
        work()
    except (SlotTaken, Busy) as refusal:
        return refusal.code
    return "booked"


@CAPACITIES
def test_threads_that_all_wait_for_the_lock(capacity, settings):
    """Every contender has already seen a free seat when the first one may write: the check must happen again.

    Each comes from somewhere else, so that none shares the transaction of another, as if each had a process of its own.
    """

    def contender(n):
        with pghistory.context(contender=n):
            return answer_of(lambda: book(slot, idempotency_key=f"k{n}"))

    settings.LOCK_TIMEOUT_MS = 60_000
    slot = make_slot(capacity=capacity)
    answers = []
    with held_row(slot) as row:
        crowd = threading.Thread(target=lambda: answers.extend(run_together(contender)))
        crowd.start()
        row.wait_for(CONTENDERS)
        row.let_go()
        crowd.join(timeout=60)
    assert Counter(answers) == {"booked": capacity, "slot_taken": CONTENDERS - capacity}
    assert Booking.objects.filter(slot=slot).count() == fresh(slot).seats_booked == capacity
    assert TurnedAway.objects.filter(slot=slot).count() == CONTENDERS - capacity
    assert Idempotency.objects.count() == CONTENDERS


@CAPACITIES
def test_threads_that_come_as_they_please(capacity):
    slot = make_slot(capacity=capacity)
    answers = run_together(lambda n: answer_of(lambda: book(slot)), count=2 * CONTENDERS)
    assert Counter(answers) == {"booked": capacity, "slot_taken": 2 * CONTENDERS - capacity}
    assert fresh(slot).seats_booked == capacity


def test_one_key_sent_many_times_at_once_books_once(settings):
    settings.LOCK_TIMEOUT_MS = 60_000
    slot = make_slot(capacity=5)
    values = {"name": "Lena", "email": "lena@example.com", "idempotency_key": "k"}
    bookings = run_together(lambda n: book(slot, **values).pk)
    assert len(set(bookings)) == 1
    assert Booking.objects.count() == fresh(slot).seats_booked == 1


def test_one_key_sent_many_times_to_the_last_seat_books_once(settings):
    """The retry finds the slot full of its own booking, and must not be told that somebody was faster."""
    settings.LOCK_TIMEOUT_MS = 60_000
    slot = make_slot(capacity=1)
    values = {"name": "Lena", "email": "lena@example.com", "idempotency_key": "k"}
    bookings = run_together(lambda n: book(slot, **values).pk)
    assert len(set(bookings)) == 1, bookings
    assert isinstance(bookings[0], int)
    assert not TurnedAway.objects.exists()


def test_a_lock_held_too_long_ends_in_busy_with_nothing_written(settings):
    settings.LOCK_TIMEOUT_MS = 100
    slot = make_slot()
    with held_row(slot), pytest.raises(Busy):
        book(slot, idempotency_key="k")
    assert not Booking.objects.exists()
    assert not Idempotency.objects.exists()
    assert not TurnedAway.objects.exists()
    book(slot, idempotency_key="k")


def test_a_hold_waits_no_longer_for_another_tab_or_for_the_slot(settings):
    settings.LOCK_TIMEOUT_MS = 100
    slot, visitor = make_slot(), "v" * 32
    with held_visitor(visitor), pytest.raises(Busy):
        hold_slot(slot_id=slot.pk, visitor=visitor)
    with held_row(slot), pytest.raises(Busy):
        hold_slot(slot_id=slot.pk, visitor=visitor)
    assert not Booking.objects.exists()
    with held_visitor("w" * 32):
        hold_slot(slot_id=slot.pk, visitor=visitor)


def test_a_connection_that_was_lost_ends_in_busy():
    slot = make_slot()
    with connection.cursor() as cursor, psycopg.connect(address(), autocommit=True) as other:
        cursor.execute("SELECT pg_backend_pid()")
        other.execute("SELECT pg_terminate_backend(%s, 10000)", cursor.fetchone())
    with pytest.raises(Busy):
        book(slot)
    connection.close()
    assert book(slot)


@CAPACITIES
def test_over_http_against_the_running_server(capacity, live_site):
    slot = make_slot(capacity=capacity)
    visitors = [Visitor(live_site.url) for _ in range(CONTENDERS)]
    forms = [visitor.open_form(slot) for visitor in visitors]
    answers = run_together(lambda n: visitors[n].confirm(slot, forms[n], email=f"lena{n}@example.com"))
    assert Counter(answer.status for answer in answers) == {302: capacity, 409: CONTENDERS - capacity}
    assert all("Nothing was booked" in answer.body for answer in answers if answer.status == 409)
    assert Booking.objects.filter(slot=slot).count() == fresh(slot).seats_booked == capacity


def test_over_http_one_form_sent_many_times_books_once(live_site):
    slot = make_slot(capacity=5)
    visitor = Visitor(live_site.url)
    form = visitor.open_form(slot)
    answers = run_together(lambda n: visitor.confirm(slot, form))
    assert {answer.status for answer in answers} == {302}
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert Booking.objects.count() == 1


def test_over_http_a_lock_held_too_long_is_503_please_retry(live_site):
    slot = make_slot()
    visitor = Visitor(live_site.url)
    form = visitor.open_form(slot)
    with held_row(slot):
        answer = visitor.confirm(slot, form)
    assert answer.status == 503
    assert answer.headers["Retry-After"]
    assert "try again" in answer.body
    assert not Booking.objects.exists()
    assert visitor.confirm(slot, form).status == 302
