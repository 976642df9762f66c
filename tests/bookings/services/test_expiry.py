"""What ran out is ended by looking for it."""

import logging
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from bookings.models import Booking, OutboxMail, Status
from bookings.services import expiry
from bookings.services.expiry import AGAIN_AFTER_MISTAKE, AGAIN_SOON, BATCH, Expiry, end_all_due
from bookings.services.lifecycle import expire
from bookingsite.devserver.processes import wait_until
from tests.cast import fresh, join_line, make_booking, make_slot
from tests.concurrency.contention import held_row

LONG_AGO = timedelta(minutes=5)


def run_out(slot, status=Status.HELD, since=LONG_AGO):
    return make_booking(slot, status=status, expires_at=timezone.now() - since)


def again(row):
    return type(row).objects.get(pk=row.pk)


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when a test says so."""
    seconds = [1000.0]
    monkeypatch.setattr(expiry.time, "monotonic", lambda: seconds[0])
    return seconds


@pytest.mark.django_db
class TestWhatIsDue:
    def test_holds_and_requests_end_when_their_time_is_over_and_no_others(self):
        slot = make_slot(capacity=9)
        due = [run_out(slot), run_out(slot, Status.PENDING)]
        others = [make_booking(slot, status=status) for status in (Status.HELD, Status.PENDING, Status.CONFIRMED)]
        before = [other.status for other in others]
        assert Expiry().end_due() == 2
        assert {again(booking).status for booking in due} == {Status.EXPIRED}
        assert [again(other).status for other in others] == before
        assert fresh(slot).seats_held == 1
        told = OutboxMail.objects.values_list("booking", "kind")
        assert set(told) == {(due[1].pk, "expired"), (due[1].pk, "staff_expired")}
        assert Expiry().end_due() == 0

    def test_who_waits_is_served(self):
        slot = make_slot()
        hold = make_booking(slot, status=Status.HELD)
        entry = join_line(slot, email="lena@example.com", name="Lena", visitor="a" * 32)
        Booking.objects.filter(pk=hold.pk).update(expires_at=timezone.now())
        Expiry().end_due()
        assert again(entry).hold is not None

    def test_the_oldest_come_first_and_not_all_at_once(self, monkeypatch):
        monkeypatch.setattr(expiry, "BATCH", 2)
        slot = make_slot(capacity=9)
        late, early, middle = (run_out(slot, since=timedelta(minutes=n)) for n in (1, 3, 2))
        assert Expiry().end_due() == 2
        assert [again(booking).status for booking in (early, middle, late)] == [
            Status.EXPIRED,
            Status.EXPIRED,
            Status.HELD,
        ]

    def test_it_is_found_by_an_index(self):
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_bitmapscan = off")  # better for a small table, but not in order
            plan = expiry.overdue(timezone.now()).exclude(pk__in=[1])[:BATCH].explain()
        assert "booking_running_out" in plan
        assert "Sort" not in plan

    def test_a_mistake_with_one_keeps_none_of_the_others_and_is_tried_again_later(self, monkeypatch, caplog, clock):
        slot = make_slot(capacity=9)
        broken, sound = run_out(slot, since=timedelta(minutes=9)), run_out(slot)
        tried = []

        def sometimes(*, booking_id):
            tried.append(booking_id)
            if booking_id == broken.pk:
                raise ValueError(slot.expert.name)
            return expire(booking_id=booking_id)

        monkeypatch.setattr(expiry, "expire", sometimes)
        one = Expiry()
        assert [one.end_due(), one.end_due()] == [2, 0]
        assert tried == [broken.pk, sound.pk]
        assert again(sound).status == Status.EXPIRED
        assert "ValueError" in caplog.text
        assert slot.expert.name not in caplog.text
        clock[0] += AGAIN_AFTER_MISTAKE
        assert one.end_due() == 1
        assert tried[-1] == broken.pk


@pytest.mark.django_db(transaction=True)
def test_a_slot_that_is_locked_keeps_none_of_the_others(settings, clock, caplog):
    settings.LOCK_TIMEOUT_MS = 50
    busy, free = make_slot(), make_slot()
    first, second = run_out(busy, since=timedelta(minutes=9)), run_out(free)
    one = Expiry()
    with held_row(busy), caplog.at_level(logging.INFO):
        assert one.end_due() == 2
        assert one.end_due() == 0, "not at once again"
    assert (again(first).status, again(second).status) == (Status.HELD, Status.EXPIRED)
    assert "put off: busy" in caplog.text
    clock[0] += AGAIN_SOON
    assert one.end_due() == 1
    assert again(first).status == Status.EXPIRED


@pytest.mark.django_db(transaction=True)
def test_the_thread_of_a_worker_goes_on_after_its_connection_was_cut(caplog, monkeypatch):
    monkeypatch.setattr("bookings.polling.PAUSE", 0.01)
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    stop = threading.Event()
    thread = threading.Thread(target=expiry.keep_ending, args=[stop])
    with connection.cursor() as cursor:

        def is_cut_off() -> bool:
            # A connection that an earlier test has left may be among them: cut until it was the thread's.
            cursor.execute(f"SELECT pg_terminate_backend(pid) {others} AND query LIKE '%%bookings_booking%%'")
            return "Freeing what ran out waits" in caplog.text

        try:
            thread.start()
            assert wait_until(is_cut_off, seconds=30)
            booking = run_out(make_slot())
            assert wait_until(lambda: again(booking).status == Status.EXPIRED, seconds=30)
        finally:
            stop.set()
            thread.join(30)
    assert not thread.is_alive()


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_only_does_what_there_is_comes_to_an_end(settings, monkeypatch):
    """Also where a whole batch cannot be ended: it is put off, and not looked for again and again."""
    settings.LOCK_TIMEOUT_MS = 50
    monkeypatch.setattr(expiry, "BATCH", 1)
    busy, free = make_slot(), make_slot()
    first, second = run_out(busy, since=timedelta(minutes=9)), run_out(free)
    with held_row(busy):
        end_all_due()
    assert (again(first).status, again(second).status) == (Status.HELD, Status.EXPIRED)
