"""Sessions of a type: all slots that their time and buffers cover, or none, as one booking."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from bookings import services
from bookings.errors import Busy, NotFound, SeatFree, SlotTaken
from bookings.models import Booking, Status, WaitlistEntry
from bookings.privacy.erasing import erase_bookings
from bookings.selectors.own_slots import own_key
from bookings.services import booking as booking_module
from bookings.services import holds, waitlist
from bookings.services.catch_up import finished, free_and_waited_for, recently_finished, settle_overdue
from tests.cast import book, fresh, join_line, make_booking, make_expert, make_row_of_slots, make_slot, make_type

VISITOR, OTHER = "a" * 32, "b" * 32
pytestmark = pytest.mark.django_db


@pytest.fixture
def expert(db):
    return make_expert()


@pytest.fixture
def slots(expert):
    return make_row_of_slots(expert)


def taken(slots):
    """The starts of slots of which a seat is taken, in order of time."""
    rows = {slot.pk: slot for slot in type(next(iter(slots.values()))).objects.all()}
    return [at for at, slot in slots.items() if rows[slot.pk].seats_held + rows[slot.pk].seats_booked]


def hold(slot, kind, visitor=VISITOR, **values):
    return services.hold_slot(slot_id=slot.pk, session_type=kind.pk, visitor=visitor, **values)


class TestTaking:
    def test_it_takes_every_slot_that_its_time_and_buffers_touch(self, expert, slots):
        kind = make_type(expert, minutes=45, buffer_before=10, buffer_after=5)
        booking = book(slots["10:00"], session_type=kind.pk)
        assert taken(slots) == ["09:40", "10:00", "10:20", "10:40"]
        assert booking.slot_id == slots["10:00"].pk
        assert booking.session_ends_at - slots["10:00"].starts_at == timedelta(minutes=45)
        assert Booking.objects.get().more_slots == [slots[at].pk for at in ("09:40", "10:20", "10:40")]

    @pytest.mark.parametrize("at", ["11:40", "09:00"])
    def test_it_is_refused_where_the_hours_end_or_begin_too_soon(self, expert, slots, at):
        kind = make_type(expert, minutes=40, buffer_before=5)
        with pytest.raises(SlotTaken) as refused:
            book(slots[at], session_type=kind.pk)
        assert refused.value.reason == "closed"
        assert taken(slots) == []

    def test_it_needs_slots_that_follow_each_other(self, expert, slots):
        slots["10:20"].delete()
        with pytest.raises(SlotTaken):
            book(slots["10:00"], session_type=make_type(expert).pk)

    def test_a_slot_that_is_for_other_types_can_be_kept_free_but_not_used(self, expert, slots):
        kind = make_type(expert, minutes=20, buffer_after=20)
        type(slots["10:20"]).objects.filter(pk=slots["10:20"].pk).update(for_types=[kind.pk + 1])
        with pytest.raises(SlotTaken):
            book(slots["10:20"], session_type=kind.pk)
        book(slots["10:00"], session_type=kind.pk)
        assert taken(slots) == ["10:00", "10:20"]

    def test_one_taken_slot_refuses_all(self, expert, slots):
        book(slots["10:20"])
        with pytest.raises(SlotTaken):
            book(slots["10:00"], session_type=make_type(expert).pk)
        assert taken(slots) == ["10:20"]

    def test_the_seats_of_a_group_are_the_least_of_its_slots(self, expert):
        slots = make_row_of_slots(expert, end="10:00", capacity=5)
        kind = make_type(expert, is_group=True, max_party=5)
        services.book(slot_id=slots["09:20"].pk, seats=3, name="School", email="", source="staff")
        left = 2
        with pytest.raises(SlotTaken) as refused:
            book(slots["09:00"], session_type=kind.pk, seats=left + 1)
        assert refused.value.reason == "party"
        book(slots["09:00"], session_type=kind.pk, seats=left)

    def test_a_type_that_the_expert_does_not_offer_is_not_found(self, expert, slots):
        with pytest.raises(NotFound):
            book(slots["10:00"], session_type=make_type(make_expert()).pk)

    def test_an_expert_s_own_minutes_count(self, expert, slots):
        kind = make_type(expert, minutes=20)
        kind.offers.update(minutes=60, price_words="three francs")
        booking = book(slots["09:00"], session_type=kind.pk)
        assert taken(slots) == ["09:00", "09:20", "09:40"]
        assert booking.terms.price == "three francs"


class TestLife:
    def test_a_hold_becomes_the_booking(self, expert, slots):
        kind = make_type(expert)
        held = hold(slots["10:00"], kind)
        assert taken(slots) == ["10:00", "10:20"]
        booking = book(slots["10:00"], session_type=kind.pk, visitor=VISITOR)
        assert (booking.pk, booking.status) == (held.pk, Status.CONFIRMED)
        assert fresh(slots["10:20"]).seats_booked == 1

    def test_a_hold_moves_over_itself_and_to_another_type(self, expert, slots):
        kind, longer = make_type(expert), make_type(expert, minutes=60)
        hold(slots["10:00"], kind)
        hold(slots["10:20"], kind)
        assert taken(slots) == ["10:20", "10:40"]
        hold(slots["10:20"], longer)
        assert taken(slots) == ["10:20", "10:40", "11:00"]
        assert Booking.objects.count() == 1

    def test_releasing_frees_all(self, expert, slots):
        hold(slots["10:00"], make_type(expert))
        assert services.release_hold(slot_id=slots["10:00"].pk, visitor=VISITOR)
        assert taken(slots) == []

    def test_a_hold_that_ran_out_blocks_none_of_its_slots(self, expert, slots):
        hold(slots["10:00"], make_type(expert))
        Booking.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        assert fresh(slots["10:20"]).state in ("open", "few")
        book(slots["10:20"])
        assert taken(slots) == ["10:20"]

    def test_a_session_takes_over_what_ran_out(self, expert, slots):
        hold(slots["10:20"], make_type(expert))
        Booking.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        book(slots["10:00"], session_type=make_type(expert).pk)
        assert taken(slots) == ["10:00", "10:20"]

    def test_cancelling_frees_all(self, expert, slots):
        booking = book(slots["10:00"], session_type=make_type(expert).pk)
        services.cancel(booking_id=booking.pk, by_customer=True)
        assert taken(slots) == []

    def test_a_move_may_overlap_itself_and_keeps_what_was_agreed(self, expert, slots):
        kind = make_type(expert)
        booking = book(slots["10:00"], session_type=kind.pk)
        kind.minutes, kind.is_active, kind.name = 60, False, "Else"
        kind.save()
        moved = services.reschedule(booking_id=booking.pk, slot_id=slots["10:20"].pk, by_customer=True)
        assert taken(slots) == ["10:20", "10:40"]
        assert moved.session_ends_at == slots["11:00"].starts_at
        assert Booking.objects.get().terms == booking.terms

    def test_a_move_that_is_refused_changes_nothing(self, expert, slots):
        booking = book(slots["10:00"], session_type=make_type(expert).pk)
        book(slots["11:00"])
        with pytest.raises(SlotTaken):
            services.reschedule(booking_id=booking.pk, slot_id=slots["10:40"].pk, by_customer=True)
        assert taken(slots) == ["10:00", "10:20", "11:00"]

    def test_a_request_takes_all_and_gives_all_back(self, expert, slots):
        booking = book(slots["10:00"], session_type=make_type(expert, requires_approval=True).pk)
        assert (booking.status, taken(slots)) == (Status.PENDING, ["10:00", "10:20"])
        services.reject(booking_id=booking.pk)
        assert taken(slots) == []

    def test_a_link_of_its_own_is_made_for_each_booking(self, expert, slots):
        kind = make_type(expert, venue="video", venue_note="https://meet.example.org/{reference}/{secret}")
        first, second = (book(slots[at], session_type=kind.pk) for at in ("09:00", "10:00"))
        assert first.terms.note.startswith(f"https://meet.example.org/{first.reference}/")
        assert "{" not in first.terms.note
        assert first.terms.note.rsplit("/", 1)[1] != second.terms.note.rsplit("/", 1)[1]


class TestTheDatabase:
    """Whoever writes: no second use of any slot that a session takes."""

    def test_raw_sql_cannot_use_a_covered_slot_again(self, expert, slots):
        book(slots["10:00"], session_type=make_type(expert).pk)
        for values in [
            {"slot": slots["10:20"]},
            {"slot": slots["10:40"], "more_slots": [slots["10:20"].pk], **terms_of(Booking.objects.get())},
        ]:
            with pytest.raises(IntegrityError, match="slot_never_overbooked"), transaction.atomic():
                Booking.objects.create(status="CONFIRMED", name="Raw", source="staff", **values)

    def test_raw_sql_cannot_take_less_than_the_session_lasts(self, expert, slots):
        booking = book(slots["10:00"], session_type=make_type(expert).pk)
        with pytest.raises(IntegrityError, match="lasts longer"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("UPDATE bookings_booking SET more_slots = '{}' WHERE id = %s", [booking.pk])

    def test_a_covered_slot_cannot_be_deleted(self, expert, slots):
        book(slots["10:00"], session_type=make_type(expert).pk)
        with pytest.raises(IntegrityError, match="seats of the slot are taken"), transaction.atomic():
            slots["10:20"].delete()

    def test_a_slot_that_does_not_exist_is_refused(self, expert, slots):
        booking = book(slots["10:00"], session_type=make_type(expert).pk)
        with pytest.raises(IntegrityError, match="there is no slot"), transaction.atomic():
            Booking.objects.filter(pk=booking.pk).update(more_slots=[*booking.more_slots, 999_999_999])

    def test_raw_sql_keeps_the_counters_of_all(self, expert, slots):
        book(slots["10:00"], session_type=make_type(expert).pk)
        Booking.objects.all().delete()
        assert taken(slots) == []


def terms_of(booking):
    return {
        "session_type": booking.session_type,
        "session_ends_at": booking.session_ends_at,
        "agreed": booking.agreed,
    }


def test_another_slot_of_another_day_is_not_touched(expert, slots):
    far = make_slot(expert, at="15:00")
    book(slots["11:20"], session_type=make_type(expert).pk)
    assert fresh(far).seats_booked == 0


class TestTheEnd:
    """A session is over when its own time is, before or after the slot in which it starts ends."""

    @pytest.fixture
    def since(self):
        """Books a session that began so many minutes ago, in slots of an hour, and returns it."""

        def begun(minutes_ago, lasts):
            begins = timezone.now() - timedelta(minutes=minutes_ago)
            expert = make_expert()
            hours = [make_slot(expert, starts_at=begins + timedelta(hours=n), minutes=60) for n in range(2)]
            terms = {"name": "Visit", "minutes": lasts}
            return make_booking(
                hours[0],
                more_slots=[hours[1].pk] if lasts > 60 else [],
                session_type=make_type(expert, minutes=lasts),
                session_ends_at=begins + timedelta(minutes=lasts),
                agreed=terms,
                holder=VISITOR,
            )

        return begun

    @pytest.mark.parametrize(("minutes_ago", "lasts", "is_over"), [(70, 90, False), (50, 45, True), (100, 90, True)])
    def test_of_one_that_is_longer_or_shorter_than_its_slot(self, since, minutes_ago, lasts, is_over):
        booking = since(minutes_ago, lasts)
        mine = Booking.objects.proven_to(VISITOR)
        assert list(mine.earlier() if is_over else mine.upcoming()) == [booking]
        assert not (mine.upcoming() if is_over else mine.earlier()).exists()
        now = timezone.now()
        for found in (finished(now), recently_finished(now)):
            assert list(found) == [booking] * is_over
        assert settle_overdue()["completed"] == is_over

    def test_pages_load_themselves_again_at_its_end(self, since, monkeypatch):
        booking = since(70, 90)
        before = own_key(VISITOR)
        monkeypatch.setattr(timezone, "now", lambda: booking.ends_at)
        assert own_key(VISITOR) != before

    def test_nobody_is_erased_before_it(self, since):
        early, late = since(70, 90), since(100, 90)
        erase_bookings([early.pk, late.pk])
        assert set(Booking.objects.not_erased()) == {early}


class TestTheWaitlist:
    def wait(self, slot, kind, email="lena@example.org", **values):
        return join_line(slot, session_type=kind and kind.pk, email=email, **values)

    def test_a_session_is_offered_once_all_of_it_is_free(self, expert, slots):
        kind = make_type(expert)
        first, second = book(slots["10:00"]), book(slots["10:20"])
        entry = self.wait(slots["10:00"], kind)
        services.cancel(booking_id=first.pk, by_customer=False)
        assert WaitlistEntry.objects.get().status == "WAITING"
        services.cancel(booking_id=second.pk, by_customer=False)
        entry.refresh_from_db()
        assert (entry.status, entry.hold.session_type) == ("OFFERED", kind)
        assert taken(slots) == ["10:00", "10:20"]
        services.leave_waitlist(entry_id=entry.pk)
        assert taken(slots) == []

    def test_who_came_first_is_first_whatever_they_wait_for(self, expert, slots):
        kind = make_type(expert)
        booking = book(slots["10:00"], session_type=kind.pk)
        first = self.wait(slots["10:20"], kind)
        second = self.wait(slots["10:00"], None, "omar@example.org")
        third = self.wait(slots["10:00"], kind, "ada@example.org")
        services.cancel(booking_id=booking.pk, by_customer=False)
        states = [WaitlistEntry.objects.get(pk=entry.pk).status for entry in (first, second, third)]
        assert states == ["OFFERED", "OFFERED", "WAITING"]
        assert taken(slots) == ["10:00", "10:20", "10:40"]

    def test_the_minute_finds_what_nobody_freed(self, expert, slots):
        kind = make_type(expert)
        book(slots["10:20"])
        self.wait(slots["10:00"], kind)
        assert list(free_and_waited_for(timezone.now())) == []
        Booking.objects.update(status="CANCELLED")
        assert settle_overdue()["offered"] == 1
        assert taken(slots) == ["10:00", "10:20"]

    def test_what_can_be_booked_is_not_waited_for(self, expert, slots):
        with pytest.raises(SeatFree):
            self.wait(slots["10:00"], make_type(expert))
        assert WaitlistEntry.objects.count() == 0


class TestATypeThatGetsLongerMeanwhile:
    """Its minutes are written without the slots' locks: what was locked is less than what is wanted by then.

    What is not locked others may take or delete before it is written, so nothing is.
    """

    @pytest.fixture
    def kind(self, expert, slots, monkeypatch):
        kind = make_type(expert)

        def grows_before(module, name):
            lock = getattr(module, name)

            def locks_too_few(*what):
                kind.offers.update(minutes=60)
                return lock(*what)

            monkeypatch.setattr(module, name, locks_too_few)

        grows_before(holds, "_lock_slot_and_moving")
        grows_before(booking_module, "lock_slots")
        grows_before(waitlist, "lock_slots")
        return kind

    @pytest.mark.parametrize("has_hold", [False, True])
    def test_a_hold_has_to_be_asked_for_again(self, slots, kind, has_hold):
        if has_hold:
            services.hold_slot(slot_id=slots["09:00"].pk, visitor=VISITOR)
            kind.offers.update(minutes=None)
        with pytest.raises(Busy):
            hold(slots["10:00"], kind)
        assert taken(slots) == (["09:00"] if has_hold else [])
        kind.offers.update(minutes=60)  # as it is for who comes after that
        hold(slots["10:00"], kind)
        assert taken(slots) == ["10:00", "10:20", "10:40"]

    def test_so_does_a_booking(self, slots, kind):
        with pytest.raises(Busy):
            book(slots["10:00"], session_type=kind.pk)
        assert taken(slots) == []
        kind.offers.update(minutes=60)
        book(slots["10:00"], session_type=kind.pk)
        assert taken(slots) == ["10:00", "10:20", "10:40"]

    def test_so_does_a_place_on_the_waitlist(self, slots, kind):
        make_booking(slots["10:00"])
        with pytest.raises(Busy):
            join_line(slots["10:00"], session_type=kind.pk)
        assert not WaitlistEntry.objects.exists()
