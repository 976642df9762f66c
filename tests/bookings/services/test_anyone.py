"""Any of those who offer a type, and two of them together."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from bookings import services
from bookings.errors import InvalidDetails, NotFound, SlotTaken
from bookings.models import Booking, Idempotency, Proof, Status, TurnedAway
from experts.models import Expert, OfferedType
from tests.cast import (
    book,
    fresh,
    make_booking,
    make_expert,
    make_organization,
    make_row_of_slots,
    make_slot,
    make_type,
)

VISITOR, OTHER = "a" * 32, "b" * 32
LENA = {"name": "Lena Fischer", "email": "lena@example.com"}
pytestmark = pytest.mark.django_db


class House:
    """Experts of one organisation who offer one type, each with the same row of slots."""

    def __init__(self, experts: int = 3, **values):
        organization = make_organization()
        self.experts = [make_expert(organization=organization) for _ in range(experts)]
        self.slots = [make_row_of_slots(expert, end="11:00") for expert in self.experts]
        self.type = make_type(self.experts[0], **values)
        for expert in self.experts[1:]:
            OfferedType.objects.create(expert=expert, session_type=self.type)

    def at(self, clock="09:00"):
        return self.slots[0][clock].starts_at

    def hold(self, clock="09:00", visitor=VISITOR, **values):
        return services.hold_anyone(session_type=self.type.pk, starts_at=self.at(clock), visitor=visitor, **values)

    def book(self, clock="09:00", **values):
        values = LENA | values
        return services.book_anyone(session_type=self.type.pk, starts_at=self.at(clock), **values).booking

    def taken(self, expert):
        slots = self.slots[self.experts.index(expert)]
        return [at for at, slot in slots.items() if (now := fresh(slot)).seats_held + now.seats_booked]


@pytest.fixture
def house():
    return House()


class TestWho:
    def test_each_takes_one_until_nobody_is_free(self, house):
        booked = [house.book() for _ in house.experts]
        assert {booking.slot.expert_id for booking in booked} == {expert.pk for expert in house.experts}
        with pytest.raises(SlotTaken) as refused:
            house.book()
        assert refused.value.reason == "full"
        assert TurnedAway.objects.get().reason == "full"

    def test_who_has_fewest_sessions_in_the_week(self, house):
        one, two, three = house.slots
        book(one["10:00"]), book(one["10:20"]), book(two["10:00"]), book(two["10:20"]), book(three["10:40"])
        assert house.hold().slot.expert == house.experts[2]

    def test_whom_the_visitor_saw_last_by_what_the_browser_has_proven(self, house):
        familiar = house.experts[1]
        book(house.slots[1]["10:00"])
        past = make_slot(familiar, starts_at=timezone.now() - timedelta(days=30))
        make_booking(past, status=Status.COMPLETED, email="lena@example.com")
        assert house.hold(visitor=OTHER).slot.expert != familiar
        Proof.objects.create(visitor=VISITOR, email="lena@example.com", expires_at=timezone.now() + timedelta(days=1))
        assert house.hold().slot.expert == familiar

    def test_the_typed_address_of_somebody_known_tells_nothing(self, house):
        familiar = house.experts[1]
        book(house.slots[1]["10:00"])
        past = make_slot(familiar, starts_at=timezone.now() - timedelta(days=30))
        make_booking(past, status=Status.COMPLETED, email="lena@example.com")
        assert house.book().slot.expert != familiar

    def test_who_is_asked_for(self, house):
        chosen = house.experts[2]
        assert house.book(experts=[chosen.pk]).slot.expert == chosen
        with pytest.raises(SlotTaken):
            house.book(experts=[chosen.pk])

    def test_neither_hidden_experts_nor_those_who_do_not_offer_it(self, house):
        Expert.objects.filter(pk=house.experts[0].pk).update(is_active=False)
        house.type.offers.filter(expert=house.experts[1]).delete()
        assert house.book().slot.expert == house.experts[2]
        with pytest.raises(SlotTaken):
            house.book()
        with pytest.raises(NotFound):
            house.book(experts=[house.experts[1].pk])

    def test_own_minutes_count(self, house):
        house.type.offers.filter(expert=house.experts[1]).update(minutes=20)
        make = book(house.slots[0]["09:20"]), book(house.slots[2]["09:20"])
        assert all(make)
        assert house.book().slot.expert == house.experts[1]

    @pytest.mark.parametrize("change", [{"is_active": False}, {"pk": 0}])
    def test_what_is_not_offered_is_not_found(self, house, change):
        for name, value in change.items():
            setattr(house.type, name, value)
        if house.type.pk:
            house.type.save()
        with pytest.raises(NotFound):
            house.book()

    def test_no_such_time_is_not_found(self, house):
        with pytest.raises(NotFound):
            services.book_anyone(session_type=house.type.pk, starts_at=timezone.now(), **LENA)


class TestHolds:
    def test_the_hold_names_the_person_and_becomes_the_booking(self, house):
        held = house.hold()
        assert len(held.experts) == 1
        booking = book(held.slot, session_type=house.type.pk, visitor=VISITOR)
        assert (booking.pk, booking.slot.expert) == (held.pk, held.slot.expert)

    def test_asking_again_keeps_it(self, house):
        assert house.hold() == house.hold()
        assert Booking.objects.count() == 1

    def test_it_moves_to_another_time_whoever_it_was_with(self, house):
        for clock in ("09:00", "09:20", "10:00", "10:20"):
            held = house.hold(clock)
        assert [at for expert in house.experts for at in house.taken(expert)] == ["10:20", "10:40"]
        assert Booking.objects.running_holds(VISITOR).get() == held

    def test_what_cannot_be_had_leaves_the_hold_where_it_was(self, house):
        held = house.hold("09:00")
        for slots in house.slots:
            book(slots["10:20"])
        with pytest.raises(SlotTaken):
            house.hold("10:00")
        assert Booking.objects.running_holds(VISITOR).get() == held


class TestKeys:
    def test_the_same_request_gets_the_same_answer(self, house):
        first, again = (house.book(idempotency_key="k" * 16) for _ in range(2))
        assert first == again
        assert Booking.objects.count() == 1

    def test_a_refusal_is_kept_and_counted_once(self, house):
        for _ in house.experts:
            house.book()
        for _ in range(2):
            with pytest.raises(SlotTaken):
                house.book(idempotency_key="k" * 16)
        Booking.objects.all().delete()
        with pytest.raises(SlotTaken):
            house.book(idempotency_key="k" * 16)
        assert TurnedAway.objects.count() == Idempotency.objects.count() == 1


class TestTwoTogether:
    @pytest.fixture
    def house(self):
        return House(experts_needed=2, buffer_after=20, minutes=20)

    def test_one_booking_takes_the_slots_of_both(self, house):
        booking = house.book()
        assert len(booking.experts) == 2
        for expert in house.experts:
            assert house.taken(expert) == (["09:00", "09:20"] if expert in booking.experts else [])

    def test_all_or_none(self, house):
        house.book()
        with pytest.raises(SlotTaken):
            house.book()
        assert Booking.objects.count() == 1

    def test_a_chosen_pair(self, house):
        pair = house.experts[1:]
        assert {e.pk for e in house.book(experts=[e.pk for e in pair]).experts} == {e.pk for e in pair}
        with pytest.raises(SlotTaken):
            house.book(experts=[pair[0].pk])
        with pytest.raises(InvalidDetails):
            house.book(experts=[e.pk for e in house.experts])

    def test_who_has_fewest_comes_first(self, house):
        book(house.slots[0]["10:40"]), book(house.slots[2]["10:40"]), book(house.slots[2]["10:20"])
        assert house.hold().experts == [house.experts[1], house.experts[0]]

    def test_it_is_not_booked_with_one_alone(self, house):
        with pytest.raises(NotFound):
            book(house.slots[0]["09:00"], session_type=house.type.pk)

    def test_a_hold_becomes_the_booking_of_both_and_is_let_go_of_both(self, house):
        held = house.hold()
        one, second = held.experts
        booking = book(held.slot, session_type=house.type.pk, second_expert=second.pk, visitor=VISITOR)
        assert (booking.pk, booking.experts) == (held.pk, [one, second])
        services.cancel(booking_id=booking.pk, by_customer=True)
        held = house.hold()
        services.release_hold(slot_id=held.slot_id, visitor=VISITOR)
        assert [house.taken(expert) for expert in house.experts] == [[], [], []]

    def test_it_moves_with_both(self, house):
        booking = house.book()
        one, second = booking.experts
        start = house.slots[house.experts.index(one)]
        book(house.slots[house.experts.index(second)]["10:20"])
        with pytest.raises(SlotTaken):
            services.reschedule(booking_id=booking.pk, slot_id=start["10:20"].pk, by_customer=True)
        moved = services.reschedule(booking_id=booking.pk, slot_id=start["09:20"].pk, by_customer=True)
        assert moved.experts == [one, second]
        assert [house.taken(e) for e in (one, second)] == [["09:20", "09:40"], ["09:20", "09:40", "10:20"]]

    def test_approval_is_asked_where_one_asks_for_it(self, house):
        held = house.hold()
        Expert.objects.filter(pk=held.experts[1].pk).update(requires_approval=True)
        booking = book(held.slot, session_type=house.type.pk, second_expert=held.experts[1].pk, visitor=VISITOR)
        assert booking.status == Status.PENDING
        assert services.approve(booking_id=booking.pk).status == Status.CONFIRMED

    def test_both_have_it_on_their_lists(self, house):
        booking = house.book()
        for expert in house.experts:
            own = Booking.objects.of_experts(Expert.objects.filter(pk=expert.pk))
            assert list(own) == ([booking] if expert in booking.experts else [])

    def test_raw_sql_cannot_take_too_little_of_the_second(self, house):
        booking = house.book()
        others = [s for s in booking.more_slots if fresh_expert(s) != booking.slot.expert_id]
        short = [s for s in booking.more_slots if s != others[0]]
        with pytest.raises(IntegrityError, match="lasts longer"), transaction.atomic():
            Booking.objects.filter(pk=booking.pk).update(more_slots=short)


def fresh_expert(slot_id):
    return Expert.objects.get(slots=slot_id).pk
