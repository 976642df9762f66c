"""Rescue what cannot take place: offers keep their times, moves can be undone, and nobody is forgotten."""

from datetime import timedelta

import pytest
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from bookings import services
from bookings.errors import NotAllowed, NotFound, OfferOver, Refused, SlotTaken
from bookings.models import Booking, OutboxMail, Rescue, Status
from bookings.models.rescue import RescueState
from bookings.selectors.rescue import cannot_take_place
from bookings.selectors.rescue_times import kept_times, may_take, propose, who_may_take
from bookings.services.catch_up import settle_overdue
from bookings.tasks import send_rescue_offer
from experts import services as calendars
from experts.models import Role, Slot, TimeOff
from tests.cast import (
    book,
    day_ahead,
    fresh,
    join_line,
    make_booking,
    make_category,
    make_expert,
    make_organization,
    make_row_of_slots,
    make_session_type,
    make_slot,
    make_type,
)
from tests.mail import send_mails, waiting
from tests.staff import make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def house():
    return make_organization(name="Northgate Clinic")


@pytest.fixture
def away(house):
    return make_expert(name="Tomás Herrera", organization=house, category=make_category(name="Skin"))


@pytest.fixture
def colleague(away):
    return make_expert(name="Liv Sørby", organization=away.organization, category=away.category)


@pytest.fixture
def lost(away):
    """A booking whose slot was closed with it."""
    slot = make_slot(away, at="10:00")
    booking = book(slot, name="Vera Lund")
    calendars.close_slot(slot_id=slot.pk)
    return booking


def offer(booking, *slots, **values):
    until = timezone.now() + timedelta(hours=4)
    ids = [slot.pk for slot in slots]
    return services.offer_times(**{"booking_id": booking.pk, "slot_ids": ids, "until": until, "by": None} | values)


def now_is(booking) -> Booking:
    return Booking.objects.with_slot().get(pk=booking.pk)


def lost_now() -> set[Booking]:
    return set(cannot_take_place(Booking.objects.all()))


