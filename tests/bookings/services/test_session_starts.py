"""The starts at which a session is offered are those of a brute-force list, whatever has happened before."""

import random
from collections import Counter
from datetime import date, datetime, time, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookings import services
from bookings.errors import Refused
from bookings.models import Booking
from experts import services as slot_services
from experts.errors import PreviewNeeded
from experts.models import Expert, OfferedType, Organization, SessionType, Slot, WeeklyHours
from experts.models.slot import BOOKABLE_STATES
from experts.scheduling.fitting import sessions_of, shown_sessions
from experts.scheduling.occurrences import wanted_slots
from tests.cast import day_ahead, make_expert, make_organization, make_type

MINUTE = timedelta(minutes=1)
VISITORS = [letter * 32 for letter in "abc"]
# Minutes, buffer before, buffer after.
SHAPES = [(20, 0, 10), (45, 5, 10), (60, 10, 0)]


def minutes_between(begins, ends):
    return range(round(begins.timestamp() / 60), round(ends.timestamp() / 60))


def fits(begins, shape, open_minutes, own_minutes):
    """Minute by minute: the session lies within what is free for its type, and its buffers within what is free."""
    length, before, after = (MINUTE * each for each in shape)
    ends = begins + length
    return own_minutes.issuperset(minutes_between(begins, ends)) and open_minutes.issuperset(
        minutes_between(begins - before, ends + after)
    )


def brute_force(slots, shape, type_id, is_free):
    """Look at every start of every slot. ``is_free``: of a slot, whether it can be used at all."""
    free, own = set(), set()
    for slot in slots:
        if is_free(slot):
            its = minutes_between(slot.starts_at, slot.ends_at)
            free.update(its)
            if not slot.for_types or type_id in slot.for_types:
                own.update(its)
    return [slot.starts_at for slot in slots if fits(slot.starts_at, shape, free, own)]


def listed(slots, offered, now):
    sessions = shown_sessions(slots, offered.session_type, offered.terms, now)
    return [session.starts_at for session in sessions if session.state_at(now) in BOOKABLE_STATES]


# ---------- A day with 200 changes ----------


@pytest.fixture
def world(db):
    return _World()


