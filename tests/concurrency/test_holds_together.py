"""Holds that arrive together are written together; what is wrong with one of them harms none of the others."""

import threading
from collections import Counter

import pytest
from django.db import ProgrammingError, connection, connections

from bookings.errors import Busy, SlotTaken
from bookings.models import Booking, Status
from bookings.selectors.slot_for_visitor import slot_for_visitor
from bookings.services import hold_slot, release_hold
from bookings.services.holds import gate
from bookings.services.together import MOST_TOGETHER
from bookingsite.devserver.processes import wait_until
from experts.models import Expert
from tests.cast import fresh, join_line, make_expert, make_organization, make_slot
from tests.concurrency.contention import held_row, held_table, held_visitor, hold_in_one_batch, run_together

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def patient(settings):
    settings.LOCK_TIMEOUT_MS = 60_000


def visitor(n) -> str:
    return f"{n:032}"


def hold(slot, n, **options):
    return hold_slot(slot_id=slot.pk, visitor=visitor(n), **options)


def transactions(**of) -> Counter:
    """How many of the holds each transaction wrote."""
    rows = Booking.objects.filter(**of).extra(select={"xmin": "bookings_booking.xmin::text"}).values_list("xmin")
    return Counter(rows)


def test_what_arrives_together_is_one_transaction():
    slots = [make_slot() for _ in range(20)]
    held = hold_in_one_batch(*[lambda n=n, slot=slot: hold(slot, n) for n, slot in enumerate(slots)])
    assert [one.slot_id for one in held] == [slot.pk for slot in slots]
    assert [one.holder for one in held] == [visitor(n) for n in range(20)]
    assert all(one.slot.seats_held == 1 for one in held)
    assert list(transactions(slot__in=slots).values()) == [20]
    assert all(fresh(slot).seats_held == 1 for slot in slots)


def test_alone_each_is_a_transaction_of_its_own():
    """The control: the test above can fail."""
    slots = [make_slot() for _ in range(3)]
    for n, slot in enumerate(slots):
        hold(slot, n)
    assert list(transactions(slot__in=slots).values()) == [1, 1, 1]


@pytest.mark.parametrize("capacity", [1, 10])
def test_order_of_arrival_decides(capacity):
    slot = make_slot(capacity=capacity)
    answers = hold_in_one_batch(*[lambda n=n: hold(slot, n) for n in range(32)])
    assert all(isinstance(answer, Booking) for answer in answers[:capacity])
    assert all(isinstance(answer, SlotTaken) and answer.reason == "held" for answer in answers[capacity:])
    assert Booking.objects.filter(slot=slot).count() == fresh(slot).seats_held == capacity


def test_a_party_that_is_too_large_leaves_its_seats_to_the_next():
    slot = make_slot(make_expert(organization=make_organization(max_party=3)), capacity=4)
    answers = hold_in_one_batch(*[lambda n=n: hold(slot, n, seats=n) for n in (3, 2, 1)])
    assert [type(answer) for answer in answers] == [Booking, SlotTaken, Booking]
    assert fresh(slot).seats_held == 4


def test_two_tabs_of_one_visitor_have_one_hold_of_a_slot_and_at_most_two_in_all():
    slots = [make_slot() for _ in range(3)]
    answers = hold_in_one_batch(*[lambda slot=slot: hold(slot, 1) for slot in [slots[0], slots[0], *slots[1:]]])
    assert sorted(type(answer).__name__ for answer in answers) == ["Booking"] * 3 + ["TooManyHolds"]
    assert answers[0].pk == answers[1].pk
    assert Booking.objects.filter(holder=visitor(1), status=Status.HELD).count() == 2


def test_who_holds_a_time_of_somebody_else_is_one_of_the_batch():
    first, slots = [make_slot() for _ in range(3)], [make_slot() for _ in range(3)]
    for n, slot in enumerate(first):
        hold(slot, n)
    hold(make_slot(), 2)
    answers = hold_in_one_batch(*[lambda n=n, slot=slot: hold(slot, n) for n, slot in enumerate(slots)])
    assert [type(answer).__name__ for answer in answers] == ["Booking", "Booking", "TooManyHolds"]
    assert list(transactions(slot__in=slots).values()) == [2]


def test_two_times_of_one_expert_are_one_hold_that_moves():
    expert = make_expert()
    slots = [make_slot(expert, at=at) for at in ("09:00", "10:00")]
    hold_in_one_batch(*[lambda slot=slot: hold(slot, 1) for slot in slots])
    assert Booking.objects.get(holder=visitor(1)).slot_id == slots[1].pk
    assert [fresh(slot).seats_held for slot in slots] == [0, 1]


