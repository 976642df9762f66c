"""Where a booking can be moved on a day is what the service would allow."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from bookings import services
from bookings.errors import NotAllowed, NotFound, SlotTaken
from bookings.models import Booking
from bookings.selectors.moves import WhyNot, read_moves
from experts.models import Expert, SessionType, Slot
from tests.cast import book, day_ahead, make_booking, make_expert, make_organization, make_row_of_slots, make_slot
from tests.cast import make_session_type as make_type_of

pytestmark = pytest.mark.django_db


class Desk:
    """Three experts of one organisation with slots of 20 minutes on one day, and some of them taken."""

    def __init__(self, **expert):
        self.organization = make_organization()
        self.experts = [make_expert(organization=self.organization, **expert) for _ in range(3)]
        self.slots = [make_row_of_slots(each, start="09:00", end="12:00") for each in self.experts]
        for expert_at, times in enumerate((["10:00"], ["09:40", "11:00"], [])):
            for at in times:
                book(self.slots[expert_at][at])
        Slot.objects.filter(pk=self.slots[1]["10:20"].pk).update(is_closed=True)

    def shown(self, booking, experts=None, day=None):
        booking = (
            Booking.objects.with_slot().select_related("session_type", "second_expert__organization").get(pk=booking.pk)
        )
        experts = experts or list(Expert.objects.select_related("organization").filter(organization=self.organization))
        return read_moves(booking, experts, day or day_ahead(), self.experts[0].zone, timezone.now())


def allowed_by_service(booking):
    """Every slot of anybody to which the service moves the booking."""
    found = set()
    for slot_id in Slot.objects.filter(date=day_ahead()).values_list("pk", flat=True):
        try:
            with transaction.atomic():
                services.reschedule(booking_id=booking.pk, slot_id=slot_id, by_customer=False)
                found.add(slot_id)
                transaction.set_rollback(True)
        except (SlotTaken, NotAllowed, NotFound):
            pass
    return found


def of(moves):
    return {start.pk for start in moves.in_order}


def test_a_booking_without_type_fits_wherever_a_seat_is_free():
    desk = Desk()
    make_slot()  # of another organisation
    booking = book(desk.slots[0]["09:00"])
    shown = desk.shown(booking)
    assert of(shown) == allowed_by_service(booking)
    assert len(of(shown)) == 7 + 6 + 9
    assert shown.why_not == {}


def test_a_party_needs_as_many_seats():
    desk = Desk(max_party=3)
    Slot.objects.filter(pk__in=[desk.slots[2][at].pk for at in ("10:00", "10:20")]).update(capacity=3)
    make_booking(Slot.objects.get(pk=desk.slots[2]["10:20"].pk), seats=2)
    booking = make_booking(make_slot(desk.experts[0], at="14:00", capacity=3), seats=2)
    assert of(desk.shown(booking)) == allowed_by_service(booking) == {desk.slots[2]["10:00"].pk}
    assert desk.shown(booking).why_not == {desk.experts[0].pk: WhyNot.FULL, desk.experts[1].pk: WhyNot.FULL}


@pytest.mark.parametrize("buffers", [{}, {"buffer_before": 10, "buffer_after": 20}])
def test_a_session_fits_as_it_was_agreed_also_over_the_time_that_it_takes_now(buffers):
    desk = Desk()
    session_type = make_type_of(desk.organization, *desk.experts[:2], minutes=40, **buffers)
    booking = book(desk.slots[0]["11:00"], session_type=session_type.pk)
    SessionType.objects.filter(pk=session_type.pk).update(minutes=60)  # what was agreed stays
    shown = desk.shown(booking)
    assert of(shown) == allowed_by_service(booking) != set()
    assert desk.slots[0]["11:20"].pk in of(shown) or buffers
    assert shown.why_not[desk.experts[2].pk] == WhyNot.TYPE


def test_a_session_with_two_experts_stays_with_both():
    desk = Desk()
    session_type = make_type_of(desk.organization, *desk.experts, minutes=20, experts_needed=2)
    booking = services.book_anyone(
        session_type=session_type.pk, starts_at=desk.slots[0]["09:00"].starts_at, name="Lena", email="lena@example.com"
    ).booking
    booking = Booking.objects.select_related("slot").get(pk=booking.pk)
    stays = {booking.slot.expert_id, booking.second_expert_id}
    shown = desk.shown(booking)
    assert of(shown) == allowed_by_service(booking) != set()
    assert {start.expert_id for start in shown.in_order} == {booking.slot.expert_id}
    assert set(shown.why_not.values()) == {WhyNot.TOGETHER}
    assert all({each.expert_id for each in start.covered} == stays for start in shown.in_order)


def test_nothing_is_allowed_on_a_day_that_is_over_or_beyond_the_horizon():
    desk = Desk()
    booking = book(desk.slots[0]["09:00"])
    for day in (timezone.now().date() - timedelta(days=1), timezone.now().date() + timedelta(days=400)):
        make_row_of_slots(desk.experts[0], day=day, start="09:00", end="10:00")
        shown = desk.shown(booking, day=day)
        assert (shown.starts, set(shown.why_not.values())) == ({}, {WhyNot.FULL})


def test_reading_costs_two_queries_however_many_experts(django_assert_num_queries):
    desk = Desk()
    session_type = make_type_of(desk.organization, *desk.experts, minutes=40)
    booking = book(desk.slots[0]["11:00"], session_type=session_type.pk)
    booking = Booking.objects.with_slot().select_related("session_type", "second_expert").get(pk=booking.pk)
    experts = list(Expert.objects.select_related("organization").filter(organization=desk.organization))
    for number in (1, 3):
        with django_assert_num_queries(2):
            assert read_moves(booking, experts[:number], day_ahead(), experts[0].zone, timezone.now()).in_order