class TestOffers:
    def test_times_are_kept_and_mailed_and_one_is_chosen(self, lost, away, colleague, mailoutbox):
        same, later, next_day = (
            make_slot(colleague, at="10:00"),
            make_slot(colleague, at="10:30"),
            make_slot(away, day=day_ahead(3), at="10:00"),
        )
        mailoutbox.clear()
        rescue = offer(lost, same, later, next_day, why="ill", message="Sorry, Vera.")
        assert [fresh(slot).seats_held for slot in (same, later, next_day)] == [1, 1, 1]
        do_jobs()
        [mail] = mailoutbox
        assert mail.to == [lost.email]
        assert "Tomás Herrera is ill, so your session cannot take place." in mail.body
        assert "Sorry, Vera." in mail.body
        assert "Liv Sørby" in mail.body
        assert mail.body.count("?time=") == 3
        moved = services.choose_time(rescue_id=rescue.pk, slot_id=later.pk)
        assert (moved.reference, moved.slot_id, moved.status) == (lost.reference, later.pk, Status.CONFIRMED)
        assert [(fresh(slot).seats_held, fresh(slot).seats_booked) for slot in (same, later, next_day)] == [
            (0, 0),
            (0, 1),
            (0, 0),
        ]
        rescue.refresh_from_db()
        assert rescue.state == RescueState.CHOSEN
        assert lost_now() == set()
        assert services.choose_time(rescue_id=rescue.pk, slot_id=later.pk).slot_id == later.pk, "a double click"
        with pytest.raises(OfferOver):
            services.choose_time(rescue_id=rescue.pk, slot_id=same.pk)
        assert (lost.pk, "rescheduled", 1) in waiting()

    def test_who_waits_for_a_time_gets_it_when_it_is_let_go_and_never_before(self, lost, colleague):
        kept, other = make_slot(colleague, at="10:00"), make_slot(colleague, at="10:30")
        rescue = offer(lost, kept, other)
        entry, second = join_line(kept), join_line(other)
        services.choose_time(rescue_id=rescue.pk, slot_id=kept.pk)
        entry.refresh_from_db()
        second.refresh_from_db()
        assert (entry.status, second.status) == ("WAITING", "OFFERED")
        assert now_is(lost).slot_id == kept.pk

    def test_what_is_taken_is_left_out_and_where_nothing_is_left_nothing_changes(self, lost, colleague):
        taken, free = make_slot(colleague, at="10:00"), make_slot(colleague, at="11:00")
        book(taken)
        rescue = offer(lost, taken, free)
        assert [time.slot.pk for time in kept_times(with_booking(rescue))] == [free.pk]
        with pytest.raises(SlotTaken):
            offer(lost, taken)
        assert [time.slot.pk for time in kept_times(with_booking(rescue))] == [free.pk]

    def test_another_offer_takes_the_place_of_the_first(self, lost, colleague):
        one, two = make_slot(colleague, at="10:00"), make_slot(colleague, at="11:00")
        first = offer(lost, one)
        offer(lost, one, two)
        assert (fresh(one).seats_held, fresh(two).seats_held) == (1, 1)
        with pytest.raises(OfferOver):
            services.choose_time(rescue_id=first.pk, slot_id=one.pk)

    def test_an_offer_runs_out_by_itself_and_a_late_answer_takes_what_is_free(self, lost, colleague):
        one, two = make_slot(colleague, at="10:00"), make_slot(colleague, at="11:00")
        rescue = offer(lost, one, two)
        run_out(rescue)
        settle_overdue()
        assert (fresh(one).seats_held, fresh(two).seats_held) == (0, 0)
        assert lost_now() == {lost}
        book(one)
        with pytest.raises(SlotTaken):
            services.choose_time(rescue_id=rescue.pk, slot_id=one.pk)
        assert services.choose_time(rescue_id=rescue.pk, slot_id=two.pk).slot_id == two.pk

    def test_late_without_any_worker(self, lost, colleague):
        one = make_slot(colleague, at="10:00")
        rescue = offer(lost, one)
        run_out(rescue)
        assert services.choose_time(rescue_id=rescue.pk, slot_id=one.pk).slot_id == one.pk
        assert (fresh(one).seats_held, fresh(one).seats_booked) == (0, 1)

    def test_none_of_these_lets_all_go(self, lost, colleague):
        one = make_slot(colleague, at="10:00")
        rescue = offer(lost, one)
        assert services.decline_times(rescue_id=rescue.pk)
        assert not services.decline_times(rescue_id=rescue.pk)
        assert fresh(one).seats_held == 0
        assert lost_now() == {lost}
        cancelled = services.cancel_offered(rescue_id=rescue.pk)
        assert cancelled.status == Status.CANCELLED

    def test_times_go_within_a_minute_of_any_other_end(self, lost, colleague):
        one = make_slot(colleague, at="10:00")
        rescue = offer(lost, one)
        services.cancel(booking_id=lost.pk, by_customer=False)
        assert settle_overdue()["let go"] == 1
        assert fresh(one).seats_held == 0
        with pytest.raises(OfferOver):
            services.choose_time(rescue_id=rescue.pk, slot_id=one.pk)

    def test_who_is_elsewhere_or_does_something_else_is_no_choice(self, lost, house):
        other_field = make_slot(make_expert(organization=house), at="10:00")
        other_house = make_slot(make_expert(), at="10:00")
        own = make_slot(lost.slot.expert, at="15:00")
        rescue = offer(lost, own)
        for slot in (other_field, other_house):
            with pytest.raises(Refused):
                services.choose_time(rescue_id=rescue.pk, slot_id=slot.pk)
        assert now_is(lost).slot_id == lost.slot_id

    def test_nobody_takes_another_kind_of_slot_by_its_number(self, lost, away, colleague):
        rescue = offer(lost, make_slot(colleague, at="10:00"))
        long = make_slot(colleague, at="13:00", minutes=120)
        for_types = make_slot(colleague, at="16:00")
        Slot.objects.filter(pk=for_types.pk).update(for_types=[make_type(colleague).pk])
        for slot in (long, for_types):
            with pytest.raises(NotFound):
                services.choose_time(rescue_id=rescue.pk, slot_id=slot.pk)
        assert now_is(lost).slot_id == lost.slot_id

    def test_without_an_address_times_are_kept_for_the_phone(self, away, colleague, mailoutbox):
        slot, free = make_slot(away, at="12:00"), make_slot(colleague, at="12:00")
        booking = book(slot, name="Priya Nair", email="", source="staff")
        calendars.close_slot(slot_id=slot.pk)
        offer(booking, free)
        do_jobs()
        assert mailoutbox == []
        assert fresh(free).seats_held == 1
        services.move_lost(booking_id=booking.pk, slot_id=free.pk, by=None)
        assert (fresh(free).seats_held, fresh(free).seats_booked) == (0, 1)

    def test_a_session_takes_all_its_slots_with_a_colleague(self, away, colleague):
        visit = make_type(away, minutes=40)
        visit.offers.create(expert=colleague)
        slots, theirs = make_row_of_slots(away), make_row_of_slots(colleague)
        booking = book(slots["09:00"], session_type=visit.pk)
        calendars.close_slot(slot_id=slots["09:20"].pk)
        rescue = offer(booking, theirs["09:00"], theirs["09:20"])
        assert [fresh(theirs[at]).seats_held for at in ("09:00", "09:20", "09:40")] == [1, 1, 0], "they overlap"
        moved = services.choose_time(rescue_id=rescue.pk, slot_id=theirs["09:00"].pk)
        assert moved.more_slots == [theirs["09:20"].pk]


