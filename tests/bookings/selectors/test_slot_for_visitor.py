"""What a visitor has in a slot, read in one statement."""

from datetime import timedelta

import pytest
from django.utils import timezone

from bookings import services
from bookings.models import Booking, Proof, Status
from bookings.selectors.slot_for_visitor import find_slot, slot_and_holds, slot_for_visitor
from experts.locking import read_slot
from tests.cast import book, join_line, make_booking, make_expert, make_slot

pytestmark = pytest.mark.django_db
VISITOR, OTHER = "a" * 32, "b" * 32


@pytest.fixture
def slot():
    return make_slot(make_expert(max_party=3), capacity=9)


def hold(slot, visitor=VISITOR, **values):
    return make_booking(slot, name="", email="", status=Status.HELD, holder=visitor, **values)


@pytest.mark.parametrize("read", [slot_for_visitor, lambda *who: slot_and_holds(*who)[0]])
class TestHold:
    def test_one_statement_and_the_slot_is_as_read_slot_reads_it(self, slot, read, django_assert_num_queries):
        held = hold(slot, seats=2)
        read(slot.pk, VISITOR)
        with django_assert_num_queries(1):
            seen = read(slot.pk, VISITOR)
            assert (seen.slot, seen.hold, seen.held) == (slot, held, 2)
            assert seen.slot.state_at(seen.slot.read_at) == "open"
            assert seen.hold.slot is seen.slot
            assert (seen.hold.reference, seen.hold.expires_at) == (held.reference, held.expires_at)
        before = read_slot(slot.pk)
        assert {f.attname: getattr(before, f.attname) for f in slot._meta.concrete_fields} == {
            f.attname: getattr(seen.slot, f.attname) for f in slot._meta.concrete_fields
        }
        assert abs(before.read_at - seen.slot.read_at) < timedelta(seconds=10)

    def test_not_somebody_elses_nor_one_that_ran_out(self, slot, read):
        hold(slot, OTHER)
        hold(slot, expires_at=timezone.now() - timedelta(seconds=1))
        assert read(slot.pk, VISITOR).hold is None
        running = hold(slot)
        assert read(slot.pk, VISITOR).hold == running, "whose row of an earlier one still stands"

    def test_an_offer_of_the_waitlist_is_one(self, read):
        slot = make_slot()
        booked = book(slot)
        entry = join_line(slot, name="Lena", email="lena@example.com", visitor=VISITOR)
        services.cancel(booking_id=booked.pk, by_customer=False)
        seen = read(slot.pk, VISITOR)
        assert (seen.is_offer, seen.find_offer()) == (True, entry)
        other = hold(make_slot())
        seen = read(other.slot_id, VISITOR)
        assert (seen.hold, seen.is_offer, seen.find_offer()) == (other, False, None)


class TestBooking:
    def test_what_the_browser_booked_or_has_proven(self, slot):
        book(slot, visitor=OTHER)
        assert not slot_for_visitor(slot.pk, VISITOR).has_booked
        mine = book(slot, visitor=VISITOR)
        seen = slot_for_visitor(slot.pk, VISITOR)
        assert (seen.has_booked, seen.find_booking(VISITOR)) == (True, mine)

    @pytest.mark.parametrize("by", ["booking", "email"])
    def test_a_proof_that_still_lasts(self, slot, by):
        booked = book(slot, email="Lena@example.com")
        what = {"booking": booked} if by == "booking" else {"email": "lena@example.com"}
        proof = Proof.objects.create(visitor=VISITOR, expires_at=timezone.now() + timedelta(hours=1), **what)
        assert slot_for_visitor(slot.pk, VISITOR).find_booking(VISITOR) == booked
        assert not slot_for_visitor(slot.pk, OTHER).has_booked
        Proof.objects.filter(pk=proof.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
        assert not slot_for_visitor(slot.pk, VISITOR).has_booked

    def test_neither_a_hold_nor_what_takes_no_seat_any_more(self, slot):
        booked = book(slot, visitor=VISITOR)
        services.cancel(booking_id=booked.pk, by_customer=True)
        hold(slot)
        seen = slot_for_visitor(slot.pk, VISITOR)
        assert (seen.has_booked, seen.find_booking(VISITOR)) == (False, None)


@pytest.mark.parametrize("read", [slot_for_visitor, find_slot])
def test_a_browser_without_identity_has_nothing(slot, read):
    book(slot)  # by a program, which has none either
    hold(slot, "")
    seen = read(slot.pk, "")
    assert (seen.slot, seen.hold, seen.has_booked) == (slot, None, False)
    assert Booking.objects.filter(holder="").count() == 2


def test_there_is_no_such_slot():
    assert slot_for_visitor(0, VISITOR) is slot_for_visitor(0, "") is None
    hold(make_slot())
    assert slot_and_holds(0, VISITOR) == []


def test_the_other_slots_that_are_held(slot):
    other, third = make_slot(slot.expert, at="15:00"), make_slot()
    held = [hold(slot), hold(other), hold(third)]
    hold(make_slot(), OTHER)
    hold(make_slot(), expires_at=timezone.now() - timedelta(seconds=1))
    chosen, *others = slot_and_holds(slot.pk, VISITOR)
    assert (chosen.slot, chosen.hold) == (slot, held[0])
    assert [(row.slot, row.hold) for row in others] == [(other, held[1]), (third, held[2])]
    free = make_slot()
    chosen, *others = slot_and_holds(free.pk, VISITOR)
    assert (chosen.slot, chosen.hold) == (free, None)
    assert {row.hold for row in others} == set(held)
