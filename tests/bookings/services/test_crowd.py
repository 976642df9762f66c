"""Those who waited for a thread are refused by what was read since they came for somebody else, never by older."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bookings.errors import Blocked, InvalidDetails, SlotTaken
from bookings.models import Block, Booking, TurnedAway
from bookings.services import block, cancel, hold_slot
from bookings.services.turned_away import Refusal, crowd
from experts import arrivals
from tests.cast import book, make_booking, make_slot

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nobody_counted_before():
    crowd.write()
    yield
    crowd.write()


@pytest.fixture
def slot():
    """A slot whose one seat is taken."""
    slot = make_slot()
    make_booking(slot)
    return slot


def refuse(slot, **details) -> SlotTaken:
    with pytest.raises(SlotTaken) as refused:
        book(slot, **details)
    return refused.value


def people(slot) -> int | None:
    return TurnedAway.objects.filter(slot=slot).aggregate(people=Sum("people"))["people"]


def test_those_who_came_before_it_was_read_are_refused_without_a_statement(slot):
    came = arrivals.now()
    refuse(slot, email="first@example.org")
    with arrivals.answering(came_at=came), CaptureQueriesContext(connection) as statements:
        refusals = [refuse(slot, email=f"person{number}@example.org") for number in range(3)]
    assert len(statements) == 0
    assert {(refusal.slot.pk, refusal.reason) for refusal in refusals} == {(slot.pk, "full")}
    assert people(slot) == 1, "the crowd is counted a second later"
    crowd.write()
    assert people(slot) == 4


def test_those_who_came_after_it_was_read_are_not(slot):
    """What was read is over for them: the seat that was given back meanwhile is theirs."""
    came = arrivals.now()
    refuse(slot, email="first@example.org")
    cancel(booking_id=Booking.objects.get().pk, by_customer=False)
    with arrivals.answering(came_at=came):
        refuse(slot, email="early@example.org")  # the control: they are answered as of then
    with arrivals.answering(came_at=arrivals.now()):
        assert book(slot, email="late@example.org").slot_id == slot.pk


def test_those_who_did_not_wait_look_for_themselves(slot):
    refuse(slot, email="first@example.org")
    cancel(booking_id=Booking.objects.get().pk, by_customer=False)
    assert book(slot, email="second@example.org").slot_id == slot.pk


def test_a_refusal_with_a_key_is_kept_for_whoever_repeats_it(slot):
    came = arrivals.now()
    refuse(slot, email="first@example.org")
    key = {"name": "Lena", "email": "lena@example.org", "idempotency_key": "lena-s-own-key-1"}
    with arrivals.answering(came_at=came):
        refuse(slot, **key)
        cancel(booking_id=Booking.objects.get().pk, by_customer=False)
        assert refuse(slot, **key).reason == "full", "the same answer again"
    assert refuse(slot, **key).reason == "full"
    crowd.write()
    assert people(slot) == 2, "whoever repeats a request is one person"


def test_whoever_has_booked_before_gets_their_booking_again():
    slot = make_slot()
    key = {"name": "Lena", "email": "lena@example.org", "idempotency_key": "lena-s-own-key-1"}
    booked = book(slot, **key)
    came = arrivals.now()
    refuse(slot, email="second@example.org")
    with arrivals.answering(came_at=came):
        assert book(slot, **key).pk == booked.pk


def test_whoever_holds_the_last_seat_books_it():
    slot = make_slot()
    hold_slot(slot_id=slot.pk, visitor="ann")
    came = arrivals.now()
    refuse(slot, email="second@example.org")
    with arrivals.answering(came_at=came):
        assert book(slot, visitor="ann").slot_id == slot.pk


def test_the_rules_for_each_person_stay(slot):
    until, house = timezone.now() + timedelta(days=1), slot.expert.organization
    block(wanted=Block(organization=house, kind=Block.Kind.ADDRESS, value="rude@example.org", until=until))
    came = arrivals.now()
    refuse(slot, email="first@example.org")
    with arrivals.answering(came_at=came):
        with pytest.raises(Blocked):
            book(slot, email="rude@example.org")
        with pytest.raises(InvalidDetails):
            book(slot, email="many@example.org", seats=10_000)


def test_what_a_crowd_was_refused_is_counted_though_one_of_its_slots_is_gone(slot):
    gone = make_slot()
    for each in (slot, gone, slot):
        crowd.count(Refusal(each.pk, "full", "api"))
    gone.delete()
    crowd.write()
    assert people(slot) == 2