class _World:
    """One expert who works from 9:00 to 12:00 on a grid that changes, and offers three types."""

    def __init__(self):
        self.day = day_ahead(3)
        self.dice = random.Random(9)
        organization = make_organization(min_notice=timedelta(0), cancel_until=timedelta(0), proof="never")
        self.expert = make_expert(organization=organization, horizon_days=6)
        for minutes, before, after in SHAPES:
            make_type(self.expert, minutes=minutes, buffer_before=before, buffer_after=after)
        self.offered = list(OfferedType.objects.filter(expert=self.expert).select_related("session_type"))
        self.done = Counter()
        self.change_hours(20)

    def slots(self):
        slots = list(Slot.objects.with_expert().filter(expert=self.expert, date=self.day).order_by("starts_at"))
        for slot in slots:
            slot.expert = self.expert
        return slots

    def step(self):
        dice = self.dice
        moves = ["hold"] * 4 + ["book"] * 5 + ["move"] * 5 + ["cancel"] * 6 + ["release"] * 4 + ["reopen"] * 2
        move = dice.choice([*moves, "close", "only", "change_hours"])
        try:
            getattr(self, move)()
        except Refused:
            self.done["refused"] += 1
        else:
            self.done[move] += 1

    def _start(self, offered=None):
        """Of all starts one, or of those that are listed, in the hope that it can be had."""
        slots = self.slots()
        if offered is not None and self.dice.random() < 0.7:
            now = datetime.now(tz=ZoneInfo("UTC"))
            slots = [
                session
                for session in shown_sessions(slots, offered.session_type, offered.terms, now)
                if session.state_at(now) in BOOKABLE_STATES
            ] or slots
        return self.dice.choice(slots).pk

    def _type(self):
        return self.dice.choice([None, *self.offered, *self.offered])

    def hold(self):
        offered = self._type()
        services.hold_slot(
            slot_id=self._start(offered),
            session_type=offered and offered.session_type_id,
            visitor=self.dice.choice(VISITORS),
        )

    def book(self):
        offered = self._type()
        services.book(
            slot_id=self._start(offered),
            session_type=offered and offered.session_type_id,
            visitor=self.dice.choice([*VISITORS, ""]),
            name="Lena",
            email="lena@example.com",
            source="staff",
        )

    def _booking(self):
        keys = Booking.objects.filter(status="CONFIRMED").order_by("pk").values_list("pk", flat=True)
        return self.dice.choice(list(keys) or [0])

    def move(self):
        start = self._start(self.dice.choice(self.offered))
        services.reschedule(booking_id=self._booking(), slot_id=start, by_customer=False)

    def cancel(self):
        services.cancel(booking_id=self._booking(), by_customer=True)

    def release(self):
        hold = Booking.objects.filter(status="HELD").order_by("pk").first()
        if hold is not None:
            services.release_hold(slot_id=hold.slot_id, visitor=hold.holder)

    def close(self):
        slot_services.close_slot(slot_id=self._start())

    def reopen(self):
        for slot in self.slots():
            if slot.is_closed and not slot.closed_by_hours:
                slot_services.reopen_slot(slot_id=slot.pk)

    def only(self):
        """A slot is from now on for one of the types only, and no other slot is."""
        Slot.objects.filter(expert=self.expert).update(for_types=[])
        Slot.objects.filter(pk=self._start()).update(for_types=[self.dice.choice(self.offered).session_type_id])

    def change_hours(self, minutes=None):
        """To another grid, or other hours on the same one. Sometimes everybody was asked to cancel before."""
        if self.dice.random() < 0.6:
            for pk in Booking.objects.filter(status="CONFIRMED").values_list("pk", flat=True):
                services.cancel(booking_id=pk, by_customer=False)
        # As retention does: slots that ended bookings refer to stay, and would soon be in the way of all other grids.
        Booking.objects.exclude(status__in=["HELD", "CONFIRMED"]).delete()
        hours = WeeklyHours(
            weekday=self.day.weekday(),
            start=self.dice.choice([time(9), time(9), time(10)]),
            end=time(12),
            slot_minutes=minutes or self.dice.choice([10, 15, 20, 20]),
            capacity=1,
        )
        try:
            slot_services.apply_hours(expert_id=self.expert.pk, hours=[hours])
        except PreviewNeeded as preview:
            slot_services.apply_hours(expert_id=self.expert.pk, hours=[hours], seen=preview.key)

    def expected(self, slots, offered):
        """From what is booked and agreed alone: neither counters nor the ids of the slots that were taken."""
        busy = set()
        for booking in Booking.objects.filter(status__in=["HELD", "CONFIRMED"]).select_related("slot"):
            begins, ends, terms = booking.slot.starts_at, booking.slot.ends_at, booking.terms
            if terms is not None:
                ends = begins + terms.length + MINUTE * terms.buffer_after
                begins -= MINUTE * terms.buffer_before
            busy.update(minutes_between(begins, ends))
        kind = offered.session_type
        shape = kind.minutes, kind.buffer_before, kind.buffer_after

        def is_free(slot):
            return not slot.is_closed and busy.isdisjoint(minutes_between(slot.starts_at, slot.ends_at))

        return brute_force(slots, shape, kind.pk, is_free)


@pytest.mark.slow
def test_two_hundred_changes_leave_what_a_brute_force_list_says(world):
    lists = set()
    for _step in range(200):
        slots, now = world.slots(), datetime.now(tz=ZoneInfo("UTC"))
        for offered in world.offered:
            starts = listed(slots, offered, now)
            assert starts == world.expected(slots, offered), (offered.session_type, world.done)
            lists.add((offered.pk, len(slots), tuple(starts)))
        world.step()
    assert len(lists) > 80, (len(lists), world.done)
    for move in ("hold", "book", "move", "cancel", "release", "close", "only", "change_hours", "refused"):
        assert world.done[move] >= 3, world.done


@pytest.mark.slow
def test_what_is_listed_can_be_held_and_nothing_else(world):
    for _ in range(25):
        world.step()
    slots = world.slots()
    Booking.objects.filter(holder__in=VISITORS).update(holder="")  # nobody's own: each asks as a stranger
    for offered in world.offered:
        starts = set(listed(slots, offered, datetime.now(tz=ZoneInfo("UTC"))))
        got = set()
        for slot in slots:
            try:
                services.hold_slot(slot_id=slot.pk, session_type=offered.session_type_id, visitor="f" * 32)
            except Refused:
                continue
            got.add(slot.starts_at)
            services.release_hold(slot_id=slot.pk, visitor="f" * 32)
        assert got == starts