def _hold_beside(slot, others, is_stuck):
    """Hold the slot and others by different visitors; returns the threads once only the first still waits."""
    threads = []
    for n, each in enumerate([slot, *others]):
        run = lambda n=n, each=each: (hold(each, n), connections.close_all())  # noqa: E731 (of this round)
        threads.append(threading.Thread(target=run, daemon=True))
    for thread in threads:
        thread.start()
    for thread in threads[1:]:
        thread.join(timeout=30)
        assert not thread.is_alive(), "waits for a slot or a visitor of others"
    assert threads[0].is_alive() == is_stuck
    return threads


def test_a_slot_that_somebody_has_locked_keeps_nobody_else():
    locked, free = make_slot(), [make_slot() for _ in range(5)]
    with held_row(locked) as row:
        threads = _hold_beside(locked, free, is_stuck=True)
        row.wait_for(1)
        row.let_go()
        threads[0].join(timeout=30)
    assert fresh(locked).seats_held == 1


def test_a_visitor_whose_other_tab_is_slow_keeps_nobody_else():
    slot, free = make_slot(), [make_slot() for _ in range(5)]
    with held_visitor(visitor(0)):
        threads = _hold_beside(slot, free, is_stuck=True)
    threads[0].join(timeout=30)
    assert fresh(slot).seats_held == 1


@pytest.fixture
def fault():
    """The database refuses, for a reason that nobody expects, holds of the visitor 1."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION refuse_fault() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'a fault'; END $$;"
            "CREATE TRIGGER refuse_fault BEFORE INSERT ON bookings_booking FOR EACH ROW"
            f" WHEN (NEW.holder = '{visitor(1)}') EXECUTE FUNCTION refuse_fault()"
        )
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION refuse_fault CASCADE")


def test_one_that_fails_fails_alone(fault):
    slots = [make_slot() for _ in range(4)]
    answers = hold_in_one_batch(*[lambda n=n, slot=slot: hold(slot, n) for n, slot in enumerate(slots)])
    assert [type(answer) for answer in answers] == [Booking, ProgrammingError, Booking, Booking]
    assert not Booking.objects.filter(slot=slots[1]).exists()


def test_what_happened_while_one_waited_counts():
    """An expert is hidden, and a slot's seat was held, let go and offered to who waits for it."""
    hidden, offered, other = make_slot(), make_slot(), make_slot()
    seen = {slot.pk: slot_for_visitor(slot.pk, visitor(7)) for slot in (hidden, offered)}
    hold(offered, 5)
    join_line(offered, visitor=visitor(8))
    release_hold(slot_id=offered.pk, visitor=visitor(5))
    Expert.objects.filter(pk=hidden.expert_id).update(is_active=False)
    answers = hold_in_one_batch(
        lambda: hold(hidden, 7, seen=seen[hidden.pk]),
        lambda: hold(offered, 9, seen=seen[offered.pk]),
        lambda: hold(other, 10),
    )
    assert [type(answer) for answer in answers] == [SlotTaken, SlotTaken, Booking]
    assert [answer.reason for answer in answers[:2]] == ["closed", "held"]


def test_more_than_one_batch_holds():
    slots = [make_slot() for _ in range(MOST_TOGETHER + 20)]
    answers = run_together(lambda n: hold(slots[n], n), count=len(slots))
    assert all(isinstance(answer, Booking) for answer in answers)
    assert gate.waiting() == 0


def test_who_waits_in_line_waits_for_the_writing_only():
    slots = [make_slot() for _ in range(6)]
    with held_table(Booking) as table:
        crowd = threading.Thread(target=run_together, args=(lambda n: hold(slots[n], n), 6), daemon=True)
        crowd.start()
        table.wait_for(1)
        assert wait_until(lambda: gate.waiting() == 5, seconds=30)
        table.let_go()
        crowd.join(timeout=30)
    assert sorted(transactions(slot__in=slots).values()) == [1, 5]


def test_a_lock_that_does_not_come_makes_everybody_busy_and_writes_nothing(settings):
    settings.LOCK_TIMEOUT_MS = 100
    slot = make_slot(capacity=9)
    with held_row(slot):
        answers = run_together(lambda n: hold(slot, n), count=8)
    assert [type(answer) for answer in answers] == [Busy] * 8
    assert not Booking.objects.exists()