class TestMoves:
    def test_a_move_is_mailed_once_it_cannot_be_undone(self, lost, colleague, mailoutbox):
        send_mails()
        mailoutbox.clear()
        to = make_slot(colleague, at="10:00")
        rescue = services.move_lost(booking_id=lost.pk, slot_id=to.pk, by=None, message="Dr Sørby sees you.")
        assert lost_now() == set()
        send_mails()
        assert lost.email not in [mail.to[0] for mail in mailoutbox]
        back = services.undo_move(rescue_id=rescue.pk)
        assert back.slot_id == lost.slot_id
        assert lost_now() == {lost}
        assert fresh(to).seats_booked == 0
        make_all_due()
        send_mails()
        assert lost.email not in [mail.to[0] for mail in mailoutbox], "nobody hears of what was undone"
        services.move_lost(booking_id=lost.pk, slot_id=to.pk, by=None, message="Dr Sørby sees you.")
        make_all_due()
        send_mails()
        [mail] = [mail for mail in mailoutbox if mail.to[0] == lost.email]
        assert "Dr Sørby sees you." in mail.body
        assert "Liv Sørby" in mail.body

    def test_it_is_undone_for_a_minute_and_while_the_booking_is_there(self, lost, colleague):
        to, other = make_slot(colleague, at="10:00"), make_slot(colleague, at="11:00")
        rescue = services.move_lost(booking_id=lost.pk, slot_id=to.pk, by=None)
        services.reschedule(booking_id=lost.pk, slot_id=other.pk, by_customer=False)
        with pytest.raises(NotAllowed):
            services.undo_move(rescue_id=rescue.pk)
        again = services.move_lost(booking_id=lost.pk, slot_id=to.pk, by=None)
        Rescue.objects.filter(pk=again.pk).update(created_at=timezone.now() - timedelta(minutes=2))
        with pytest.raises(NotAllowed):
            services.undo_move(rescue_id=again.pk)
        assert now_is(lost).slot_id == to.pk

    def test_nobody_is_put_back_who_was_told_of_the_new_time(self, lost, colleague, mailoutbox):
        to = make_slot(colleague, at="10:00")
        rescue = services.move_lost(booking_id=lost.pk, slot_id=to.pk, by=None)
        make_all_due()
        send_mails()
        with pytest.raises(NotAllowed, match="has left"):
            services.undo_move(rescue_id=rescue.pk)
        assert now_is(lost).slot_id == to.pk

    def test_a_move_is_undone_whatever_the_first_expert_offers_by_now(self, away, colleague):
        kind = make_type(away, minutes=30)
        offered = colleague.offered_types.create(session_type=kind)
        own = make_slot(away, at="10:00")
        booking = book(own, session_type=kind.pk)
        calendars.close_slot(slot_id=own.pk)
        rescue = services.move_lost(booking_id=booking.pk, slot_id=make_slot(colleague, at="10:00").pk, by=None)
        away.offered_types.all().delete()
        assert services.undo_move(rescue_id=rescue.pk).slot_id == own.pk
        assert offered.expert_id == colleague.pk

    def test_who_cancels_from_the_mail_is_the_one_who_cancelled(self, lost, colleague):
        rescue = offer(lost, make_slot(colleague, at="10:00"))
        services.cancel_offered(rescue_id=rescue.pk)
        last = lost.events.order_by("pgh_id").last()
        assert (last.status, last.pgh_context.metadata["by"]) == (Status.CANCELLED, "customer")

    def test_who_loses_a_session_to_a_colleague_is_told(self, house, mailoutbox):
        old, new = (make_expert(organization=house) for _ in range(2))
        for expert, address in ((old, "old@example.com"), (new, "new@example.com")):
            expert.user = make_member(house, Role.EXPERT, email=address)
            expert.save()
        booking = book(make_slot(old))
        send_mails()
        mailoutbox.clear()
        services.reschedule(booking_id=booking.pk, slot_id=make_slot(new, at="15:00").pk, by_customer=False)
        send_mails()
        assert {mail.to[0] for mail in mailoutbox} == {booking.email, "old@example.com", "new@example.com"}

    def test_a_form_that_is_too_old_moves_nobody(self, lost, colleague):
        to = make_slot(colleague, at="10:00")
        with pytest.raises(NotAllowed):
            services.move_lost(booking_id=lost.pk, slot_id=to.pk, by=None, seen_sequence=7)

    def test_cancelled_with_a_link_to_book_again(self, lost, colleague, mailoutbox):
        kept = make_slot(colleague, at="10:00")
        offer(lost, kept)
        services.cancel_lost(booking_id=lost.pk, by=None, message="We are sorry.")
        assert fresh(kept).seats_held == 0
        send_mails()
        mail = mailoutbox[-1]
        assert "We are sorry." in mail.body
        assert f"/experts/{lost.slot.expert.slug}/" in mail.body
        assert "free" not in mail.body

    def test_what_is_done_is_left_alone(self, lost, colleague):
        kept = make_slot(colleague, at="10:00")
        offer(lost, kept)
        services.mark_reached(booking_id=lost.pk, by=None)
        assert lost_now() == set()
        assert fresh(kept).seats_held == 0
        services.move_lost(booking_id=lost.pk, slot_id=kept.pk, by=None)
        assert services.mark_reached(booking_id=lost.pk, by=None).state == RescueState.MOVED


