"""Sessions of mixed lengths that overlap: many want them at the same moment, and no two that are accepted overlap."""

import json
import random
import threading
import time
from collections import Counter
from datetime import timedelta
from itertools import combinations

import pghistory
import pytest
from django.db import connection, transaction

from bookings import services
from bookings.errors import Refused
from bookings.models import Booking, WaitlistEntry
from experts.locking import lock_slots, slot_transaction
from experts.models import OfferedType, Slot
from experts.scheduling.sessions import read_session
from tests.cast import book, make_expert, make_organization, make_row_of_slots, make_type
from tests.concurrency.contention import held_row, line_up, run_together
from tests.concurrency.test_api import send

pytestmark = pytest.mark.django_db(transaction=True)
CLIENTS = 64
# Minutes, buffer before, buffer after.
SHAPES = [(20, 0, 0), (20, 0, 10), (45, 5, 10), (60, 10, 0)]


@pytest.fixture
def offered():
    """What an expert offers who works from 9:00 to 12:00."""
    organization = make_organization(min_notice=timedelta(0), cancel_until=timedelta(0), proof="never")
    expert = make_expert(organization=organization)
    make_row_of_slots(expert)
    for minutes, before, after in SHAPES:
        make_type(expert, minutes=minutes, buffer_before=before, buffer_after=after)
    return list(OfferedType.objects.filter(expert=expert).select_related("session_type"))


def wishes(offered, seed):
    """For each client a start (a slot's id) and a type (an id, or None for the slot alone)."""
    dice = random.Random(seed)
    starts = list(Slot.objects.filter(expert=offered[0].expert_id).order_by("starts_at").values_list("pk", flat=True))
    return [(dice.choice(starts), dice.choice([*offered, None])) for _ in range(CLIENTS)]


def reach(starts_at, ends_at, terms):
    """From when until when a booking needs the expert, by what was agreed alone."""
    if terms is None:
        return starts_at, ends_at
    before, after = timedelta(minutes=terms.buffer_before), timedelta(minutes=terms.buffer_after)
    return starts_at - before, starts_at + terms.length + after


def reaches():
    rows = Booking.objects.filter(status__in=["HELD", "CONFIRMED"]).select_related("slot")
    return [reach(row.slot.starts_at, row.slot.ends_at, row.terms) for row in rows]


def overlaps(stretches):
    return sum(a < d and c < b for (a, b), (c, d) in combinations(stretches, 2))


def answer_of(work):
    try:
        work()
    except Refused as refusal:
        return refusal.code
    return "booked"


def begin(slot, kind, number):
    if number % 2:
        services.hold_slot(slot_id=slot, session_type=kind, visitor=f"{number:032x}")
    else:
        with pghistory.context(contender=number):  # as if each had a process of its own
            services.book(slot_id=slot, session_type=kind, name="Lena", email=f"lena{number}@example.com")


def move(slot, booking):
    services.reschedule(booking_id=booking, slot_id=slot, by_customer=False)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_of_64_clients_no_two_get_what_overlaps(seed, offered, settings):
    """Half of them hold, half book; some have seen what they want free, and wait, while others take a part of it."""
    settings.LOCK_TIMEOUT_MS = 60_000
    wanted = wishes(offered, seed)

    def client(number):
        slot, its = wanted[number]
        return answer_of(lambda: begin(slot, its and its.session_type_id, number))

    answers: list[str] = []
    middle = Slot.objects.get(time="10:20")
    with held_row(middle) as row:
        crowd = threading.Thread(target=lambda: answers.extend(run_together(client, CLIENTS)))
        crowd.start()
        row.wait_for(2)  # those who come later see what others have taken, and are refused before any lock
        row.let_go()
        crowd.join(timeout=60)
    assert set(answers) == {"booked", "slot_taken"}, Counter(map(str, answers))
    assert len(answers) == CLIENTS
    assert answers.count("booked") == Booking.objects.count() >= 3
    assert overlaps(reaches()) == 0


def test_without_locks_and_counters_the_same_clients_get_what_overlaps(offered):
    """The control. They look by the same rule, all before the first writes; nothing else keeps them apart."""
    wanted = wishes(offered, 1)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE control_booking (slot_id bigint, type_id bigint)")
    everybody_looked = threading.Barrier(CLIENTS)

    def client(number):
        slot_id, its = wanted[number]
        with transaction.atomic(), connection.cursor() as cursor:
            slot = Slot.objects.with_expert().get(pk=slot_id)
            fits = slot if its is None else read_session(slot, its.session_type, its.terms)
            everybody_looked.wait(timeout=30)
            if fits is not None and fits.is_bookable:
                cursor.execute("INSERT INTO control_booking VALUES (%s, %s)", [slot_id, its and its.pk])
                return "booked"
        return "slot_taken"

    try:
        answers = run_together(client, CLIENTS)
        terms = {each.pk: each.terms for each in offered} | {None: None}
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM control_booking")
            rows = cursor.fetchall()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE control_booking")
    slots = Slot.objects.in_bulk([slot_id for slot_id, _type in rows])
    assert answers.count("booked") == len(rows) > 9, "as many as the slots, at least"
    assert overlaps([reach(slots[pk].starts_at, slots[pk].ends_at, terms[kind]) for pk, kind in rows]) > 100


