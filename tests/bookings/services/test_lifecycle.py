"""What may become of a booking, and what may not: every forbidden transition is refused."""

from datetime import timedelta

import pytest
from django.utils import timezone

from bookings import services
from bookings.errors import NotAllowed, NotFound, SlotTaken
from bookings.models import Booking, Status
from bookings.transitions import TRANSITIONS
from tests.cast import book, fresh, make_booking, make_expert, make_slot, move_slot

pytestmark = pytest.mark.django_db
VERBS = {
    Status.CONFIRMED: lambda pk: services.approve(booking_id=pk),
    Status.REJECTED: lambda pk: services.reject(booking_id=pk, reason="Not taking new clients"),
    Status.CANCELLED: lambda pk: services.cancel(booking_id=pk, by_customer=False),
    Status.COMPLETED: lambda pk: services.complete(booking_id=pk),
    Status.NO_SHOW: lambda pk: services.mark_no_show(booking_id=pk),
}


def over(slot):
    """Move the session into the past."""
    now = timezone.now()
    move_slot(slot, now - timedelta(hours=2), now - timedelta(hours=1))


@pytest.mark.parametrize("before", list(Status))
@pytest.mark.parametrize("after", list(VERBS))
def test_the_table_decides(before, after):
    slot = make_slot()
    booking = make_booking(slot, status=before, expires_at=timezone.now() + timedelta(hours=1))
    if after in (Status.COMPLETED, Status.NO_SHOW):
        over(slot)
    allowed = after in TRANSITIONS[before] and before != Status.HELD
    if allowed:
        assert VERBS[after](booking.pk).status == after
    else:
        with pytest.raises(NotAllowed):
            VERBS[after](booking.pk)
    booking.refresh_from_db()
    assert booking.status == (after if allowed else before)


def test_approving_twice_is_a_clear_refusal():
    booking = make_booking(make_slot(), status=Status.PENDING)
    services.approve(booking_id=booking.pk)
    with pytest.raises(NotAllowed, match="is confirmed"):
        services.approve(booking_id=booking.pk)


def test_a_request_cannot_be_approved_after_its_deadline():
    booking = make_booking(make_slot(), status=Status.PENDING, expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(NotAllowed, match="over"):
        services.approve(booking_id=booking.pk)
    assert services.expire(booking_id=booking.pk)


def test_customers_cancel_within_the_policy_and_staff_always():
    slot = make_slot(make_expert(cancel_until=timedelta(days=20)))
    booking = book(slot)
    with pytest.raises(NotAllowed, match="too late"):
        services.cancel(booking_id=booking.pk, by_customer=True)
    assert services.cancel(booking_id=booking.pk, by_customer=False, reason=" Ill ").reason == "Ill"
    assert fresh(slot).state == "open"


def test_nothing_is_completed_before_its_end():
    booking = book(make_slot())
    for verb in (services.complete, services.mark_no_show):
        with pytest.raises(NotAllowed):
            verb(booking_id=booking.pk)


def test_unknown_bookings():
    for verb in VERBS.values():
        with pytest.raises(NotFound):
            verb(10**12)


class TestReschedule:
    def test_the_same_booking_at_another_time(self):
        expert = make_expert()
        old, new = make_slot(expert, at="09:00"), make_slot(expert, at="10:00")
        booking = book(old)
        moved = services.reschedule(booking_id=booking.pk, slot_id=new.pk, by_customer=True)
        assert (moved.pk, moved.reference, moved.slot) == (booking.pk, booking.reference, new)
        assert (fresh(old).state, fresh(new).state) == ("open", "full")

    def test_a_refused_move_leaves_everything_as_it_was(self):
        expert = make_expert()
        old, full, elsewhere = make_slot(expert, at="09:00"), make_slot(expert, at="10:00"), make_slot()
        make_booking(full)
        booking = book(old)
        with pytest.raises(SlotTaken):
            services.reschedule(booking_id=booking.pk, slot_id=full.pk, by_customer=True)
        with pytest.raises(NotAllowed):
            services.reschedule(booking_id=booking.pk, slot_id=elsewhere.pk, by_customer=True)
        with pytest.raises(NotFound):
            services.reschedule(booking_id=booking.pk, slot_id=10**12, by_customer=True)
        booking.refresh_from_db()
        assert booking.slot == old

    def test_a_requests_deadline_is_never_after_the_new_start(self):
        expert = make_expert(requires_approval=True, approval_hours=300)
        old, new = make_slot(expert, at="10:00"), make_slot(expert, at="09:00")
        booking = book(old)
        assert services.reschedule(booking_id=booking.pk, slot_id=new.pk, by_customer=True).expires_at == new.starts_at

    def test_only_within_the_policy(self):
        expert = make_expert(cancel_until=timedelta(days=20))
        booking = book(make_slot(expert, at="09:00"))
        with pytest.raises(NotAllowed):
            services.reschedule(booking_id=booking.pk, slot_id=make_slot(expert, at="10:00").pk, by_customer=True)

    def test_a_cancelled_one_cannot_be_moved(self):
        expert = make_expert()
        booking = make_booking(make_slot(expert, at="09:00"), status=Status.CANCELLED)
        with pytest.raises(NotAllowed):
            services.reschedule(booking_id=booking.pk, slot_id=make_slot(expert, at="10:00").pk, by_customer=False)
        assert Booking.objects.get().slot_id == booking.slot_id
