"""Holds: kept for one visitor, never a way to lock others or oneself out."""

import threading
from datetime import timedelta

import pytest
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from bookings import services, tasks
from bookings.errors import InvalidDetails, NotAllowed, NotFound, SlotTaken, TooManyHolds
from bookings.models import Booking, Status, TurnedAway, WaitlistEntry
from bookings.selectors.slot_for_visitor import slot_for_visitor
from bookings.services import caution
from tests.cast import book, day_ahead, fresh, make_booking, make_expert, make_slot
from tests.concurrency.contention import held_row, run_together
from tests.statements import count_and_plan_once, rows_read

VISITOR, OTHER = "a" * 32, "b" * 32


def hold(slot, visitor=VISITOR, **values):
    return services.hold_slot(slot_id=slot.pk, visitor=visitor, **values)


def let_run_out(booking):
    Booking.objects.filter(pk=booking.pk).update(expires_at=timezone.now() - timedelta(seconds=1))


@pytest.mark.django_db
class TestHolding:
    def test_keeps_a_seat_for_the_policys_time(self):
        slot = make_slot(make_expert(hold_minutes=7))
        held = hold(slot)
        assert held.status == Status.HELD
        assert abs(held.expires_at - timezone.now() - timedelta(minutes=7)) < timedelta(seconds=10)
        assert fresh(slot).state == "held"
        assert not ProcrastinateJob.objects.exists(), "its end is found when it is due"

    def test_somebody_else_is_refused(self):
        slot = make_slot()
        hold(slot)
        with pytest.raises(SlotTaken) as refused:
            hold(slot, OTHER)
        assert refused.value.reason == "held"
        with pytest.raises(SlotTaken):
            book(slot, visitor=OTHER)
        assert TurnedAway.objects.count() == 1, "a tile that is pressed is no booking that was refused"

    def test_coming_back_finds_ones_own_hold_with_its_time_running(self):
        slot = make_slot()
        assert hold(slot) == hold(slot)
        assert Booking.objects.count() == 1

    def test_choosing_another_slot_of_the_expert_moves_it(self):
        expert = make_expert()
        first, second = make_slot(expert, at="09:00"), make_slot(expert, at="10:00")
        assert hold(first) == hold(second)
        assert (fresh(first).state, fresh(second).state) == ("open", "held")

    def test_what_was_looked_at_before_another_tab_held(self):
        """The look said that there is no hold; under the lock there is one by now, and it moves."""
        expert = make_expert()
        first, second = make_slot(expert, at="09:00"), make_slot(expert, at="10:00")
        seen = slot_for_visitor(second.pk, VISITOR)
        held = hold(first)
        assert (seen.has_holds, slot_for_visitor(second.pk, VISITOR).has_holds) == (False, True)
        assert hold(second, seen=seen) == held
        assert (fresh(first).state, fresh(second).state) == ("open", "held")

    def test_what_was_looked_at_before_another_tab_held_the_very_slot(self):
        slot = make_slot(capacity=3)
        seen = slot_for_visitor(slot.pk, VISITOR)
        held = hold(slot)
        assert hold(slot, seen=seen) == held
        assert fresh(slot).seats_held == 1

    def test_what_was_looked_at_before_others_took_seats(self):
        slot = make_slot(capacity=2)
        seen = slot_for_visitor(slot.pk, VISITOR)
        book(slot)
        assert hold(slot, seen=seen).slot.seats_left == 0
        with pytest.raises(SlotTaken):
            hold(slot, OTHER, seen=slot_for_visitor(slot.pk, "c" * 32))
        seen = slot_for_visitor(make_slot(slot.expert, at="15:00").pk, OTHER)
        book(seen.slot)
        with pytest.raises(SlotTaken):
            services.hold_slot(slot_id=seen.slot.pk, visitor=OTHER, seen=seen)

    def test_a_move_that_is_refused_keeps_the_hold(self):
        expert = make_expert()
        first, full = make_slot(expert, at="09:00"), make_slot(expert, at="10:00")
        make_booking(full)
        held = hold(first)
        with pytest.raises(SlotTaken):
            hold(full)
        held.refresh_from_db()
        assert (held.slot, held.status) == (first, Status.HELD)

    def test_at_most_two_holds_and_a_lapsed_one_does_not_count(self):
        slots = [make_slot() for _ in range(4)]
        first = hold(slots[0])
        hold(slots[1])
        with pytest.raises(TooManyHolds):
            hold(slots[2])
        hold(slots[2], OTHER)
        let_run_out(first)
        hold(slots[3])

    def test_party_size_is_held_and_can_change(self):
        slot = make_slot(make_expert(max_party=3), capacity=3)
        hold(slot, seats=3)
        assert fresh(slot).seats_left == 0
        hold(slot, seats=1)
        assert fresh(slot).seats_left == 2
        with pytest.raises(InvalidDetails):
            hold(slot, seats=4)

    def test_nobody_can_hold_what_cannot_be_booked(self):
        slot = make_slot(is_closed=True)
        with pytest.raises(SlotTaken):
            hold(slot)
        with pytest.raises(NotFound):
            services.hold_slot(slot_id=10**12, visitor=VISITOR)
        assert not Booking.objects.exists()


