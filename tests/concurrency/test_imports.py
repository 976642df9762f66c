"""Imports while others book, and while they run twice: nobody waits in a circle, and nothing is imported two times."""

import threading

import pytest
from django.db import connections
from procrastinate.contrib.django.models import ProcrastinateJob

from bookings import services
from bookings.errors import Busy
from bookings.models import Booking
from bookings.services import imports
from bookings.services.booking_imports import import_bookings
from bookings.services.idempotency import Booked
from experts.models import ImportRun, ImportStatus, SessionType
from tests.bookings.services.test_imports import DAY, HEAD, run, start
from tests.cast import book, fresh, make_expert, make_row_of_slots, make_slot, make_type
from tests.concurrency.contention import held_row, line_up

pytestmark = pytest.mark.django_db(transaction=True)
TYPED = [*HEAD, "type"]


@pytest.fixture
def expert():
    return make_expert(name="Dr Amara Okafor")


def row(expert, at, name="Lena", kind=""):
    return [expert.name, DAY, at, name, f"{name.lower()}@example.com", "", "", "", kind]


def in_thread(work) -> threading.Thread:
    thread = threading.Thread(target=lambda: (work(), connections.close_all()), daemon=True)
    thread.start()
    return thread


def confirmed(expert, *rows) -> ImportRun:
    it = start(expert, *rows)
    imports.run_import(run_id=it.pk)
    return imports.confirm_import(run_id=it.pk)


def test_sessions_of_an_import_are_locked_in_the_order_of_all(expert, settings):
    """10:20–11:00 and 11:00, while a visitor who is first in line wants 10:40–11:20."""
    settings.LOCK_TIMEOUT_MS = 30_000
    slots = make_row_of_slots(expert)
    kind = make_type(expert, minutes=40)
    visitor, imported = line_up(
        lambda: services.book(slot_id=slots["10:40"].pk, session_type=kind.pk, name="Karim", email="karim@example.com"),
        lambda: run(
            import_bookings,
            expert.organization,
            TYPED,
            row(expert, "10:20", kind=kind.slug),
            row(expert, "11:00"),
        ),
        behind=slots["10:40"],
    )
    assert isinstance(visitor, Booked), visitor
    assert sorted(number for number, _text in imported.errors) == [2, 3]
    assert Booking.objects.count() == 1


def test_what_became_longer_meanwhile_is_locked_anew(expert, settings):
    settings.LOCK_TIMEOUT_MS = 30_000
    slots = make_row_of_slots(expert)
    kind = make_type(expert, minutes=40)
    table = SessionType._meta.db_table
    rows = [TYPED, row(expert, "10:20", kind=kind.slug)]
    results: list[object] = []

    def carry_out() -> None:
        try:
            results.append(run(import_bookings, expert.organization, *rows))
        except Busy as busy:
            results.append(busy)

    with held_row(slots["10:40"]) as held:
        thread = in_thread(carry_out)
        held.wait_for(1)
        held.change_and_let_go(f"UPDATE {table} SET minutes = 60 WHERE id = %s", [kind.pk])
        thread.join(timeout=60)
    assert isinstance(results[0], Busy) and not Booking.objects.exists()

    it = confirmed(expert, *rows)
    with held_row(slots["10:40"]) as held:
        thread = in_thread(lambda: imports.run_import(run_id=it.pk))
        held.wait_for(1)
        held.change_and_let_go(f"UPDATE {table} SET minutes = 80 WHERE id = %s", [kind.pk])
        thread.join(timeout=60)
    it.refresh_from_db()
    assert it.status == ImportStatus.DONE, it.result
    assert len(Booking.objects.get().slot_ids) == 4


def test_a_booking_that_was_made_meanwhile_is_seen(expert, settings):
    settings.LOCK_TIMEOUT_MS = 30_000
    slot = make_slot(expert, at="10:00", capacity=5)
    _booked, outcome = line_up(
        lambda: book(slot, name="Lena", email="lena@example.com"),
        lambda: run(import_bookings, expert.organization, TYPED, row(expert, "10:00")),
        behind=slot,
    )
    assert (outcome.added, outcome.unchanged, outcome.errors) == (0, 1, [])


def test_of_two_runs_of_one_file_the_second_finds_all_of_it(expert, settings):
    settings.LOCK_TIMEOUT_MS = 60_000
    slot = make_slot(expert, at="10:00", capacity=5)
    first, second = (confirmed(expert, TYPED, row(expert, "10:00")) for _time in range(2))
    ProcrastinateJob.objects.all().delete()
    with held_row(slot) as held:
        one = in_thread(lambda: imports.run_import(run_id=first.pk))
        held.wait_for(1)
        other = in_thread(lambda: imports.run_import(run_id=second.pk))
        other.join(timeout=20)
        assert not other.is_alive(), "it waits in a worker that has others' jobs to do"
        held.let_go()
        one.join(timeout=60)
    second.refresh_from_db()
    assert second.status == ImportStatus.IMPORTING
    job = ProcrastinateJob.objects.get(task_name="bookings.tasks.run_import")
    assert job.args == {"run_id": second.pk} and job.scheduled_at is not None
    imports.run_import(run_id=second.pk)
    results = [(it.status, it.result["added"], it.result["unchanged"]) for it in ImportRun.objects.order_by("pk")]
    assert results == [("done", 1, 0), ("done", 0, 1)]
    assert fresh(slot).seats_booked == 1


def test_a_trial_that_ends_late_changes_nothing_of_what_is_done(expert, settings):
    settings.LOCK_TIMEOUT_MS = 30_000
    slot = make_slot(expert, at="10:00")
    it = start(expert, TYPED, row(expert, "10:00"))
    with held_row(slot) as held:
        trial = in_thread(lambda: imports.run_import(run_id=it.pk))
        held.wait_for(1)
        done = "UPDATE experts_importrun SET status = 'done', content = NULL WHERE id = %s"
        held.change_and_let_go(done, [it.pk])
        trial.join(timeout=60)
    it.refresh_from_db()
    assert (it.status, it.result) == (ImportStatus.DONE, {})
