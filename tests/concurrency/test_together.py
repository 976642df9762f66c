"""Bookings that arrive together are written together; what is wrong with one of them harms none of the others."""

import threading
from collections import Counter

import pghistory
import pytest
from django.db import ProgrammingError, connection, connections
from procrastinate.contrib.django.models import ProcrastinateJob

from bookings.errors import Busy, IdempotencyMismatch, InvalidDetails, NotFound, SlotTaken
from bookings.models import (
    Answer,
    Booking,
    Idempotency,
    OutboxMail,
    Status,
    TurnedAway,
    WaitlistEntry,
    WebhookDelivery,
)
from bookings.queue import REQUEST_ID
from bookings.selectors.slot_for_visitor import slot_for_visitor
from bookings.services import hold_slot
from bookings.services.booking import gate
from bookings.services.together import MOST_TOGETHER
from bookingsite.devserver.processes import wait_until
from experts import request_ids
from experts.models import Expert
from tests.cast import (
    book,
    fresh,
    join_line,
    make_booking,
    make_expert,
    make_organization,
    make_question,
    make_slot,
    make_webhook,
)
from tests.concurrency.contention import book_in_one_batch, held_row, held_table, run_together

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def patient(settings):
    settings.LOCK_TIMEOUT_MS = 60_000


def transactions(**of) -> Counter:
    """How many of the bookings each transaction wrote."""
    rows = Booking.objects.filter(**of).extra(select={"xmin": "bookings_booking.xmin::text"}).values_list("xmin")
    return Counter(rows)


def test_what_arrives_together_is_one_transaction():
    slots = [make_slot() for _ in range(20)]
    booked = book_in_one_batch(*[lambda slot=slot: book(slot) for slot in slots])
    assert [booking.slot_id for booking in booked] == [slot.pk for slot in slots]
    assert list(transactions(slot__in=slots).values()) == [20]
    assert all(fresh(slot).seats_booked == 1 for slot in slots)


def test_alone_each_is_a_transaction_of_its_own():
    """The control: the test above can fail."""
    slots = [make_slot() for _ in range(3)]
    for slot in slots:
        book(slot)
    assert list(transactions(slot__in=slots).values()) == [1, 1, 1]


@pytest.mark.parametrize("capacity", [1, 10])
def test_order_of_arrival_decides(capacity):
    slot = make_slot(capacity=capacity)
    answers = book_in_one_batch(*[lambda: book(slot)] * 32)
    assert all(isinstance(answer, Booking) for answer in answers[:capacity])
    assert all(isinstance(answer, SlotTaken) and answer.reason == "full" for answer in answers[capacity:])
    assert Booking.objects.filter(slot=slot).count() == fresh(slot).seats_booked == capacity
    # Counted as one, as they came as one.
    assert TurnedAway.objects.get(slot=slot).people == 32 - capacity


def test_a_party_that_is_too_large_leaves_its_seats_to_the_next():
    slot = make_slot(make_expert(organization=make_organization(max_party=3)), capacity=4)
    answers = book_in_one_batch(*[lambda n=n: book(slot, seats=n) for n in (3, 2, 1)])
    assert [type(answer) for answer in answers] == [Booking, SlotTaken, Booking]
    assert answers[1].reason == "party"
    assert fresh(slot).seats_booked == 4


def test_what_each_answers_is_checked_and_kept_with_its_own_booking():
    asking, other = make_expert(), make_slot()
    asked = make_question(asking.organization, is_required=True)
    slots = [make_slot(asking, at=at) for at in ("09:00", "10:00", "11:00")]
    said = [{asked.slug: "first"}, {}, {asked.slug: "third"}]
    calls = [lambda slot=slot, typed=typed: book(slot, answers=typed) for slot, typed in zip(slots, said, strict=True)]
    answers = book_in_one_batch(*calls, lambda: book(other))
    assert [type(answer) for answer in answers] == [Booking, InvalidDetails, Booking, Booking]
    kept = Answer.objects.order_by("booking__slot__starts_at").values_list("booking__slot_id", "value")
    assert list(kept) == [(slots[0].pk, "first"), (slots[2].pk, "third")]


def test_a_slot_that_somebody_has_locked_keeps_nobody_else():
    locked, free = make_slot(), [make_slot() for _ in range(5)]
    answers = {}

    def work(slot):
        answers[slot.pk] = book(slot)
        connections.close_all()

    with held_row(locked) as row:
        crowd = [threading.Thread(target=work, args=(slot,), daemon=True) for slot in [locked, *free]]
        for thread in crowd:
            thread.start()
        for thread in crowd[1:]:
            thread.join(timeout=30)
            assert not thread.is_alive(), "waits for a slot of others"
        row.wait_for(1)
        assert set(answers) == {slot.pk for slot in free}
        row.let_go()
        crowd[0].join(timeout=30)
    assert locked.pk in answers


