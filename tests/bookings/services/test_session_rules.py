"""Rules of a type that differ from the organisation's, and what staff do about any of the slots of a session."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from bookings import services
from bookings.errors import InvalidDetails, NotAllowed, SlotTaken
from bookings.models import Booking, Status
from experts import services as slot_services
from experts.errors import Refused
from experts.models import Slot
from tests.cast import book, fresh, make_expert, make_organization, make_row_of_slots, make_type

pytestmark = pytest.mark.django_db
VISITOR = "a" * 32


@pytest.fixture
def expert():
    house = make_organization(min_notice=timedelta(hours=1), horizon_days=60, cancel_until=timedelta(hours=1))
    return make_expert(organization=house)


@pytest.fixture
def slots(expert):
    """The day after tomorrow, of four seats each."""
    return make_row_of_slots(expert, capacity=4)


def hold(slot, kind, **values):
    return services.hold_slot(slot_id=slot.pk, session_type=kind.pk, visitor=VISITOR, **values)


class TestItsOwnRules:
    @pytest.mark.parametrize("rule", [{"min_notice": timedelta(days=5)}, {"horizon_days": 1}])
    def test_notice_and_horizon(self, expert, slots, rule):
        far, near = make_type(expert, **rule), make_type(expert)
        with pytest.raises(SlotTaken):
            hold(slots["10:00"], far)
        assert hold(slots["10:00"], near).session_type == near

    def test_approval(self, expert, slots):
        asked, other = make_type(expert, requires_approval=True), make_type(expert)
        assert book(slots["10:00"], session_type=asked.pk).status == Status.PENDING
        assert book(slots["11:00"], session_type=other.pk).status == Status.CONFIRMED
        expert.organization.requires_approval = True
        expert.organization.save()
        at_once = make_type(expert, requires_approval=False)
        assert book(slots["09:00"], session_type=at_once.pk).status == Status.CONFIRMED

    def test_cancelling_and_moving(self, expert, slots):
        strict = book(slots["10:00"], session_type=make_type(expert, cancel_until=timedelta(days=9)).pk)
        for change in (
            lambda: services.cancel(booking_id=strict.pk, by_customer=True),
            lambda: services.reschedule(booking_id=strict.pk, slot_id=slots["11:00"].pk, by_customer=True),
        ):
            with pytest.raises(NotAllowed):
                change()
        free = book(slots["09:00"], session_type=make_type(expert).pk)
        assert services.cancel(booking_id=free.pk, by_customer=True).status == Status.CANCELLED

    def test_the_party_of_a_group_and_of_one_person(self, expert, slots):
        group, alone = make_type(expert, is_group=True, max_party=2), make_type(expert)
        for kind, seats in ((group, 3), (alone, 2)):
            with pytest.raises(InvalidDetails) as refused:
                book(slots["10:00"], session_type=kind.pk, seats=seats)
            assert "seats" in refused.value.fields
        assert book(slots["10:00"], session_type=group.pk, seats=2).seats == 2
        assert [fresh(slots[at]).seats_booked for at in ("10:00", "10:20", "10:40")] == [2, 2, 0]


class TestAnyOfItsSlots:
    @pytest.fixture
    def booking(self, expert, slots):
        kind = make_type(expert, is_group=True, max_party=4, buffer_after=10)
        return book(slots["10:00"], session_type=kind.pk, seats=3)

    @pytest.mark.parametrize("at", ["10:00", "10:20", "10:40"])
    def test_no_fewer_seats_than_it_has(self, slots, booking, at):
        with pytest.raises(Refused):
            slot_services.set_capacity(slot_id=slots[at].pk, capacity=2)
        with pytest.raises(IntegrityError), transaction.atomic():
            Slot.objects.filter(pk=slots[at].pk).update(capacity=2)
        assert slot_services.set_capacity(slot_id=slots[at].pk, capacity=3).seats_left == 0

    @pytest.mark.parametrize("at", ["10:00", "10:20", "10:40"])
    def test_it_is_not_deleted(self, slots, booking, at):
        with pytest.raises(Refused):
            slot_services.delete_slot(slot_id=slots[at].pk)

    @pytest.mark.parametrize("at", ["10:00", "10:20", "10:40"])
    def test_closing_one_keeps_the_booking_and_takes_the_start_from_others(self, slots, booking, at):
        slot_services.close_slot(slot_id=slots[at].pk)
        assert Booking.objects.get() == booking
        with pytest.raises(SlotTaken):
            hold(slots["10:00"], booking.session_type)
        services.cancel(booking_id=booking.pk, by_customer=False)
        assert {fresh(slot).seats_booked for slot in slots.values()} == {0}
        slot_services.reopen_slot(slot_id=slots[at].pk)
        assert hold(slots["10:00"], booking.session_type).seats == 1

    def test_its_history_is_one(self, slots, booking):
        services.reschedule(booking_id=booking.pk, slot_id=slots["11:00"].pk, by_customer=False)
        services.cancel(booking_id=booking.pk, by_customer=False)
        told = booking.events.order_by("pgh_id").values_list("slot_id", "more_slots", "status")
        first, then = ([slots[at].pk for at in row] for row in (("10:20", "10:40"), ("11:20", "11:40")))
        assert list(told) == [
            (slots["10:00"].pk, first, "CONFIRMED"),
            (slots["11:00"].pk, then, "CONFIRMED"),
            (slots["11:00"].pk, then, "CANCELLED"),
        ]
