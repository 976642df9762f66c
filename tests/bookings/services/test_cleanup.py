"""What is deleted after a while, and what is not."""

from datetime import timedelta

import pghistory
import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone
from pghistory.models import Context
from procrastinate.contrib.django.models import ProcrastinateJob

from bookings import services
from bookings.models import Booking, Status, TurnedAway, WaitlistEntry
from bookings.services import cleanup
from bookings.services.cleanup import delete_old
from experts.models import SignIn, SignInTry
from tests.cast import make_booking, make_slot

pytestmark = pytest.mark.django_db
VISITOR = "a" * 32


def ended_hold(slot=None, *, ago: timedelta = timedelta(days=2), status=Status.EXPIRED) -> Booking:
    return make_booking(
        slot or make_slot(), name="", email="", holder=VISITOR, status=status, expires_at=timezone.now() - ago
    )


def history_of(booking_id: int):
    return Booking.pgh_event_model.objects.filter(pgh_obj_id=booking_id)


@pytest.mark.parametrize("status", [Status.EXPIRED, Status.HELD])
def test_holds_that_ended_go_after_a_day_with_their_history(status):
    old, recent = ended_hold(status=status), ended_hold(status=status, ago=timedelta(hours=1))
    assert history_of(old.pk).exists()
    assert delete_old()["holds"] == 1
    assert list(Booking.objects.all()) == [recent]
    assert not history_of(old.pk).exists()


def test_who_clicked_is_forgotten_too_unless_they_did_something_else_as_well():
    slot = make_slot(capacity=3)
    with pghistory.context() as alone:
        ended_hold(slot)
    with pghistory.context() as shared:
        ended_hold(slot)
        kept = make_booking(slot)
    delete_old()
    assert Context.objects.filter(pk=shared.id).exists()
    assert not Context.objects.filter(pk=alone.id).exists()
    assert history_of(kept.pk).exists()


def test_requests_and_bookings_stay_whatever_became_of_them():
    slot, long_ago = make_slot(capacity=9), timezone.now() - timedelta(days=900)
    for status in (Status.EXPIRED, Status.CANCELLED, Status.REJECTED, Status.COMPLETED):
        make_booking(slot, status=status, expires_at=long_ago)
    delete_old()
    assert Booking.objects.count() == 4


def test_a_running_hold_stays():
    services.hold_slot(slot_id=make_slot().pk, visitor=VISITOR)
    assert delete_old()["holds"] == 0


def test_what_nobody_proved_goes_after_a_day_and_who_waited_a_month_after_the_session():
    long_ago, yesterday = timezone.now() - timedelta(days=40), timezone.now() - timedelta(days=2)
    for status in (Status.HELD, Status.EXPIRED):
        make_booking(make_slot(), status=status, awaits_proof=True, expires_at=yesterday)
    over, ahead = make_slot(starts_at=long_ago + timedelta(days=5)), make_slot()
    for slot in (over, ahead):
        WaitlistEntry.objects.create(slot=slot, email="lena@example.com", status="WAITING", created_at=long_ago)
    deleted = delete_old()
    assert (deleted["holds"], deleted["waitlists"]) == (2, 1)
    assert WaitlistEntry.objects.get().slot == ahead


def test_in_batches_and_no_more_than_so_many(monkeypatch):
    monkeypatch.setattr(cleanup, "BATCH", 2)
    monkeypatch.setattr(cleanup, "MOST_BATCHES", 2)
    slot = make_slot()
    for _ in range(5):
        ended_hold(slot)
    assert delete_old()["holds"] == 4
    assert delete_old()["holds"] == 1
    assert delete_old()["holds"] == 0


def test_demand_sessions_and_log_ins():
    now = timezone.now()
    for age in (1, 500):
        row = TurnedAway.objects.create(slot=make_slot(), reason="full", source="web")
        TurnedAway.objects.filter(pk=row.pk).update(created_at=now - timedelta(days=age))
        at = now - timedelta(days=age)
        SignInTry.objects.create(name="hash", address="192.0.2.1", at=at + timedelta(hours=1))
        SignIn.objects.create(who=f"{age}", outcome="in", means="password", address="192.0.2.1", at=at)
        Session.objects.create(session_key=f"key-{age}", session_data="", expire_date=now + timedelta(days=100 - age))
    deleted = delete_old()
    assert [deleted[kind] for kind in ("demand", "log-in tries", "log-ins", "sessions")] == [1, 1, 1, 1]
    assert [model.objects.count() for model in (TurnedAway, SignInTry, SignIn, Session)] == [1, 1, 1, 1]


def test_jobs_that_were_given_up_stay_a_month():
    with connection.cursor() as cursor:
        for age in (1, 40):
            cursor.execute(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, priority, args, status, attempts)"
                " VALUES ('mail', 'bookings.tasks.send_booking_mail', 0, '{}', 'failed', 60) RETURNING id"
            )
            [job_id] = cursor.fetchone()
            cursor.execute("DELETE FROM procrastinate_events WHERE job_id = %s", [job_id])
            cursor.execute(
                "INSERT INTO procrastinate_events (job_id, type, at)"
                " VALUES (%s, 'failed', now() - %s * interval '1 day')",
                [job_id, age],
            )
    assert delete_old()["failed jobs"] == 1
    assert ProcrastinateJob.objects.filter(status="failed").count() == 1