def test_those_who_wait_for_one_locked_slot_are_one_session_and_keep_their_order():
    slot, other = make_slot(), make_slot()
    answers = []

    def work(name):
        try:
            book(slot, name=name)
            answers.append(name)
        except SlotTaken:
            pass
        finally:
            connections.close_all()

    with held_row(slot) as row:
        first = threading.Thread(target=work, args=("first",), daemon=True)
        first.start()
        row.wait_for(1)
        crowd = [threading.Thread(target=work, args=(f"later {n}",), daemon=True) for n in range(8)]
        for thread in crowd:
            thread.start()
        assert wait_until(lambda: gate.waiting() == 8, seconds=30), "they do not stand in the line of their slot"
        assert book(other), "others go on meanwhile"
        row.let_go()
        for thread in [first, *crowd]:
            thread.join(timeout=30)
    assert answers == ["first"]


@pytest.fixture
def fault():
    """The database refuses, for a reason that nobody expects, bookings of people called Fault."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION refuse_fault() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'a fault'; END $$;"
            "CREATE TRIGGER refuse_fault BEFORE INSERT ON bookings_booking FOR EACH ROW"
            " WHEN (NEW.name = 'Fault') EXECUTE FUNCTION refuse_fault()"
        )
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION refuse_fault CASCADE")


def test_one_that_fails_fails_alone(fault):
    slots = [make_slot() for _ in range(4)]
    names = ["A", "Fault", "B", "C"]
    works = [lambda slot=slot, name=name: book(slot, name=name) for slot, name in zip(slots, names, strict=True)]
    answers = book_in_one_batch(*works)
    assert [type(answer) for answer in answers] == [Booking, ProgrammingError, Booking, Booking]
    assert not Booking.objects.filter(slot=slots[1]).exists()


def test_refusals_of_one_do_not_touch_the_others():
    good, gone, full = make_slot(), make_slot(), make_slot()
    make_booking(full)
    gone_id = gone.pk
    gone.delete()
    gone.pk = gone_id
    answers = book_in_one_batch(
        lambda: book(gone), lambda: book(full), lambda: book(good, seats=2), lambda: book(good, name="Lena")
    )
    assert [type(answer) for answer in answers] == [NotFound, SlotTaken, InvalidDetails, Booking]


def test_a_key_that_meets_itself_books_once():
    slot = make_slot(capacity=5)
    lena = {"name": "Lena", "email": "lena@example.com", "idempotency_key": "k"}
    answers = book_in_one_batch(*[lambda: book(slot, **lena)] * 5, lambda: book(slot, **lena | {"notes": "Other"}))
    assert len({answer.pk for answer in answers[:5]}) == 1
    assert isinstance(answers[5], IdempotencyMismatch)
    assert fresh(slot).seats_booked == Idempotency.objects.count() == 1


def test_a_key_that_meets_itself_at_a_full_slot_is_refused_once():
    slot = make_slot()
    make_booking(slot)
    lena = {"name": "Lena", "email": "lena@example.com", "idempotency_key": "k"}
    answers = book_in_one_batch(*[lambda: book(slot, **lena)] * 5, lambda: book(slot, **lena | {"notes": "Other"}))
    assert [type(answer) for answer in answers] == [SlotTaken] * 5 + [IdempotencyMismatch]
    assert TurnedAway.objects.count() == Idempotency.objects.count() == 1


def test_each_finds_a_hold_of_its_own():
    slot = make_slot(capacity=2)
    for visitor in ("a" * 32, "b" * 32):
        hold_slot(slot_id=slot.pk, visitor=visitor)
    answers = book_in_one_batch(
        lambda: book(slot, name="No hold"),
        lambda: book(slot, name="A", visitor="a" * 32),
        lambda: book(slot, name="B", visitor="b" * 32),
        lambda: book(slot, name="A again", visitor="a" * 32),
    )
    assert [type(answer) for answer in answers] == [SlotTaken, Booking, Booking, SlotTaken]
    now = fresh(slot)
    assert (now.seats_booked, now.seats_held, now.next_hold_expiry) == (2, 0, None)
    assert set(Booking.objects.values_list("name", "status")) >= {("A", Status.CONFIRMED), ("B", Status.CONFIRMED)}


def test_only_those_with_one_history_share_a_transaction():
    slots = [make_slot() for _ in range(6)]
    booked = []

    def work(n):
        with pghistory.context(source=f"source {n % 2}"):
            return book(slots[n])

    with held_table(Booking) as table:
        crowd = threading.Thread(target=lambda: booked.extend(run_together(work, count=6)), daemon=True)
        crowd.start()
        table.wait_for(2)  # the first from each source; the others of each wait for it
        assert wait_until(lambda: gate.waiting() == 4, seconds=30)
        table.let_go()
        crowd.join(timeout=30)
    told = [booking.events.get().pgh_context.metadata for booking in booked]
    assert told == [{"source": f"source {n % 2}"} for n in range(6)]
    assert sorted(transactions().values()) == [1, 1, 2, 2]


def test_mails_and_webhooks_of_each_have_the_name_of_its_own_request():
    """And not of the one that happened to write for all."""
    organization = make_organization()
    make_webhook(organization)
    slots = {f"request-{n}": make_slot(make_expert(organization=organization)) for n in range(3)}

    def ask(name):
        with request_ids.under(name):
            return book(slots[name], name=name)

    book_in_one_batch(*[lambda name=name: ask(name) for name in slots])
    assert len(transactions(slot__in=slots.values())) == 1
    mails = OutboxMail.objects.exclude(request_name="").values_list("booking__name", "request_name")
    assert sorted(mails) == [(name, name) for name in slots]
    told = {it.pk: it.payload["data"] for it in WebhookDelivery.objects.all()}
    jobs = ProcrastinateJob.objects.filter(task_name="bookings.tasks.deliver_webhook").values_list("args", flat=True)
    about = sorted((it[REQUEST_ID], told[it["delivery_id"]].get("slot", told[it["delivery_id"]])["id"]) for it in jobs)
    # It was made and confirmed, and its slot is full.
    assert about == sorted((name, slot.pk) for name, slot in slots.items() for _event in range(3))


def test_an_offer_has_the_name_of_the_request_that_left_the_seat():
    expert = make_expert(max_party=2)
    slots = [make_slot(expert, at=at, capacity=2) for at in ("10:00", "11:00")]
    visitors = {"a" * 32: "request-a", "b" * 32: "request-b"}
    for slot, visitor in zip(slots, visitors, strict=True):
        hold_slot(slot_id=slot.pk, visitor=visitor, seats=2)
        join_line(slot)

    def take_one(slot, visitor):
        with request_ids.under(visitors[visitor]):
            return book(slot, visitor=visitor)

    book_in_one_batch(*[lambda s=s, v=v: take_one(s, v) for s, v in zip(slots, visitors, strict=True)])
    offered = {it.pk: it.slot_id for it in WaitlistEntry.objects.filter(status=WaitlistEntry.Status.OFFERED)}
    jobs = ProcrastinateJob.objects.filter(task_name="bookings.tasks.send_waitlist_offer")
    named = sorted((it.args[REQUEST_ID], offered[it.args["entry_id"]]) for it in jobs)
    assert named == [("request-a", slots[0].pk), ("request-b", slots[1].pk)]


def test_who_has_waited_alone_is_looked_at_again():
    """What a page had read of the expert before the wait counts no more."""
    slot, other = make_slot(), make_slot()
    seen = slot_for_visitor(slot.pk, "")
    with held_table(Booking) as table:
        leader = threading.Thread(target=lambda: (book(other), connections.close_all()), daemon=True)
        leader.start()
        table.wait_for(1)
        answers = []
        crowd = threading.Thread(
            target=lambda: answers.extend(run_together(lambda n: book(slot, seen=seen), count=1)), daemon=True
        )
        crowd.start()
        assert wait_until(lambda: gate.waiting() == 1, seconds=30)
        Expert.objects.filter(pk=slot.expert_id).update(is_active=False)
        table.let_go()
        for thread in (leader, crowd):
            thread.join(timeout=30)
    assert [type(answer) for answer in answers] == [SlotTaken]
    assert answers[0].reason == "closed"


def test_more_than_one_batch_holds():
    slots = [make_slot() for _ in range(MOST_TOGETHER + 20)]
    answers = run_together(lambda n: book(slots[n]), count=len(slots))
    assert all(isinstance(answer, Booking) for answer in answers)
    assert gate.waiting() == 0


def test_a_lock_that_does_not_come_makes_everybody_busy_and_writes_nothing(settings):
    settings.LOCK_TIMEOUT_MS = 100
    slot = make_slot()
    with held_row(slot):
        answers = run_together(lambda n: book(slot), count=8)
    assert [type(answer) for answer in answers] == [Busy] * 8
    assert not Booking.objects.exists()
    assert not TurnedAway.objects.exists()