def extend(slot, visitor=VISITOR, extensions=0):
    return services.extend_hold(slot_id=slot.pk, visitor=visitor, extensions=extensions)


def wait_for(slot, **values):
    return WaitlistEntry.objects.create(slot=slot, name="Lena", email="lena@example.com", **values)


@pytest.mark.django_db
class TestKeepingItLonger:
    def test_twice_for_as_long_again_and_asking_twice_at_once_counts_once(self):
        slot = make_slot()
        first = hold(slot).expires_at
        for extensions in (0, 0, 1):
            assert extend(slot, extensions=extensions).holder == VISITOR
        assert fresh(slot).next_hold_expiry == first + timedelta(minutes=10)
        with pytest.raises(NotAllowed, match="any longer"):
            extend(slot, extensions=2)
        # A hold that moves to another time has new time, and the same chances.
        other = make_slot(slot.expert, at="16:00")
        assert hold(other).extensions == 0
        assert extend(other).extensions == 1

    def test_not_while_somebody_else_is_in_line(self):
        slot = make_slot()
        expires_at = hold(slot).expires_at
        wait_for(slot, visitor=VISITOR)
        wait_for(slot, visitor=OTHER, status=WaitlistEntry.Status.UNPROVEN)
        assert extend(slot).extensions == 1, "nobody waits but oneself, and who has not opened the link of the mail"
        WaitlistEntry.objects.filter(visitor=VISITOR).update(visitor="c" * 32)
        with pytest.raises(NotAllowed, match="Somebody is waiting for this time"):
            extend(slot, extensions=1)
        assert Booking.objects.get().expires_at == expires_at + timedelta(minutes=5)

    def test_never_past_the_last_moment_to_book(self):
        soon = timezone.now() + timedelta(hours=1, minutes=7)
        slot = make_slot(make_expert(min_notice=timedelta(hours=1)), starts_at=soon)
        hold(slot)
        assert extend(slot).expires_at == soon - timedelta(hours=1)
        with pytest.raises(NotAllowed):
            extend(slot, extensions=1)

    def test_neither_an_offer_nor_what_awaits_its_proof_nor_what_is_gone(self):
        slots = [make_slot() for _ in range(4)]
        wait_for(slots[0], hold=hold(slots[0]), status=WaitlistEntry.Status.OFFERED)
        make_booking(slots[1], status=Status.HELD, holder=VISITOR, awaits_proof=True)
        let_run_out(hold(slots[2]))
        before = list(Booking.objects.order_by("pk").values())
        for slot in slots:
            with pytest.raises(NotAllowed):
                extend(slot)
        with pytest.raises(NotAllowed):
            extend(slots[0], visitor="")
        assert list(Booking.objects.order_by("pk").values()) == before

    def test_as_long_as_a_new_hold_of_somebody_unknown_would_last(self, settings):
        """docs/decisions/0029: the more people unknown keep of an expert, the shorter; beyond the bound not at all."""
        settings.RATE_LIMITS = True
        caution._seats_ahead.forget()
        expert = make_expert()
        slot = make_slot(expert, capacity=5)
        first = hold(slot).expires_at
        hold(slot, OTHER)
        hold(slot, "c" * 32)
        shorter = extend(slot).expires_at - first
        assert timedelta(minutes=1) <= shorter < timedelta(minutes=5)
        make_booking(make_slot(expert, at="12:00"), status=Status.HELD, holder="d" * 32, of_expert=expert)
        with pytest.raises(NotAllowed, match="Very many people"):
            extend(slot, extensions=1)