class TestInsteadOfARequest:
    @pytest.fixture
    def request_(self, away):
        """A request that runs out in half an hour."""
        return make_booking(
            make_slot(away, at="09:00"),
            status=Status.PENDING,
            expires_at=timezone.now() + timedelta(minutes=30),
            email="vera@example.com",
        )

    def test_it_stays_one_while_times_are_kept_and_is_confirmed_with_one_of_them(
        self, request_, away, colleague, mailoutbox
    ):
        times = make_slot(away, at="12:00"), make_slot(colleague, at="10:00")
        rescue = offer(request_, *times, of_request=True, message="I leave at ten.")
        waits = now_is(request_)
        assert (waits.status, waits.expires_at, waits.sequence) == (Status.PENDING, rescue.until, request_.sequence)
        assert [fresh(it).seats_held for it in times] == [1, 1]
        send_rescue_offer(rescue_id=rescue.pk)
        [mail] = mailoutbox
        assert "I leave at ten." in mail.body
        assert "cannot take place" not in mail.body.lower()
        assert "Your request stays open" in mail.body
        moved = services.choose_time(rescue_id=rescue.pk, slot_id=times[1].pk)
        assert (moved.status, moved.slot, moved.reference) == (Status.CONFIRMED, times[1], request_.reference)
        assert [fresh(it).seats_held for it in times] == [0, 0]
        assert fresh(request_.slot).seats_booked == 0
        assert services.choose_time(rescue_id=rescue.pk, slot_id=times[1].pk) == moved, "a second click"
        send_mails()
        assert [it.to for it in mailoutbox].count(["vera@example.com"]) == 2
        assert mailoutbox[-1].subject.startswith("You're booked: Liv Sørby")

    def test_none_of_these_leaves_it_with_staff(self, request_, away):
        kept, free = make_slot(away, at="12:00"), make_slot(away, at="13:00")
        rescue = offer(request_, kept, of_request=True)
        assert services.decline_times(rescue_id=rescue.pk)
        assert fresh(kept).seats_held == 0
        assert now_is(request_).status == Status.PENDING
        moved = services.choose_time(rescue_id=rescue.pk, slot_id=free.pk)
        assert (moved.slot, moved.status) == (free, Status.PENDING), "staff have not offered that"

    @pytest.mark.parametrize("answer", ["approve", "reject"])
    def test_whatever_staff_answer_meanwhile_ends_it(self, request_, away, answer):
        kept = make_slot(away, at="12:00")
        rescue = offer(request_, kept, of_request=True)
        getattr(services, answer)(booking_id=request_.pk)
        with pytest.raises(OfferOver):
            services.choose_time(rescue_id=rescue.pk, slot_id=kept.pk)
        settle_overdue()
        assert fresh(kept).seats_held == 0
        assert now_is(request_).slot == request_.slot

    def test_only_of_what_is_a_request_still(self, request_, away, lost):
        kept = make_slot(away, at="12:00")
        with pytest.raises(NotAllowed, match="no request any more"):
            offer(lost, kept, of_request=True)
        Booking.objects.filter(pk=request_.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
        with pytest.raises(NotAllowed, match="no request any more"):
            offer(request_, kept, of_request=True)
        assert fresh(kept).seats_held == 0

    def test_it_never_outlives_what_was_asked_for(self, request_, away):
        late = request_.slot.starts_at + timedelta(hours=4)
        rescue = offer(request_, make_slot(away, day=day_ahead(4)), of_request=True, until=late)
        assert rescue.until == now_is(request_).expires_at == request_.slot.starts_at


class TestProposals:
    def test_each_time_goes_to_one_and_the_soonest_chooses_first(self, away, colleague, django_assert_num_queries):
        lost, at = [], ("10:00", "10:30", "11:00")
        for clock in at:
            slot = make_slot(away, at=clock)
            lost.append(book(slot))
            calendars.close_slot(slot_id=slot.pk)
        theirs = [make_slot(colleague, at=clock) for clock in ("10:00", "10:30")]
        own = make_slot(away, day=day_ahead(5), at="10:00")
        rows = list(Booking.objects.with_slot().filter(pk__in=[it.pk for it in lost]))
        with django_assert_num_queries(2):
            found = propose(rows, who_may_take(rows), timezone.now())
        assert [found[it.pk][0].slot.pk for it in lost] == [theirs[0].pk, theirs[1].pk, own.pk]
        assert found[lost[0].pk][0].why == "Same time, with a colleague"

    def test_three_for_each_are_different(self, lost, away, colleague):
        theirs = [make_slot(colleague, at=clock) for clock in ("10:00", "10:30", "11:00")]
        own = make_slot(away, day=day_ahead(3), at="10:00")
        row = now_is(lost)
        found = propose([row], who_may_take([row]), timezone.now(), each=3)[lost.pk]
        assert found[0].slot.pk == theirs[0].pk
        assert own.pk in {it.slot.pk for it in found}
        assert len({it.slot.pk for it in found}) == 3

    def test_two_experts_together_are_proposed_where_both_are_free(self, away, colleague, mailoutbox):
        kind = make_session_type(away.organization, away, colleague, experts_needed=2, minutes=40)
        own, theirs = make_row_of_slots(away), make_row_of_slots(colleague)
        make_booking(theirs["10:00"])
        lost = book(own["09:00"], session_type=kind.pk, second_expert=colleague.pk)
        calendars.close_slot(slot_id=theirs["09:20"].pk)
        row = now_is(lost)
        found = propose([row], who_may_take([row]), timezone.now(), each=3)[lost.pk]
        # From 09:40 the colleague is taken at 10:00; of the rest no two overlap.
        assert [(it.slot.pk, it.with_whom, it.is_own) for it in found] == [
            (own["10:20"].pk, "Tomás Herrera and Liv Sørby", True),
            (own["11:00"].pk, "Tomás Herrera and Liv Sørby", True),
        ]
        assert not may_take(row, colleague.pk)
        rescue = offer(lost, *(it.slot for it in found))
        assert fresh(own["10:40"]).seats_held == fresh(theirs["10:40"]).seats_held == 1
        send_rescue_offer(rescue_id=rescue.pk)
        assert "Tomás Herrera and Liv Sørby" in mailoutbox[-1].body
        moved = services.choose_time(rescue_id=rescue.pk, slot_id=own["11:00"].pk)
        assert (moved.slot, moved.second_expert) == (own["11:00"], colleague)
        assert [fresh(slot).seats_booked for slot in (own["11:20"], theirs["11:00"], theirs["11:20"])] == [1, 1, 1]
        assert fresh(own["10:20"]).seats_held == fresh(theirs["10:20"]).seats_held == 0
        assert services.undo_move(rescue_id=services.move_lost(booking_id=lost.pk, slot_id=own["10:20"].pk, by=None).pk)

    def test_nothing_in_the_time_off_is_proposed(self, lost, away):
        calendars.save_time_off(time_off=time_off_of(away))
        make_slot(away, at="15:00")
        row = now_is(lost)
        assert propose([row], who_may_take([row]), timezone.now())[lost.pk] == []


def time_off_of(expert) -> TimeOff:
    return TimeOff(expert=expert, first_day=day_ahead(), last_day=day_ahead())


def with_booking(rescue) -> Rescue:
    return Rescue.objects.with_booking().get(pk=rescue.pk)


def run_out(rescue) -> None:
    past = timezone.now() - timedelta(seconds=1)
    Rescue.objects.filter(pk=rescue.pk).update(until=past)
    Booking.objects.filter(rescue_time__rescue=rescue).update(expires_at=past)


def do_jobs() -> None:
    """As a worker does with what was offered. No words of it are in the queue."""
    for job in ProcrastinateJob.objects.filter(task_name="bookings.tasks.send_rescue_offer", status="todo"):
        send_rescue_offer(**job.args)


def make_all_due() -> None:
    OutboxMail.objects.update(due_at=timezone.now())
