"""The waitlist: whoever is first in line gets the seat that becomes free, in the transaction that frees it."""

from contextlib import nullcontext
from datetime import time, timedelta

import pytest
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from bookings import services, tasks
from bookings.errors import InvalidDetails, NotFound, OfferOver, SeatFree, SlotTaken, WaitlistFull
from bookings.models import Booking, Status, WaitlistEntry
from bookings.services.catch_up import settle_overdue
from bookings.services.cleanup import delete_old
from bookings.services.expiry import Expiry
from experts import services as slot_services
from experts.errors import PreviewNeeded
from experts.models import Slot, WeeklyHours
from tests.cast import (
    book,
    day_ahead,
    fresh,
    join_line,
    make_booking,
    make_expert,
    make_full_slot,
    make_slot,
    move_slot,
)
from tests.concurrency.contention import run_together

pytestmark = pytest.mark.django_db
LENA, OMAR, RUTH = "a" * 32, "b" * 32, "c" * 32


def join(slot, name="lena", **values):
    return join_line(slot, **{"name": name.title(), "email": f"{name}@example.com"} | values)


def cancel_one(slot):
    booking = Booking.objects.filter(slot=slot, status=Status.CONFIRMED).first()
    return services.cancel(booking_id=booking.pk, by_customer=False)


def offers():
    return ProcrastinateJob.objects.filter(task_name="bookings.tasks.send_waitlist_offer")


def confirm_preview(service, **values):
    """See what a change does to the slots, and have it done."""
    with pytest.raises(PreviewNeeded) as shown:
        service(**values)
    service(**values, seen=shown.value.key)


def statuses(slot):
    return list(slot.waitlist.order_by("pk").values_list("name", "status"))


def lapse(hold):
    """Let a hold run out without anybody noticing."""
    Booking.objects.filter(pk=hold.pk).update(expires_at=timezone.now() - timedelta(seconds=1))


def join_behind_a_hold(slot) -> WaitlistEntry:
    """Somebody who joined while the hold was still running."""
    return WaitlistEntry.objects.create(slot=slot, name="Lena", email="lena@example.com")


def let_offer_run_out(entry):
    entry.refresh_from_db()
    Booking.objects.filter(pk=entry.hold_id).update(expires_at=timezone.now() - timedelta(seconds=1))
    services.expire(booking_id=entry.hold_id)


