"""What a day of staff consists of, and how its columns are put together from what was read. Nothing is read here."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cached_property

from bookings.models import Booking, Status
from bookings.transitions import BOOKED
from experts.models import Expert, Organization, Slot
from experts.models.slot import BOOKABLE_STATES
from experts.scheduling.stretches import Stretches, merged, within, without

_CAME_ABOUT = BOOKED - {Status.PENDING}


class Look(StrEnum):
    """What something in a column is, which decides how it is drawn."""

    CONFIRMED = "confirmed"
    ARRIVED = "arrived"
    DONE = "done"
    NO_SHOW = "no-show"
    PENDING = "pending"
    RESCUE = "rescue"  # booked, and its expert has time off by now
    CLASS = "class"  # a slot of several seats, with whoever booked them
    HELD = "held"  # somebody is filling in the form, or has not opened the link yet
    FREE = "free"
    UNBOOKABLE = "unbookable"  # free, but nearer than the notice or beyond the horizon


class Count(StrEnum):
    """A number of the day, by which it can be filtered."""

    BOOKED = "booked"
    ARRIVED = "arrived"
    NO_SHOW = "no-show"
    PENDING = "pending"
    RESCUE = "rescue"
    FREE = "free"


class Away(StrEnum):
    """Why an expert cannot be booked for a while."""

    OFF = "off"
    CLOSED = "closed"
    BREAK = "break"
    NOT_WORKING = "not-working"


@dataclass(frozen=True)
class Stretch:
    """A while in which nobody can be booked. ``starts_at`` and ``ends_at`` are cut to what is shown of the day."""

    why: Away
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Entry:
    """One block of a column: a session with whoever booked it, a slot of several seats, or a free one.

    ``ends_at`` is the session's, which may take several slots. ``in_danger``: the keys of its bookings that cannot take
    place. ``is_bookable``: whether a visitor could book it now. ``lane`` of ``lanes``: entries that overlap stand side
    by side.
    """

    look: Look
    slot: Slot
    starts_at: datetime
    ends_at: datetime
    bookings: tuple[Booking, ...] = ()
    in_danger: frozenset[int] = frozenset()
    is_bookable: bool = False
    lane: int = 0
    lanes: int = 1

    @property
    def booking(self) -> Booking | None:
        """The one booking that it is about; None of a free slot, a class and what is being booked."""
        return None if self.look in (Look.CLASS, Look.HELD) or len(self.bookings) != 1 else self.bookings[0]

    @property
    def seats_taken(self) -> int:
        """Seats of bookings that stand, without what is being booked at this moment."""
        return sum(booking.seats for booking in self.bookings if booking.status in BOOKED)

    def counts_for(self, count: Count) -> list[int]:
        """The keys of its bookings that are part of a number of the day; that of its slot, of free times."""
        if count == Count.FREE:
            return [self.slot.pk] if self.is_bookable else []
        return [booking.pk for booking in self.bookings if _is_part(booking, count, self.in_danger)]


def _is_part(booking: Booking, count: Count, in_danger: Collection[int]) -> bool:
    match count:
        case Count.BOOKED:
            return booking.status in _CAME_ABOUT
        case Count.ARRIVED:
            return has_arrived(booking)
        case Count.NO_SHOW:
            return booking.status == Status.NO_SHOW
        case Count.PENDING:
            return booking.status == Status.PENDING
        case Count.RESCUE:
            return booking.pk in in_danger
        case _:
            return False


def has_arrived(booking: Booking) -> bool:
    """Whether somebody has come whose session is not over."""
    return booking.status == Status.CONFIRMED and booking.arrived_at is not None


@dataclass(frozen=True)
class Column:
    """The day of one expert, soonest first. Times in it are told by the clock of ``expert.zone``.

    ``later_free_at``: where nothing of the day can be booked any more, when the next slot after it starts that can.
    """

    expert: Expert
    slots: list[Slot]
    entries: list[Entry]
    away: list[Stretch]
    later_free_at: datetime | None = None

    @property
    def seats(self) -> int:
        """Seats of all slots that are open or taken."""
        return sum(slot.capacity for slot in self.slots if not slot.is_closed or slot.seats_booked)

    @property
    def seats_taken(self) -> int:
        return sum(slot.seats_booked for slot in self.slots)

    @property
    def next_free(self) -> Entry | None:
        """What can be booked soonest."""
        return next((entry for entry in self.entries if entry.is_bookable), None)


@dataclass(frozen=True)
class Waiting:
    """The requests of the organisation, on whatever day: how many, and when the first runs out."""

    count: int
    first_ends_at: datetime | None


@dataclass(frozen=True)
class StaffDay:
    """A day by the organisation's clock. ``opens_at`` to ``closes_at``: what the axis shows, in whole hours."""

    organization: Organization
    day: date
    now: datetime
    columns: list[Column]
    waiting: Waiting
    opens_at: datetime
    closes_at: datetime

    @cached_property
    def numbers(self) -> dict[Count, int]:
        """How many bookings, or slots that are free, each number counts; a session of two experts once."""
        entries = [entry for column in self.columns for entry in column.entries]
        return {count: len({key for entry in entries for key in entry.counts_for(count)}) for count in Count}

    @property
    def next_up(self) -> tuple[Column, Entry] | None:
        """Who is next: of those who are expected and have not come yet, whoever starts first from now on.

        If nobody does, whoever is late.
        """
        coming = [
            (entry.starts_at < self.now, entry.starts_at, at, column, entry)
            for at, column in enumerate(self.columns)
            for entry in column.entries
            if entry.ends_at > self.now and _is_expected(entry)
        ]
        return min(coming, key=lambda it: it[:3])[3:] if coming else None