def test_moves_over_each_other_in_all_directions_end(offered, settings):
    """Whoever moves takes and leaves slots on both sides of others who do: in the wrong order they would deadlock."""
    settings.LOCK_TIMEOUT_MS = 30_000
    kinds = {(its.session_type.minutes, its.session_type.buffer_after): its.session_type_id for its in offered}
    rows = {f"{slot.time:%H:%M}": slot for slot in Slot.objects.order_by("starts_at")}
    booked = [book(rows[at], session_type=kinds[20, 0]).pk for at in ("09:00", "10:20")]
    booked.append(book(rows["11:00"], session_type=kinds[20, 10]).pk)
    starts = [slot.pk for slot in rows.values()]

    def mover(number):
        dice = random.Random(number)
        codes = []
        for _ in range(12):
            codes.append(answer_of(lambda: move(dice.choice(starts), dice.choice(booked))))
        return codes

    before = time.monotonic()
    answers = run_together(mover, 8)
    codes = Counter(code for codes in answers for code in codes)
    assert set(codes) <= {"booked", "slot_taken", "not_allowed"}, codes
    assert codes["booked"] > 5
    assert time.monotonic() - before < 25, "somebody has waited for a lock that did not come"
    assert Booking.objects.filter(status="CONFIRMED").count() == len(booked)
    assert overlaps(reaches()) == 0


def test_of_64_programs_no_two_get_what_overlaps(offered, live_site):
    """Through the running server, which writes in several threads, with a key of its own for each."""
    wanted = [(slot, offer or offered[0]) for slot, offer in wishes(offered, seed=4)]

    def client(number):
        slot, offer = wanted[number]
        details = {"session_type": offer.session_type.slug, "email": f"lena{number}@example.com"}
        status, body = send(live_site, Slot(pk=slot), f"{number:032x}", **details)
        return status, json.loads(body)

    answers = run_together(client, count=CLIENTS)
    statuses = Counter(status for status, _body in answers)
    assert statuses.keys() <= {201, 409}, statuses
    assert Booking.objects.filter(status="CONFIRMED").count() == statuses[201] >= 3
    assert not overlaps(reaches())
    for status, body in answers:
        if status == 409:
            assert body["code"] == "slot_taken"
            for near in body["alternatives"]:
                assert near["state"] in ("open", "few"), "what is told could be booked when it was told"


def test_who_leaves_a_line_while_other_slots_are_offered_is_not_sent_away(offered):
    """What a place is about may change between a look at it and its lock."""
    slots = {str(slot.time)[:5]: slot for slot in Slot.objects.all()}
    start, other = slots["09:00"], slots["09:20"]
    entry = WaitlistEntry.objects.create(
        slot=start, session_type=offered[2].session_type, more_slots=[other.pk], name="Omar", email="omar@example.com"
    )

    def offer():
        with slot_transaction():
            lock_slots([start.pk])
            WaitlistEntry.objects.filter(pk=entry.pk).update(more_slots=[other.pk, slots["09:40"].pk])

    _offered, left = line_up(offer, lambda: services.leave_waitlist(entry_id=entry.pk), behind=start)
    assert not isinstance(left, Exception), left
    assert WaitlistEntry.objects.get().status == WaitlistEntry.Status.LEFT


@pytest.mark.parametrize("act", ["book", "release", "extend"])
def test_a_hold_that_became_something_else_meanwhile_makes_nobody_wait_out_of_order(offered, act):
    """It takes an earlier slot by now: whoever locked its old slots would wait for who waits for these."""
    slots = {f"{slot.time:%H:%M}": slot for slot in Slot.objects.all()}
    short, long = offered[0].session_type_id, offered[3].session_type_id  # of 20 minutes, and of 60 after a free 10
    first, start = slots["09:20"], slots["09:40"]
    visitor = "a" * 32
    services.hold_slot(slot_id=start.pk, visitor=visitor, session_type=short)

    def hold_for_longer():
        return services.hold_slot(slot_id=start.pk, visitor=visitor, session_type=long)

    def go_on():
        if act == "release":
            return services.release_hold(slot_id=start.pk, visitor=visitor)
        if act == "extend":
            return services.extend_hold(slot_id=start.pk, visitor=visitor, extensions=0)
        return book(start, visitor=visitor, session_type=short)

    def lock_in_order():
        with slot_transaction():
            lock_slots([first.pk, start.pk])
        return "locked"

    results = line_up(hold_for_longer, go_on, lock_in_order, behind=start)
    assert not [result for result in results if isinstance(result, BaseException)], results