class TestJoining:
    def test_places_follow_each_other(self):
        slot = make_full_slot()
        assert [join(slot, name).place for name in ("lena", "omar", "ruth")] == [1, 2, 3]

    def test_twice_keeps_one_entry(self):
        slot = make_full_slot()
        assert join(slot, visitor=LENA) == join(slot, visitor=LENA, email=" LENA@example.com")
        assert slot.waitlist.count() == 1

    def test_a_stranger_with_a_known_address_learns_nothing_and_changes_nothing(self):
        known, unknown = make_full_slot(), make_full_slot()
        for slot in (known, unknown):
            join(slot, "ruth", visitor=RUTH)
        first = join(known, visitor=LENA)
        join(unknown, "somebody", visitor=LENA)
        # A stranger joins with Lena's address, and measures by joining with an address of his own before and after.
        seen = {}
        for slot in (known, unknown):
            before = join(slot, "omar", visitor=OMAR)
            as_lena = join(slot, visitor=OMAR)
            after = join(slot, "omar2", visitor=OMAR)
            seen[slot] = [(e.place, e.status, e.name, e.email, e.seats) for e in (before, as_lena, after)]
        assert seen[known] == seen[unknown]
        assert WaitlistEntry.objects.in_line().filter(slot=known, email="lena@example.com").get() == first
        # Nor can he take her place in line away.
        services.leave_waitlist(entry_id=known.waitlist.get(email="lena@example.com", visitor=OMAR).pk)
        first.refresh_from_db()
        assert first.status == "WAITING"

    def test_an_address_that_leaves_in_one_browser_still_waits_in_the_other(self):
        slot = make_full_slot()
        first, second = join(slot, visitor=LENA), join(slot, visitor=OMAR)
        services.leave_waitlist(entry_id=first.pk)
        assert list(WaitlistEntry.objects.in_line()) == [second]

    def test_only_for_what_cannot_be_had(self):
        with pytest.raises(SeatFree):
            join(make_slot())
        assert join(make_slot_with_one_seat_left(), seats=2).seats == 2
        closed = make_full_slot()
        slot_services.close_slot(slot_id=closed.pk)
        with pytest.raises(SlotTaken) as refused:
            join(closed)
        assert refused.value.reason == "closed"
        with pytest.raises(NotFound):
            services.join_waitlist(slot_id=0, name="Lena", email="lena@example.com")
        assert WaitlistEntry.objects.count() == 1

    def test_while_others_hold_the_last_seat(self):
        slot = make_slot()
        services.hold_slot(slot_id=slot.pk, visitor=OMAR)
        assert join(slot).place == 1

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"name": " ", "email": "lena@example.com"}, "name"),
            ({"email": "lena"}, "email"),
            ({"email": ""}, "email"),
            ({"seats": 3}, "seats"),
        ],
    )
    def test_bad_details_are_named(self, values, field):
        with pytest.raises(InvalidDetails) as refused:
            join(make_full_slot(), **values)
        assert list(refused.value.fields) == [field]

    def test_more_seats_than_the_slot_ever_has(self):
        with pytest.raises(InvalidDetails):
            join(make_full_slot(), seats=2)

    def test_lines_are_bounded(self, monkeypatch):
        monkeypatch.setattr("bookings.services.waitlist.LONGEST_LINE", 2)
        slot = make_full_slot()
        join(slot, "a")
        join(slot, "b")
        with pytest.raises(WaitlistFull):
            join(slot, "c")
        monkeypatch.setattr("bookings.services.waitlist.MOST_ENTRIES", 1)
        join(make_full_slot(), visitor=LENA)
        with pytest.raises(WaitlistFull):
            join(make_full_slot(), visitor=LENA)


def make_slot_with_one_seat_left():
    slot = make_slot(make_expert(max_party=2), capacity=2)
    book(slot)
    return slot