def _is_expected(entry: Entry) -> bool:
    return entry.look == Look.CONFIRMED or (entry.look == Look.CLASS and entry.seats_taken > 0)


# Putting it together


def entries_of_column(
    slots: list[Slot], bookings: list[Booking], in_danger: frozenset[int], now: datetime
) -> Iterator[Entry]:
    """What stands in a column: each session once, whatever it takes, and the slots that are not taken whole."""
    starting = {slot.starts_at: slot for slot in slots}
    own = {slot.pk for slot in slots}
    sessions: dict[tuple[int, datetime], list[Booking]] = defaultdict(list)
    at: dict[tuple[int, datetime], tuple[Slot, datetime]] = {}
    taken: set[int] = set()  # by a session, from the start or later
    for booking in bookings:
        slot = starting.get(booking.slot.starts_at, booking.slot)
        # Of a slot of one seat each booking is a session; of several seats those who come together are one.
        key = (slot.pk, booking.ends_at)
        sessions[key].append(booking)
        at[key] = slot, booking.slot.starts_at
        taken.add(slot.pk)
        taken.update(booking.slot_ids)
    begun = {slot_id for slot_id, _ends_at in sessions}
    for key, together in sessions.items():
        slot, starts_at = at[key]
        if slot.capacity > 1:
            look = Look.RESCUE if any(it.pk in in_danger for it in together) else Look.CLASS
            may_book = slot.pk in own and slot.state_at(now) in BOOKABLE_STATES
            yield Entry(look, slot, starts_at, key[1], tuple(together), in_danger, may_book)
        else:
            for booking in together:
                yield Entry(_look(booking, in_danger), slot, starts_at, key[1], (booking,), in_danger)
    for slot in slots:
        if slot.is_closed or (slot.pk in taken and (slot.capacity == 1 or slot.pk in begun)):
            continue
        state = slot.state_at(now)
        if slot.capacity > 1:
            yield Entry(Look.CLASS, slot, slot.starts_at, slot.ends_at, is_bookable=state in BOOKABLE_STATES)
        elif state in BOOKABLE_STATES:
            yield Entry(Look.FREE, slot, slot.starts_at, slot.ends_at, is_bookable=True)
        elif slot.starts_at > now and state in ("past", "closed"):
            yield Entry(Look.UNBOOKABLE, slot, slot.starts_at, slot.ends_at)


def _look(booking: Booking, in_danger: Collection[int]) -> Look:
    if booking.pk in in_danger:
        return Look.RESCUE
    if has_arrived(booking):
        return Look.ARRIVED
    return {
        Status.HELD: Look.HELD,
        Status.PENDING: Look.PENDING,
        Status.COMPLETED: Look.DONE,
        Status.NO_SHOW: Look.NO_SHOW,
    }.get(Status(booking.status), Look.CONFIRMED)


def in_lanes(entries: Iterable[Entry]) -> list[Entry]:
    """In order of time, those that overlap side by side."""
    placed: list[Entry] = []
    cluster: list[Entry] = []
    lanes: list[datetime] = []  # by lane, when what stands last in it ends
    for entry in sorted(entries, key=lambda it: (it.starts_at, it.ends_at, it.slot.pk)):
        if lanes and entry.starts_at >= max(lanes):
            placed += [replace(it, lanes=len(lanes)) for it in cluster]
            cluster, lanes = [], []
        lane = next((n for n, ends_at in enumerate(lanes) if ends_at <= entry.starts_at), len(lanes))
        lanes[lane : lane + 1] = [entry.ends_at]
        cluster.append(replace(entry, lane=lane))
    return placed + [replace(it, lanes=len(lanes)) for it in cluster]


def axis_of(
    columns: Iterable[list[Entry]],
    working: Iterable[Stretches],
    start: datetime,
    end: datetime,
) -> tuple[datetime, datetime]:
    """The first and the last whole hour of the day between which anything is; of an empty day usual hours."""
    working = list(working)
    instants = [at for column in columns for it in column for at in (it.starts_at, it.ends_at)]
    instants += [at for stretches in working for stretch in stretches for at in stretch]
    if not instants:
        return start + timedelta(hours=8), start + timedelta(hours=18)
    first, last = max(min(instants), start), min(max(instants), end)
    hour = timedelta(hours=1)
    return start + (first - start) // hour * hour, min(start - (start - last) // hour * hour, end)


def away_in_column(
    slots: list[Slot],
    entries: list[Entry],
    working: Stretches | None,
    off: Stretches,
    shown: tuple[datetime, datetime],
) -> list[Stretch]:
    """Why nothing can be booked where nothing can: for time off, else outside the hours, else in closed slots."""
    opens_at, closes_at = shown
    off = within(off, opens_at, closes_at)
    busy = [(it.starts_at, it.ends_at) for it in entries]
    at_work = merged([*(working or []), *busy])
    if working is None and at_work:  # hours are not known: from the first session to the last
        at_work = [(at_work[0][0], at_work[-1][1])]
    stretches = [Stretch(Away.OFF, *it) for it in off]
    for gap in without([shown], at_work):
        is_break = at_work and at_work[0][0] < gap[0] and gap[1] < at_work[-1][1]
        why = Away.BREAK if is_break else Away.NOT_WORKING
        stretches += [Stretch(why, *it) for it in without([gap], off)]
    taken = [*off, *busy, *without([shown], at_work)]
    closed = within([(slot.starts_at, slot.ends_at) for slot in slots if slot.is_closed], opens_at, closes_at)
    stretches += [Stretch(Away.CLOSED, *it) for it in without(closed, taken)]
    return sorted(stretches, key=lambda it: it.starts_at)
