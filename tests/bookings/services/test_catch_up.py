"""What time does to bookings, whether or not the queue did its part."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from bookings import services, tasks
from bookings.errors import Busy
from bookings.models import Booking, Status
from bookings.services import catch_up, expiry
from bookings.services.catch_up import settle_overdue
from bookings.services.expiry import Expiry
from experts.models import Slot
from tests.cast import book, fresh, make_booking, make_expert, make_slot
from tests.database import renew
from tests.mail import waiting

pytestmark = pytest.mark.django_db


def statuses():
    return list(Booking.objects.order_by("pk").values_list("status", flat=True))


def over(**values):
    return make_booking(make_slot(starts_at=timezone.now() - timedelta(minutes=40)), **values)


def test_requests_and_holds_end_when_their_time_is_over():
    past, ahead = timezone.now() - timedelta(seconds=1), timezone.now() + timedelta(minutes=1)
    for status in (Status.PENDING, Status.HELD):
        for expires_at in (past, ahead):
            make_booking(make_slot(), status=status, expires_at=expires_at)
    assert settle_overdue() == {"expired": 2, "completed": 0, "let go": 0, "offered": 0}
    assert statuses() == [Status.EXPIRED, Status.PENDING, Status.EXPIRED, Status.HELD]
    assert [kind for _booking, kind, _sequence in waiting()] == ["expired", "staff_expired"], "a hold is no news"


def test_sessions_that_are_over_are_completed():
    over()
    make_booking(make_slot(starts_at=timezone.now() - timedelta(minutes=10)))  # goes on
    book(make_slot())
    over(status=Status.CANCELLED)
    assert settle_overdue() == {"expired": 0, "completed": 1, "let go": 0, "offered": 0}
    assert statuses() == [Status.COMPLETED, Status.CONFIRMED, Status.CONFIRMED, Status.CANCELLED]
    assert settle_overdue() == {"expired": 0, "completed": 0, "let go": 0, "offered": 0}


def test_a_run_is_bounded_and_the_next_one_goes_on(monkeypatch):
    monkeypatch.setattr(catch_up, "MOST_AT_ONCE", 2)
    for _ in range(3):
        over()
    assert [settle_overdue()["completed"] for _ in range(3)] == [2, 1, 0]


def test_one_that_is_locked_keeps_none_of_the_others(monkeypatch):
    locked, free = over(), over()
    complete = services.complete

    def sometimes(*, booking_id):
        if booking_id == locked.pk:
            raise Busy
        return complete(booking_id=booking_id)

    monkeypatch.setattr(catch_up, "complete", sometimes)
    assert settle_overdue()["completed"] == 1
    free.refresh_from_db()
    assert free.status == Status.COMPLETED


def test_the_deadline_of_a_request_fires_and_frees_the_seat():
    slot = make_slot(make_expert(requires_approval=True))
    booking = book(slot)
    assert Expiry().end_due() == 0
    assert fresh(slot).state == "full", "too early, nothing happens"
    Booking.objects.filter(pk=booking.pk).update(expires_at=timezone.now())
    assert Expiry().end_due() == 1
    assert statuses() == [Status.EXPIRED]
    assert fresh(slot).state == "open"


def test_runs_every_minute():
    assert tasks.catch_up.name in {task.task.name for task in tasks.app.periodic_registry.periodic_tasks.values()}
    over()
    tasks.catch_up(timestamp=0)
    assert statuses() == [Status.COMPLETED]


@pytest.mark.parametrize(
    ("rows", "index"),
    [
        (expiry.overdue, "booking_running_out"),
        (catch_up.recently_finished, "booking_over"),
        (catch_up.finished, "booking_over"),
        (catch_up.free_and_waited_for, "waitlist_in_line"),
    ],
)
def test_each_minute_reads_no_table_from_end_to_end(rows, index):
    """By indexes that hold little else, which PostgreSQL prefers for large tables."""
    renew(Booking, Slot)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = rows(timezone.now()).values("pk").explain()
    assert "Seq Scan" not in plan
    assert index in plan


@pytest.mark.parametrize("since", [timedelta(hours=2), timedelta(days=30)])
def test_sessions_of_before_are_completed_by_the_hourly_job(since):
    booking = make_booking(make_slot(starts_at=timezone.now() - since))
    assert settle_overdue()["completed"] == 0
    tasks.tidy_up(timestamp=0)
    booking.refresh_from_db()
    assert booking.status == Status.COMPLETED


def test_the_hourly_job_works_off_a_backlog(monkeypatch):
    """Of a day without a worker, say."""
    monkeypatch.setattr(catch_up, "MOST_AT_ONCE", 2)
    for _ in range(5):
        make_booking(make_slot(starts_at=timezone.now() - timedelta(days=1)))
    tasks.tidy_up(timestamp=0)
    assert set(statuses()) == {Status.COMPLETED}
