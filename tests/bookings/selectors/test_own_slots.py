"""What is a browser's own, for many of them at once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from bookings.models import Booking, Proof, Status, WaitlistEntry
from bookings.selectors import own_slots
from experts import services
from tests.cast import book, make_booking, make_slot

pytestmark = pytest.mark.django_db
VISITOR, OTHER = "a" * 32, "b" * 32


def test_holds_of_many_are_read_at_once(django_assert_num_queries):
    slots = [make_slot(capacity=3)]
    slots.append(make_slot(slots[0].expert, at="15:00", capacity=3))
    booked = book(slots[0], visitor=VISITOR)
    for visitor in (VISITOR, OTHER):
        make_booking(slots[0], name="", status=Status.HELD, holder=visitor)
    make_booking(slots[1], name="", status=Status.HELD, holder=OTHER, expires_at=timezone.now())
    with django_assert_num_queries(2):
        found = own_slots.own_slots(
            [VISITOR, OTHER], expert_ids=[booked.slot.expert_id], first=slots[0].date, last=slots[0].date
        )
    assert own_slots.marks_on(found[VISITOR], None) == {slots[0].pk: own_slots.Mark("booked")}, (
        "what is booked outweighs what is held"
    )
    assert {pk: mark.kind for pk, mark in own_slots.marks_on(found[OTHER], None).items()} == {slots[0].pk: "held"}


def test_proven_bookings_are_ones_own():
    slots = [make_slot(capacity=3) for _ in range(3)]
    expert = slots[0].expert
    by_link = make_slot(expert, at="15:00", capacity=2)
    by_mail = make_slot(expert, at="16:00", capacity=2)
    until = timezone.now() + timedelta(hours=1)
    Proof.objects.create(visitor=VISITOR, booking=make_booking(by_link), expires_at=until)
    make_booking(by_mail, email="LENA@example.com")
    Proof.objects.create(visitor=VISITOR, email="lena@example.com", expires_at=until)
    Proof.objects.create(visitor=OTHER, email="lena@example.com", expires_at=timezone.now())  # over
    found = own_slots.own_slots([VISITOR, OTHER], expert_ids=[expert.pk], first=by_mail.date, last=by_mail.date)
    booked = [own_slots.Mark("booked")]
    assert found == {VISITOR: {by_link.pk: booked, by_mail.pk: booked}, OTHER: {}}


def test_the_key_tells_of_status_move_and_time():
    slot = make_slot(capacity=2)
    booking = book(slot, visitor=VISITOR)
    keys = {own_slots.own_key(VISITOR)}
    Booking.objects.filter(pk=booking.pk).update(status=Status.CANCELLED)
    keys.add(own_slots.own_key(VISITOR))
    services.set_capacity(slot_id=slot.pk, capacity=9)
    keys.add(own_slots.own_key(VISITOR))
    assert len(keys) == 3
    assert own_slots.own_key(VISITOR) in keys


@pytest.fixture
def many():
    """Four browsers: two that booked, one that proved an address and a booking, one that waits. With their keys."""
    slot = make_slot(capacity=9)
    visitors = [letter * 32 for letter in "abcd"]
    for visitor in visitors[:2]:
        book(slot, visitor=visitor)
        make_booking(slot, name="", status=Status.HELD, holder=visitor)
    make_booking(slot)  # nobody's
    until = timezone.now() + timedelta(hours=1)
    by_mail = make_booking(slot, email="MARA@example.com")
    Proof.objects.create(visitor=visitors[2], email="mara@example.com", expires_at=until)
    Proof.objects.create(visitor=visitors[2], booking=make_booking(slot), expires_at=until)
    Proof.objects.create(visitor=visitors[3], booking=by_mail, expires_at=timezone.now())  # over
    WaitlistEntry.objects.create(slot=slot, name="Jo", email="jo@example.com", visitor=visitors[3])
    return visitors


@pytest.mark.parametrize("letters", ["c", "abc"])
def test_the_keys_of_many_cost_as_much_as_that_of_one(many, letters, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert len(own_slots.own_keys([letter * 32 for letter in letters])) == len(letters)


def test_each_has_the_key_that_it_has_alone(many):
    assert own_slots.own_keys(many) == {visitor: own_slots.own_key(visitor) for visitor in many}
    assert len(set(own_slots.own_keys(many).values())) == 4


def test_what_is_ones_own_is_what_one_may_see(many):
    """The pages ask for one browser, the hub for all: both by the same rule."""
    visitors = [*many, "e" * 32, ""]
    rows = own_slots.rows_by_visitor(visitors, Booking.objects.shown(), "status")
    for visitor in visitors:
        alone = dict(Booking.objects.proven_to(visitor).values_list("pk", "status"))
        assert {pk: status for pk, (status,) in rows[visitor].items()} == alone


def test_one_that_has_no_identity_has_nothing(many):
    assert own_slots.own_key("") == own_slots.own_key("e" * 32)


def test_the_key_tells_of_the_waitlist(many):
    before = own_slots.own_keys(many)
    WaitlistEntry.objects.update(status=WaitlistEntry.Status.LEFT)
    after = own_slots.own_keys(many)
    assert [visitor for visitor in many if before[visitor] != after[visitor]] == [many[3]]
