"""Under contention no time is offered to two people, whoever offers or chooses; and who is killed forgets nobody."""

import threading
from collections import Counter
from datetime import timedelta

import psycopg
import pytest
from django.utils import timezone

from bookings import services
from bookings.errors import Refused
from bookings.models import Booking, Rescue, RescueTime, Status
from bookings.services.catch_up import settle_overdue
from experts import services as calendars
from tests.cast import book, fresh, make_booking, make_category, make_expert, make_organization, make_slot
from tests.concurrency.contention import address, held_row, pile_up, run_together

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 8


@pytest.fixture
def away():
    return make_expert(organization=make_organization(), category=make_category())


@pytest.fixture
def colleague(away):
    return make_expert(organization=away.organization, category=away.category)


def lose(expert, number: int) -> Booking:
    slot = make_slot(expert, at=f"{8 + number:02}:00")
    booking = book(slot)
    calendars.close_slot(slot_id=slot.pk)
    return booking


def offer(booking: Booking, *slots) -> Rescue | Refused:
    until = timezone.now() + timedelta(hours=2)
    try:
        return services.offer_times(booking_id=booking.pk, slot_ids=[slot.pk for slot in slots], until=until, by=None)
    except Refused as refusal:
        return refusal


@pytest.mark.parametrize("capacity", [1, 3])
def test_a_time_is_offered_to_as_many_as_it_has_seats(away, colleague, capacity):
    lost = [lose(away, number) for number in range(MANY)]
    slot = make_slot(colleague, at="10:00", capacity=capacity)
    answers = run_together(lambda n: offer(lost[n], slot), MANY)
    assert Counter(isinstance(answer, Rescue) for answer in answers) == {True: capacity, False: MANY - capacity}
    assert fresh(slot).seats_held == RescueTime.objects.count() == capacity


def test_without_the_lock_and_the_counters_all_would_have_it(away, colleague):
    """The control: who looks first and writes then offers one seat to everybody."""
    slot, offered = make_slot(colleague, at="10:00"), []
    everybody_looked = threading.Barrier(MANY)

    def offer_naively(number: int) -> None:
        is_free = fresh(slot).seats_left > 0
        everybody_looked.wait(timeout=30)
        if is_free:
            offered.append(number)

    run_together(offer_naively, MANY)
    assert len(offered) == MANY


def test_of_three_times_each_goes_to_one_whoever_is_faster(away, colleague):
    lost = [lose(away, number) for number in range(MANY)]
    slots = [make_slot(colleague, at=f"{10 + number}:00") for number in range(3)]
    orders = (slots, slots[::-1], [slots[1], slots[0], slots[2]])
    run_together(lambda n: offer(lost[n], *orders[n % 3]), MANY)
    assert [fresh(slot).seats_held for slot in slots] == [1, 1, 1]
    assert Counter(RescueTime.objects.values_list("slot_id", flat=True)) == {slot.pk: 1 for slot in slots}


def test_one_person_in_two_tabs_gets_one_time_and_the_others_go(away, colleague):
    lost = lose(away, 0)
    slots = [make_slot(colleague, at=f"{10 + number}:00") for number in range(3)]
    rescue = offer(lost, *slots)

    def choose(number: int):
        try:
            return services.choose_time(rescue_id=rescue.pk, slot_id=slots[number % 3].pk).slot_id
        except Refused as refusal:
            return refusal.code

    answers = run_together(choose, MANY)
    moved = Booking.objects.get(pk=lost.pk)
    assert {answer for answer in answers if isinstance(answer, int)} == {moved.slot_id}
    assert sum(fresh(slot).seats_booked for slot in slots) == 1
    assert [fresh(slot).seats_held for slot in slots] == [0, 0, 0]


def test_choosing_while_staff_move_the_same_booking(away, colleague):
    lost = lose(away, 0)
    slots = [make_slot(colleague, at=f"{10 + number}:00") for number in range(2)]
    rescue = offer(lost, slots[0])

    def act(number: int):
        try:
            if number % 2:
                return services.choose_time(rescue_id=rescue.pk, slot_id=slots[0].pk)
            return services.move_lost(booking_id=lost.pk, slot_id=slots[1].pk, by=None, seen_sequence=0)
        except Refused as refusal:
            return refusal

    run_together(act, MANY)
    assert sum(fresh(slot).seats_booked for slot in slots) == 1
    assert [fresh(slot).seats_held for slot in slots] == [0, 0]
    assert Booking.objects.get(pk=lost.pk).sequence == 1


@pytest.mark.parametrize("answer", [services.approve, services.reject])
def test_a_request_is_answered_or_moved_and_never_both(away, answer):
    request = make_booking(
        make_slot(away, at="08:00"), status=Status.PENDING, expires_at=timezone.now() + timedelta(hours=1)
    )
    kept = make_slot(away, at="10:00")
    until = timezone.now() + timedelta(hours=2)
    rescue = services.offer_times(booking_id=request.pk, slot_ids=[kept.pk], until=until, by=None, of_request=True)

    def act(number: int):
        try:
            if number:
                return answer(booking_id=request.pk)
            return services.choose_time(rescue_id=rescue.pk, slot_id=kept.pk)
        except Refused as refusal:
            return refusal

    chosen, answered = pile_up(act, behind=request.slot, count=2)
    now = Booking.objects.get(pk=request.pk)
    if isinstance(chosen, Refused):
        assert now.slot == request.slot
        assert now.status in (Status.CONFIRMED, Status.REJECTED)
    else:
        assert (now.slot, now.status) == (kept, Status.CONFIRMED)
        assert isinstance(answered, Refused) or answer is services.approve
    settle_overdue()
    assert fresh(kept).seats_held == 0
    assert fresh(kept).seats_booked + fresh(request.slot).seats_booked == (now.status == Status.CONFIRMED)


def test_who_is_killed_between_two_steps_has_offered_all_or_nothing(away, colleague):
    """The connection is cut while the second time is waited for: nothing of the offer is there, and nobody is lost."""
    lost = lose(away, 0)
    slots = [make_slot(colleague, at=f"{10 + number}:00") for number in range(2)]

    def cut() -> None:
        with psycopg.connect(address(), autocommit=True) as eye:
            eye.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                " AND wait_event_type = 'Lock'"
            )

    with held_row(slots[1]) as held:

        def contender(number: int):
            if number:
                held.wait_for(1)
                return cut()
            try:
                return offer(lost, *slots)
            except Exception as error:
                return error

        answers = run_together(contender, 2)
    assert not isinstance(answers[0], Rescue)
    assert not Rescue.objects.exists()
    assert [fresh(slot).seats_held for slot in slots] == [0, 0]
    assert isinstance(offer(lost, *slots), Rescue)


def test_an_offer_ends_with_every_worker_dead_and_its_seats_are_had_by_others(away, colleague):
    lost, slot = lose(away, 0), make_slot(colleague, at="10:00")
    rescue = offer(lost, slot)
    Booking.objects.filter(rescue_time__rescue=rescue).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert book(slot).status == Status.CONFIRMED
    settle_overdue()
    assert (fresh(slot).seats_booked, fresh(slot).seats_held) == (1, 0)
