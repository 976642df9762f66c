"""What may become of a booking, and what may not: every forbidden transition is refused."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from bookings import services
from bookings.errors import NotAllowed, NotFound, SlotTaken
from bookings.mail.rules import MailKind
from bookings.models import Booking, OutboxMail, Status
from bookings.transitions import TRANSITIONS
from tests.cast import book, fresh, make_booking, make_expert, make_slot, make_type, move_slot

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
    if after == Status.CONFIRMED and before != Status.PENDING:
        allowed = False  # that is to undo, which has a verb of its own
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


class TestAttendance:
    @pytest.fixture
    def booking(self):
        booking = make_booking(make_slot(), status=Status.CONFIRMED)
        over(booking.slot)
        return booking

    @pytest.mark.parametrize("verb", [services.mark_no_show, services.complete, services.mark_arrived])
    def test_what_was_said_about_who_came_can_be_taken_back(self, booking, verb):
        verb(booking_id=booking.pk)
        again = services.undo_attendance(booking_id=booking.pk)
        assert (again.status, again.arrived_at) == (Status.CONFIRMED, None)
        with pytest.raises(NotAllowed):
            services.undo_attendance(booking_id=booking.pk)

    def test_who_was_missed_and_came_late_has_arrived(self, booking):
        services.mark_no_show(booking_id=booking.pk)
        came = services.mark_arrived(booking_id=booking.pk)
        assert came.status == Status.CONFIRMED
        assert services.mark_arrived(booking_id=booking.pk).arrived_at == came.arrived_at
        assert services.complete(booking_id=booking.pk).arrived_at == came.arrived_at
        assert services.mark_no_show(booking_id=booking.pk).arrived_at is None

    def test_nobody_arrives_on_another_day_or_with_what_is_no_booking(self):
        with pytest.raises(NotAllowed, match="another day"):
            services.mark_arrived(booking_id=book(make_slot()).pk)
        for status in (Status.PENDING, Status.CANCELLED, Status.HELD):
            with pytest.raises(NotAllowed):
                services.mark_arrived(booking_id=make_booking(make_slot(), status=status).pk)

    def test_the_database_knows_nobody_who_came_to_what_was_cancelled(self, booking):
        services.mark_arrived(booking_id=booking.pk)
        with pytest.raises(IntegrityError, match="who_came"), transaction.atomic():
            Booking.objects.filter(pk=booking.pk).update(status=Status.CANCELLED)
        assert services.cancel(booking_id=booking.pk, by_customer=False).arrived_at is None


class TestHandOver:
    @pytest.fixture
    def experts(self):
        one = make_expert()
        return one, make_expert(organization=one.organization)

    def test_staff_move_a_booking_to_a_colleague_and_customers_do_not(self, experts):
        old, new = (make_slot(expert, at="09:00") for expert in experts)
        booking = book(old)
        with pytest.raises(NotAllowed, match="same expert"):
            services.reschedule(booking_id=booking.pk, slot_id=new.pk, by_customer=True)
        moved = services.reschedule(booking_id=booking.pk, slot_id=new.pk, by_customer=False)
        assert (moved.reference, moved.slot) == (booking.reference, new)
        assert (fresh(old).state, fresh(new).state) == ("open", "full")

    def test_never_into_another_organisation(self, experts):
        booking = book(make_slot(experts[0]))
        with pytest.raises(NotFound):
            services.reschedule(booking_id=booking.pk, slot_id=make_slot().pk, by_customer=False)

    def test_only_to_who_offers_its_type(self, experts):
        one, other = experts
        kind = make_type(one, minutes=20)
        slots = [make_slot(expert, at="09:00") for expert in experts]
        booking = book(slots[0], session_type=kind.pk)
        with pytest.raises(NotAllowed, match="does not offer"):
            services.reschedule(booking_id=booking.pk, slot_id=slots[1].pk, by_customer=False)
        kind.offers.create(expert=other)
        moved = services.reschedule(booking_id=booking.pk, slot_id=slots[1].pk, by_customer=False)
        assert (moved.slot, moved.terms) == (slots[1], booking.terms)

    @pytest.mark.parametrize("tell", [True, False])
    def test_staff_choose_whether_the_customer_is_written_to(self, experts, tell):
        booking = book(make_slot(experts[0]))
        OutboxMail.objects.all().delete()
        slot = make_slot(experts[1])
        services.reschedule(booking_id=booking.pk, slot_id=slot.pk, by_customer=False, tell=tell)
        assert OutboxMail.objects.filter(kind=MailKind.RESCHEDULED).exists() == tell


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