class TestServing:
    def test_the_first_in_line_gets_a_timed_hold_and_a_mail(self):
        slot = make_full_slot()
        first = join(slot, visitor=LENA)
        join(slot, "omar", visitor=OMAR)
        cancel_one(slot)
        first.refresh_from_db()
        assert statuses(slot) == [("Lena", "OFFERED"), ("Omar", "WAITING")]
        assert (first.hold.status, first.hold.holder, first.hold.seats) == (Status.HELD, LENA, 1)
        assert abs(first.hold.expires_at - timezone.now() - timedelta(minutes=30)) < timedelta(seconds=10)
        assert fresh(slot).state == "held", "nobody else is faster"
        assert [job.args for job in offers()] == [{"entry_id": first.pk}]
        with pytest.raises(SlotTaken):
            book(slot)

    def test_a_worker_whose_clock_is_an_hour_ahead_sends_the_offer(self, monkeypatch, mailoutbox):
        slot = make_full_slot()
        entry = join(slot, visitor=LENA)
        cancel_one(slot)
        ahead = timezone.now() + timedelta(hours=1)
        monkeypatch.setattr(timezone, "now", lambda: ahead)
        tasks.send_waitlist_offer(entry_id=entry.pk)
        assert [mail.to for mail in mailoutbox] == [[entry.email]]

    def test_then_the_next(self):
        slot = make_full_slot()
        entries = [join(slot, name) for name in ("lena", "omar", "ruth")]
        cancel_one(slot)
        let_offer_run_out(entries[0])
        assert statuses(slot) == [("Lena", "MISSED"), ("Omar", "OFFERED"), ("Ruth", "WAITING")]
        services.leave_waitlist(entry_id=entries[1].pk)
        assert statuses(slot) == [("Lena", "MISSED"), ("Omar", "LEFT"), ("Ruth", "OFFERED")]
        let_offer_run_out(entries[2])
        assert fresh(slot).state == "open", "nobody is left"
        assert offers().count() == 3

    def test_the_offer_becomes_the_booking(self):
        slot = make_full_slot()
        entry = join(slot, visitor=LENA)
        cancel_one(slot)
        booking = book(slot, visitor=LENA)
        entry.refresh_from_db()
        assert (entry.status, entry.hold, booking.status) == ("BOOKED", booking, Status.CONFIRMED)
        assert fresh(slot).state == "full"

    def test_who_moves_to_a_slot_where_holds_ran_out_leaves_the_other_seats_to_the_line(self):
        expert = make_expert(max_party=2)
        slot, mine = make_slot(expert, capacity=2, at="09:00"), book(make_slot(expert, at="12:00"))
        lapse(services.hold_slot(slot_id=slot.pk, visitor=OMAR, seats=2))
        entry = join_behind_a_hold(slot)
        services.reschedule(booking_id=mine.pk, slot_id=slot.pk, by_customer=False)
        entry.refresh_from_db()
        assert entry.status == "OFFERED"

    def test_who_joins_with_a_party_that_is_too_large_leaves_the_seats_that_ran_out_to_the_line(self):
        slot = make_slot(make_expert(max_party=2), capacity=2)
        book(slot)
        lapse(services.hold_slot(slot_id=slot.pk, visitor=OMAR))
        entry = join_behind_a_hold(slot)
        assert join(slot, "ruth", seats=2).status == "WAITING"
        entry.refresh_from_db()
        assert entry.status == "OFFERED"

    @pytest.mark.parametrize("how", ["hold", "book", "book_what_was_held", "reschedule", "join"])
    def test_who_waits_comes_before_whoever_finds_that_a_hold_ran_out(self, how):
        expert = make_expert()
        slot, mine = make_slot(expert, at="09:00"), book(make_slot(expert, at="12:00"))
        hold = services.hold_slot(slot_id=slot.pk, visitor=OMAR)
        entry = join(slot, visitor=LENA)
        lapse(hold)
        with pytest.raises((SlotTaken, WaitlistFull)) if how != "join" else nullcontext():
            match how:
                case "hold":
                    services.hold_slot(slot_id=slot.pk, visitor=RUTH)
                case "book":
                    book(slot)
                case "book_what_was_held":
                    book(slot, visitor=OMAR)
                case "reschedule":
                    services.reschedule(booking_id=mine.pk, slot_id=slot.pk, by_customer=True)
                case "join":
                    assert join(slot, "ruth").status == "WAITING"
        Expiry().end_due()  # what was refused has undone the offer with the rest, and left the seat to be offered
        entry.refresh_from_db()
        assert (entry.status, entry.hold.holder) == ("OFFERED", LENA)
        assert Booking.objects.filter(slot=slot, status=Status.CONFIRMED).count() == 0

    def test_who_waits_gets_the_seat_also_as_the_one_who_finds_that_a_hold_ran_out(self):
        slot = make_slot()
        hold = services.hold_slot(slot_id=slot.pk, visitor=OMAR)
        entry = join(slot, visitor=LENA)
        lapse(hold)
        assert book(slot, visitor=LENA).status == Status.CONFIRMED
        entry.refresh_from_db()
        assert entry.status == "BOOKED"

    def test_seats_that_the_line_leaves_are_for_who_finds_them(self):
        slot = make_slot(make_expert(max_party=2), capacity=2)
        hold = services.hold_slot(slot_id=slot.pk, visitor=OMAR, seats=2)
        entry = join(slot, visitor=LENA)
        lapse(hold)
        assert services.hold_slot(slot_id=slot.pk, visitor=RUTH).status == Status.HELD
        entry.refresh_from_db()
        assert entry.status == "OFFERED"

    @pytest.mark.parametrize("how", ["reject", "expire", "release", "move_hold", "reschedule", "capacity", "reopen"])
    def test_whatever_frees_a_seat_serves_the_line(self, how):
        expert = make_expert(requires_approval=how in ("reject", "expire"))
        slot, other = make_slot(expert, at="09:00"), make_slot(expert, at="12:00")
        if how in ("release", "move_hold"):
            services.hold_slot(slot_id=slot.pk, visitor=OMAR)
        else:
            booking = book(slot)
        entry = join(slot)
        match how:
            case "reject":
                services.reject(booking_id=booking.pk)
            case "expire":
                Booking.objects.filter(pk=booking.pk).update(expires_at=timezone.now())
                services.expire(booking_id=booking.pk)
            case "release":
                services.release_hold(slot_id=slot.pk, visitor=OMAR)
            case "move_hold":
                services.hold_slot(slot_id=other.pk, visitor=OMAR)
            case "reschedule":
                services.reschedule(booking_id=booking.pk, slot_id=other.pk, by_customer=True)
            case "capacity":
                slot_services.set_capacity(slot_id=slot.pk, capacity=2)
            case "reopen":
                slot_services.close_slot(slot_id=slot.pk)
                services.cancel(booking_id=booking.pk, by_customer=False)
                entry.refresh_from_db()
                assert entry.status == "WAITING", "a closed slot is offered to nobody"
                slot_services.reopen_slot(slot_id=slot.pk)
        entry.refresh_from_db()
        assert entry.status == "OFFERED"

    def test_more_seats_by_the_weekly_hours_serve_the_line(self):
        expert = make_expert()
        monday = WeeklyHours(weekday=0, start=time(9), end=time(9, 30), slot_minutes=30, capacity=1)
        confirm_preview(slot_services.apply_hours, expert_id=expert.pk, hours=[monday])
        slot = Slot.objects.filter(expert=expert).last()
        book(slot)
        entry = join(slot)
        monday.capacity = 2
        confirm_preview(slot_services.apply_hours, expert_id=expert.pk, hours=[monday])
        entry.refresh_from_db()
        assert entry.status == "OFFERED"

    def test_what_no_service_freed_is_offered_within_a_minute(self):
        slot = make_full_slot()
        entry = join(slot)
        Booking.objects.filter(slot=slot).update(status=Status.CANCELLED)
        assert fresh(slot).state == "open"
        assert settle_overdue()["offered"] == 1
        entry.refresh_from_db()
        assert entry.status == "OFFERED"
        assert settle_overdue()["offered"] == 0

    def test_a_party_that_does_not_fit_keeps_its_place(self):
        slot = make_full_slot(capacity=2)
        join(slot, "lena", seats=2)
        join(slot, "omar")
        cancel_one(slot)
        assert statuses(slot) == [("Lena", "WAITING"), ("Omar", "OFFERED")]
        let_offer_run_out(slot.waitlist.get(name="Omar"))
        cancel_one(slot)
        assert statuses(slot) == [("Lena", "OFFERED"), ("Omar", "MISSED")]

    def test_several_seats_serve_several(self):
        slot = make_full_slot()
        for name in ("lena", "omar", "ruth"):
            join(slot, name)
        slot_services.set_capacity(slot_id=slot.pk, capacity=3)
        assert [status for _name, status in statuses(slot)] == ["OFFERED", "OFFERED", "WAITING"]

    def test_who_got_a_seat_in_another_way_is_not_in_the_way(self):
        slot = make_full_slot(capacity=2)
        join(slot)
        join(slot, "omar")
        others = list(Booking.objects.filter(slot=slot))
        others[0].delete()  # by nobody's service
        make_booking(slot, email="Lena@example.com")
        services.cancel(booking_id=others[1].pk, by_customer=False)
        assert statuses(slot) == [("Lena", "BOOKED"), ("Omar", "OFFERED")]

    def test_never_beyond_the_last_moment_to_book(self):
        expert = make_expert(min_notice=timedelta(hours=1))
        slot = make_slot(expert, starts_at=timezone.now() + timedelta(minutes=70))
        book(slot)
        entry = join(slot)
        cancel_one(slot)
        entry.refresh_from_db()
        assert entry.hold.expires_at == slot.starts_at - timedelta(hours=1)

    def test_a_full_slot_in_the_past_serves_nobody(self):
        slot = make_full_slot()
        entry = join(slot)
        now = timezone.now()
        move_slot(slot, now + timedelta(minutes=5))
        cancel_one(slot)
        entry.refresh_from_db()
        assert entry.status == "WAITING"