@pytest.mark.django_db
class TestRelease:
    def test_frees_the_seat_at_once_and_twice_does_no_harm(self):
        slot = make_slot()
        hold(slot)
        assert not services.release_hold(slot_id=slot.pk, visitor=OTHER)
        assert fresh(slot).state == "held"
        assert services.release_hold(slot_id=slot.pk, visitor=VISITOR)
        assert fresh(slot).state == "open"
        assert not services.release_hold(slot_id=slot.pk, visitor=VISITOR)


@pytest.mark.django_db
class TestRunningOut:
    def test_never_blocks_even_without_a_worker(self):
        slot = make_slot()
        lapsed = hold(slot)
        let_run_out(lapsed)
        assert fresh(slot).state == "open"
        assert hold(slot, OTHER).holder == OTHER
        lapsed.refresh_from_db()
        assert lapsed.status == Status.EXPIRED

    def test_the_seat_is_freed_and_only_when_its_time_has_come(self):
        slot = make_slot()
        held = hold(slot)
        assert not services.expire(booking_id=held.pk)
        let_run_out(held)
        assert services.expire(booking_id=held.pk)
        assert not services.expire(booking_id=held.pk)
        assert (fresh(slot).seats_held, fresh(slot).next_hold_expiry) == (0, None)

    def test_of_a_hold_that_is_gone_nothing_is_freed(self):
        held = hold(make_slot())
        Booking.objects.filter(pk=held.pk).delete()
        assert services.expire(booking_id=held.pk) is False
        tasks.expire_booking(booking_id=held.pk)  # or it would be tried again for a day


@pytest.mark.django_db
class TestBookingIt:
    def test_the_hold_becomes_the_booking(self):
        slot = make_slot()
        held = hold(slot)
        booking = book(slot, visitor=VISITOR, name="Lena")
        booking.refresh_from_db()
        assert (booking.pk, booking.reference) == (held.pk, held.reference)
        assert (booking.status, booking.name, booking.expires_at) == (Status.CONFIRMED, "Lena", None)
        assert Booking.objects.count() == 1
        slot = fresh(slot)
        assert (slot.seats_held, slot.seats_booked, slot.next_hold_expiry) == (0, 1, None)

    def test_with_approval_it_becomes_a_request(self):
        slot = make_slot(make_expert(requires_approval=True))
        hold(slot)
        assert book(slot, visitor=VISITOR).status == Status.PENDING

    def test_a_hold_that_ran_out_is_renewed_while_the_seat_is_free(self):
        slot = make_slot()
        let_run_out(hold(slot))
        assert book(slot, visitor=VISITOR).status == Status.CONFIRMED

    def test_and_is_refused_when_the_seat_is_gone(self):
        slot = make_slot()
        let_run_out(hold(slot))
        book(slot)
        with pytest.raises(SlotTaken):
            book(slot, visitor=VISITOR)

    def test_the_party_may_grow_on_the_way_if_there_is_room(self):
        slot = make_slot(make_expert(max_party=4), capacity=4)
        hold(slot, seats=1)
        make_booking(slot, seats=2)
        with pytest.raises(SlotTaken):
            book(slot, visitor=VISITOR, seats=3)
        assert book(slot, visitor=VISITOR, seats=2).seats == 2

    def test_a_closed_slot_is_closed_also_for_who_holds_it(self):
        slot = make_slot()
        hold(slot)
        slot.is_closed = True
        slot.save()
        with pytest.raises(SlotTaken) as refused:
            book(slot, visitor=VISITOR)
        assert refused.value.reason == "closed"


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    @pytest.mark.parametrize("ran_out", [True, False])
    def test_more_time_and_the_end_of_a_hold_meet(self, ran_out):
        """Both wait for the slot. Whichever comes first: a hold that was over stays over, one that runs is kept."""
        slot = make_slot()
        held = hold(slot)
        works = [lambda: extend(slot), lambda: services.expire(booking_id=held.pk)]
        results = []
        with held_row(slot) as row:
            crowd = threading.Thread(target=lambda: results.extend(run_together(lambda n: works[n](), count=2)))
            crowd.start()
            row.wait_for(2)
            # The time of the hold is over while both wait; or it is not.
            expires_at = timezone.now() if ran_out else held.expires_at
            row.change_and_let_go("UPDATE bookings_booking SET expires_at = %s WHERE id = %s", [expires_at, held.pk])
            crowd.join(timeout=60)
        extended, ended = results
        held.refresh_from_db()
        if ran_out:
            assert isinstance(extended, NotAllowed)
            assert (ended, held.status, held.extensions, fresh(slot).state) == (True, Status.EXPIRED, 0, "open")
        else:
            assert extended == held
            assert (ended, held.status, held.extensions, fresh(slot).state) == (False, Status.HELD, 1, "held")

    def test_many_visitors_one_seat(self):
        slot = make_slot()
        results = run_together(lambda n: hold(slot, f"{n:032}"), count=16)
        assert sum(isinstance(result, Booking) for result in results) == 1
        assert all(isinstance(result, Booking | SlotTaken) for result in results)

    def test_one_visitor_in_many_tabs_of_one_expert_has_one(self, settings):
        settings.LOCK_TIMEOUT_MS = 30_000
        expert = make_expert()
        slots = [make_slot(expert, at=f"{9 + n:02}:00") for n in range(8)]
        seen = [slot_for_visitor(slot.pk, VISITOR) for slot in slots]
        results = run_together(lambda n: hold(slots[n], seen=seen[n]), count=8)
        assert {result.pk for result in results} == {Booking.objects.get().pk}
        assert sum(fresh(slot).seats_held for slot in slots) == 1

    def test_one_visitor_in_many_tabs_never_has_more_than_two(self, settings):
        settings.LOCK_TIMEOUT_MS = 30_000
        slots = [make_slot(capacity=3) for _ in range(8)]
        results = run_together(lambda n: hold(slots[n]), count=8)
        assert sum(isinstance(result, Booking) for result in results) == 2
        assert sum(isinstance(result, TooManyHolds) for result in results) == 6
        assert Booking.objects.filter(status=Status.HELD).count() == 2

    def test_opposite_moves_never_end_in_an_error(self, settings):
        settings.LOCK_TIMEOUT_MS = 30_000
        expert = make_expert()
        one, two = make_slot(expert, at="09:00", capacity=2), make_slot(expert, at="10:00", capacity=2)
        first, second = book(one), book(two)
        moves = [(first, two), (second, one)] * 4
        results = run_together(
            lambda n: services.reschedule(booking_id=moves[n][0].pk, slot_id=moves[n][1].pk, by_customer=False), count=8
        )
        first.refresh_from_db()
        second.refresh_from_db()
        assert (first.slot, second.slot) == (two, one), results
        assert (fresh(one).seats_booked, fresh(two).seats_booked) == (1, 1)


