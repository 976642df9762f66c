"""Many want any of a few experts at one time: as many win as are free, and nobody hears "taken" while one is free."""

import os
import random
import threading
from collections import Counter

import pghistory
import pytest
from django.db import transaction

from bookings.errors import SlotTaken
from bookings.models import Booking, OutboxMail, TurnedAway
from bookings.services import anyone
from experts.models import Slot
from tests.bookings.services.test_anyone import House
from tests.cast import book
from tests.concurrency.contention import held_row, run_together

pytestmark = pytest.mark.django_db(transaction=True)
EXPERTS, CROWD = 5, 100


def answer_of(work) -> str:
    try:
        work()
    except SlotTaken as refusal:
        return refusal.code
    return "booked"


def pile_up(house: House, work, count: int) -> Counter:
    """All have seen everybody free, and wait for the choice, before the first may go on."""
    answers: list[str] = []
    with held_row(house.slots[0]["09:00"]) as row:
        # Whoever comes first is to meet the row that is locked: the others have a session more in the week.
        crowd = threading.Thread(target=lambda: answers.extend(run_together(work, count)))
        crowd.start()
        row.wait_for(count)
        row.let_go()
        crowd.join(timeout=120)
    return Counter(answers)


@pytest.fixture
def house(settings):
    settings.LOCK_TIMEOUT_MS = 120_000
    house = House(experts=EXPERTS)
    for slots in house.slots[1:]:
        book(slots["10:40"])
    OutboxMail.objects.all().delete()
    return house


def test_a_hundred_want_one_of_five(house):
    def contender(n):
        with pghistory.context(contender=n):
            return answer_of(lambda: house.book(email=f"lena{n}@example.com"))

    assert pile_up(house, contender, CROWD) == {"booked": EXPERTS, "slot_taken": CROWD - EXPERTS}
    won = Booking.objects.filter(slot__starts_at=house.at())
    assert Counter(won.values_list("slot__expert", flat=True)) == {expert.pk: 1 for expert in house.experts}
    assert OutboxMail.objects.count() == EXPERTS, "only who won is written to"
    assert sum(TurnedAway.objects.values_list("people", flat=True)) == CROWD - EXPERTS


def test_holds_of_as_many_visitors(house):
    count = 20
    answers = pile_up(house, lambda n: answer_of(lambda: house.hold(visitor=f"{n:032d}")), count)
    assert answers == {"booked": EXPERTS, "slot_taken": count - EXPERTS}
    assert Booking.objects.filter(status="HELD").count() == EXPERTS


def test_two_together_and_one_alone_never_share_anybody(house):
    """Somebody books an expert directly, while others want any, and any two: all locks are taken in order of time."""
    two = House.__new__(House)
    two.experts, two.slots = house.experts, house.slots
    two.type = type(house.type).objects.create(
        organization=house.type.organization, name="Team", slug="team", minutes=60, experts_needed=2
    )
    for expert in house.experts:
        expert.offered_types.create(session_type=two.type)
    clocks = ["09:00", "09:20", "09:40", "10:00"]
    works = [
        lambda n, clock: house.book(clock, email=f"any{n}@example.com"),
        lambda n, clock: two.book(clock, email=f"two{n}@example.com"),
        lambda n, clock: book(house.slots[n % EXPERTS][clock]),
        lambda n, clock: house.hold(clock, visitor=f"{n:032d}"),
    ]
    answers = run_together(lambda n: answer_of(lambda: works[n % 4](n, clocks[n % 3])), 40)
    assert set(answers) <= {"booked", "slot_taken"}, answers
    taken = [slot for row in Booking.objects.all() for slot in row.slot_ids]
    assert len(taken) == len(set(taken))
    assert Counter(taken) == Counter(
        {
            slot.pk: slot.seats_booked + slot.seats_held
            for slot in Slot.objects.all()
            if slot.seats_booked + slot.seats_held
        }
    )


def test_the_next_is_tried_where_somebody_was_faster(house, monkeypatch):
    """Between the choice and the lock the chosen expert is booked, of everybody but one."""
    first = anyone._first_to_have

    def interrupted(wish, visitor, make):
        def beaten(chosen):
            if chosen.expert_id != house.experts[3].pk:
                run_together(lambda _n: book(Slot.objects.get(pk=chosen.pk)), 1)
            return make(chosen)

        return first(wish, visitor, beaten)

    monkeypatch.setattr(anyone, "_first_to_have", interrupted)
    assert house.book().slot.expert == house.experts[3]
    assert not TurnedAway.objects.exists()


def test_without_the_lock_of_the_choice_they_crowd_on_one(house, monkeypatch):
    """The control: two who choose at the same moment count the same, and take the same expert at different times."""
    chosen: list[int] = []
    seen_by_both = threading.Barrier(2)
    best = anyone._best

    def slow(*args):
        found = best(*args)
        if not seen_by_both.broken:
            seen_by_both.wait(timeout=10)
        chosen.append(found.expert_id)
        return found

    monkeypatch.setattr(anyone, "_lock_choice", lambda _organization: None)
    monkeypatch.setattr(anyone, "_best", slow)
    run_together(lambda n: house.book(["09:00", "10:00"][n]), 2)
    assert len(set(chosen)) == 1


def test_random_bookings_spread_within_one_of_even():
    """A thousand with ``ABUSE=all``, else a few: at random times of a week, each with room for all."""
    count = 1000 if os.environ.get("ABUSE") == "all" else 33
    house, chance = House(experts=EXPERTS, minutes=20, is_group=True), random.Random(9)
    Slot.objects.update(capacity=count)
    with transaction.atomic():
        for n in range(count):
            house.book(chance.choice(list(house.slots[0])), email=f"lena{n}@example.com")
    counted = Counter(Booking.objects.values_list("slot__expert", flat=True))
    assert max(counted.values()) - min(counted.values()) <= 1, counted