def test_a_month_after_the_session_nobody_is_remembered_to_have_waited():
    kept, old = make_full_slot(), make_full_slot()
    join(kept)
    join(old)
    over = timezone.now() - timedelta(days=31)
    move_slot(old, over - timedelta(hours=1), over)
    WaitlistEntry.objects.filter(slot=old).update(created_at=over - timedelta(days=1))
    delete_old()
    assert WaitlistEntry.objects.get().slot == kept


class TestClaiming:
    def offered(self, **values):
        slot = make_full_slot()
        entry = join(slot, visitor=LENA, **values)
        cancel_one(slot)
        entry.refresh_from_db()
        return slot, entry

    def test_hands_the_hold_to_the_browser_that_opened_the_link(self):
        slot, entry = self.offered()
        hold = services.claim_offer(entry_id=entry.pk, visitor=OMAR)
        assert (hold.pk, hold.holder) == (entry.hold_id, OMAR)
        assert book(slot, visitor=OMAR).pk == entry.hold_id
        with pytest.raises(OfferOver):
            services.claim_offer(entry_id=entry.pk, visitor=LENA)

    def test_is_refused_when_it_ran_out_whether_or_not_a_worker_noticed(self):
        _slot, entry = self.offered()
        Booking.objects.filter(pk=entry.hold_id).update(expires_at=timezone.now() - timedelta(seconds=1))
        with pytest.raises(OfferOver):
            services.claim_offer(entry_id=entry.pk, visitor=OMAR)
        let_offer_run_out(entry)
        with pytest.raises(OfferOver):
            services.claim_offer(entry_id=entry.pk, visitor=OMAR)
        assert services.leave_waitlist(entry_id=entry.pk) is False

    def test_who_was_offered_a_seat_may_look_at_other_times_without_losing_it(self):
        slot, entry = self.offered()
        others = [make_slot(slot.expert, day=day_ahead(3), at=at) for at in ("08:00", "12:00")]
        for other in others:
            services.hold_slot(slot_id=other.pk, visitor=LENA)
        entry.refresh_from_db()
        assert (entry.hold.slot, entry.status) == (slot, "OFFERED")
        assert [fresh(other).state for other in others] == ["open", "held"]


@pytest.mark.django_db(transaction=True)
class TestTogether:
    def test_a_crowd_that_joins_with_one_address_is_in_line_once(self):
        slot = make_full_slot()
        results = run_together(lambda n: join(slot, visitor=f"{n:032}"), count=16)
        assert all(isinstance(entry, WaitlistEntry) for entry in results), results
        assert WaitlistEntry.objects.in_line().count() == 1
        assert sorted(entry.place for entry in results) == list(range(1, 17))

    def test_seats_that_are_freed_together_go_to_as_many(self):
        slot = make_full_slot(capacity=6)
        for n in range(8):
            join(slot, f"waiter{n}")
        bookings = list(Booking.objects.filter(slot=slot).values_list("pk", flat=True))
        run_together(lambda n: services.cancel(booking_id=bookings[n], by_customer=False), count=6)
        assert [status for _name, status in statuses(slot)] == ["OFFERED"] * 6 + ["WAITING"] * 2
        assert fresh(slot).seats_held == 6
        assert offers().count() == 6