# ---------- Grids, zones, days on which the clocks change ----------

# Each changes its clocks at another hour, the last one by half of one.
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Apia", "Asia/Kathmandu", "Australia/Lord_Howe"]
DAYS = [date(2027, 3, 14), date(2027, 3, 28), date(2027, 10, 31), date(2027, 11, 7), date(2027, 4, 4), date(2027, 5, 3)]


@st.composite
def days_of_slots(draw):
    """The slots of a day as its hours make them, some of them closed, taken, or for one type only."""
    zone, day = draw(st.sampled_from(ZONES)), draw(st.sampled_from(DAYS))
    hours = []
    begins = draw(st.integers(0, 4)) * 30
    for _ in range(draw(st.integers(1, 3))):
        grid = draw(st.sampled_from([5, 10, 20, 25, 30, 45, 60]))
        ends = begins + grid * draw(st.integers(1, 6))
        hours.append(
            WeeklyHours(
                weekday=day.weekday(),
                start=time(begins // 60, begins % 60),
                end=time(ends // 60, ends % 60),
                slot_minutes=grid,
                buffer_minutes=draw(st.sampled_from([0, 0, 0, 5])),
                capacity=draw(st.integers(1, 3)),
            )
        )
        begins = ends + draw(st.sampled_from([0, 0, 5, 30]))
    organization = Organization(timezone=zone)
    expert = Expert(organization=organization, timezone=zone, min_notice=timedelta(0), horizon_days=700)
    slots = []
    for pk, wanted in enumerate(wanted_slots(hours, [], ZoneInfo(zone), day, day), start=1):
        slot = Slot(
            pk=pk,
            expert=expert,
            starts_at=wanted.starts_at,
            ends_at=wanted.ends_at,
            capacity=wanted.capacity,
            is_closed=draw(st.integers(0, 9)) == 0,
            for_types=draw(st.sampled_from([[], [], [], [1], [2]])),
            version=1,
        )
        slot.seats_booked = min(slot.capacity, draw(st.sampled_from([0, 0, 0, 1, 2])))
        slots.append(slot)
    return slots


kinds = st.builds(
    SessionType,
    pk=st.just(1),
    minutes=st.sampled_from([5, 20, 30, 45, 60, 90]),
    buffer_before=st.sampled_from([0, 0, 5, 10, 30]),
    buffer_after=st.sampled_from([0, 0, 5, 15]),
    price_words=st.just("€60"),
)


@pytest.mark.hypothesis
@given(slots=days_of_slots(), kind=kinds)
@settings(max_examples=150, deadline=None)
def test_of_any_day(slots, kind):
    offered, now = OfferedType(session_type=kind), datetime(2027, 1, 1, tzinfo=ZoneInfo("UTC"))
    shape = kind.minutes, kind.buffer_before, kind.buffer_after
    starts = listed(slots, offered, now)
    assert starts == brute_force(slots, shape, 1, lambda slot: not slot.is_closed and slot.seats_booked < slot.capacity)
    for session in sessions_of(slots, kind, offered.terms):
        assert session.seats_left_at(now) == min(slot.capacity - slot.seats_booked for slot in session.covered)
    # Whether or not it is free, it fits.
    assert [each.starts_at for each in sessions_of(slots, kind, offered.terms)] == brute_force(
        slots, shape, 1, lambda slot: True
    )


def test_the_brute_force_list_is_right():
    """By hand, so that the lists above are not wrong together."""
    day = datetime(2027, 5, 3, 9, tzinfo=ZoneInfo("UTC"))
    slots = [
        SimpleNamespace(starts_at=day + MINUTE * at, ends_at=day + MINUTE * (at + 20), for_types=[])
        for at in range(0, 180, 20)
    ]
    slots[4].for_types = [2]  # 10:20 is for others

    def clocks(shape):
        starts = brute_force(slots, shape, 1, lambda slot: slot is not slots[7])  # 11:20 is taken
        return [f"{at:%H:%M}" for at in starts]

    assert clocks((20, 0, 0)) == ["09:00", "09:20", "09:40", "10:00", "10:40", "11:00", "11:40"]
    assert clocks((20, 0, 10)) == ["09:00", "09:20", "09:40", "10:00", "10:40"]
    assert clocks((45, 5, 10)) == ["09:20"]
    assert clocks((60, 10, 0)) == ["09:20"]