@pytest.mark.django_db
class TestAmongManyHolds:
    """What a hold costs does not grow with those of others: each step reads a few rows, not all that are held."""

    @pytest.fixture(autouse=True)
    def many_hold(self):
        """Since PostgreSQL last counted, and then nobody held anything."""
        expert = make_expert()
        slots = [make_slot(expert, day=day_ahead(days), capacity=100) for days in range(2, 32)]

        def add(count, **values):
            Booking.objects.bulk_create(
                Booking(slot=slots[n % len(slots)], holder=f"{n:032}", name="Lena", **values) for n in range(count)
            )

        add(400, status=Status.CONFIRMED, email="lena@example.com")
        count_and_plan_once("bookings_booking")
        add(300, status=Status.HELD, expires_at=timezone.now() + timedelta(minutes=5))

    def test_control_looking_at_all_of_them_is_counted(self):
        before = rows_read("bookings_booking")
        assert len(Booking.objects.filter(status=Status.HELD)) == 300
        assert rows_read("bookings_booking") - before >= 300

    @pytest.mark.parametrize("step", ["hold", "again", "move", "extend", "look", "let go", "book"])
    def test_reads_few(self, step):
        expert = make_expert()
        first, second = make_slot(expert, at="09:00"), make_slot(expert, at="11:00")
        steps = {
            "again": lambda: hold(first),
            "move": lambda: hold(second),
            "extend": lambda: services.extend_hold(slot_id=first.pk, visitor=VISITOR, extensions=0),
            "look": lambda: slot_for_visitor(first.pk, VISITOR),
            "let go": lambda: services.release_hold(slot_id=first.pk, visitor=VISITOR),
            "book": lambda: book(first, visitor=VISITOR),
        }
        if step != "hold":
            hold(first)
        before = rows_read("bookings_booking")
        steps.get(step, lambda: hold(first))()
        assert rows_read("bookings_booking") - before < 60
