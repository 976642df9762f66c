"""Read a day of one organisation as its staff work with it: a column for each expert, and the numbers of the day.

The number of queries is fixed, whatever the number of experts and bookings; each is bounded by the day and by
``MOST_COLUMNS`` experts.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from zoneinfo import ZoneInfo

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from bookings.models import Booking, Status
from bookings.models.booking import read_reference
from bookings.models.booking_queryset import ENDS_AT
from bookings.permissions import experts_with
from bookings.selectors.people import bookings_of_person
from bookings.selectors.rescue import cannot_take_place
from experts.models import Expert, Organization, Slot, TimeOff, WeeklyHours
from experts.models.expert import ExpertQuerySet
from experts.models.hours import MIDNIGHT
from experts.models.slot import BOOKABLE_STATES
from experts.permissions import VIEW, Reach
from experts.scheduling.occurrences import off_instants
from experts.scheduling.stretches import Stretches, merged, within, without
from experts.timezones import day_bounds, edge_of

USUAL_COLUMNS, MOST_COLUMNS = 12, 24
MOST_TO_CHOOSE = 200  # experts in the list of those to choose from
MOST_FOUND = 30
MOST_COUNTED = 500  # requests: what is only shown is counted so far
_LONGEST = timedelta(days=1)  # of a slot and of a session
# Their seats are taken. What was cancelled, rejected or ran out is no part of the day.
STANDING = (Status.PENDING, Status.CONFIRMED, Status.COMPLETED, Status.NO_SHOW)
_CAME_ABOUT = (Status.CONFIRMED, Status.COMPLETED, Status.NO_SHOW)


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
        return sum(booking.seats for booking in self.bookings if booking.status in STANDING)

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


def organization_zone(organization: Organization) -> ZoneInfo:
    return ZoneInfo(organization.timezone)


def organizations_seen(reach: Reach) -> QuerySet[Organization]:
    """The organisations of whose bookings they may see any, in order of name."""
    rows = Organization.objects.order_by("name", "pk")
    if reach.everything:
        return rows
    everywhere, own = reach.with_right("bookings.booking", VIEW)
    return rows.filter(pk__in=everywhere | own)


def experts_seen(reach: Reach, organization: Organization) -> ExpertQuerySet:
    """The experts of the organisation whose bookings they may see: all, or of the role "expert" themselves."""
    return experts_with(reach, VIEW, Expert.objects.filter(organization=organization))


def experts_to_choose(reach: Reach, organization: Organization, day: date) -> list[Expert]:
    """Those who can have a column on that day, by name; ``works`` says who has slots then. One query.

    Whoever is inactive is there while something is left in their day.
    """
    start, end = day_bounds(day, organization_zone(organization))
    slots = Slot.objects.order_by().filter(expert=OuterRef("pk"), starts_at__gte=start, starts_at__lt=end)
    slots = slots.filter(date__range=_dates(day)).filter(Q(is_closed=False) | Q(seats_booked__gt=0))
    rows = experts_seen(reach, organization).alias(working=Exists(slots)).annotate(works=Exists(slots))
    rows = rows.filter(Q(is_active=True) | Q(working=True)).defer("bio", "search_text")
    # Those who work first, so that none of them is cut off.
    found = sorted(rows.order_by("-works", "name", "pk")[:MOST_TO_CHOOSE], key=lambda expert: (expert.name, expert.pk))
    for expert in found:
        expert.organization = organization
    return found


def choose_columns(experts: Sequence[Expert], wanted: Collection[int]) -> list[Expert]:
    """The experts who are shown: those wanted, as far as they are among ``experts``; else those who work that day."""
    chosen = [expert for expert in experts if expert.pk in wanted][:MOST_COLUMNS]
    return (
        chosen or [it for it in experts if getattr(it, "works", True)][:USUAL_COLUMNS] or list(experts[:USUAL_COLUMNS])
    )


def read_day(
    *, organization: Organization, experts: Sequence[Expert], day: date, now: datetime, reach: Reach
) -> StaffDay:
    """Read the day of these experts, whom ``experts_to_choose`` found. Nine queries at most.

    A session is part of each day on which any of it takes place.
    """
    zone, dates = organization_zone(organization), _dates(day)
    start, end = day_bounds(day, zone)
    shown = {expert.pk: expert for expert in experts}
    slots_of, bookings_of = defaultdict(list), defaultdict(list)
    for slot in _slots(shown, dates, start, end):
        slots_of[slot.expert_id].append(slot)
    bookings = _bookings(shown, dates, start, end, now)
    for booking in bookings:
        for expert_id in experts_of(booking) & shown.keys():
            bookings_of[expert_id].append(booking)
    everybody = _with_others(shown, bookings, organization)
    off = _time_off(organization, everybody.values(), dates)
    working_of = _working(shown, dates, start, end)
    in_danger = _in_danger(bookings, everybody, now)
    entries_of = {key: _in_lanes(_entries(slots_of[key], bookings_of[key], in_danger, now)) for key in shown}
    opens_at, closes_at = _axis(entries_of.values(), working_of.values(), start, end)
    full = [key for key in shown if not any(entry.is_bookable for entry in entries_of[key])]
    later_of = _first_free_after(end, full)
    columns = []
    for key, expert in shown.items():
        away = _away(slots_of[key], entries_of[key], working_of.get(key), off[key], (opens_at, closes_at))
        columns.append(Column(expert, slots_of[key], entries_of[key], away, later_of.get(key)))
    return StaffDay(organization, day, now, columns, read_waiting(reach, organization, now), opens_at, closes_at)


def read_week(*, organization: Organization, expert: Expert, first: date, now: datetime) -> list[StaffDay]:
    """Read seven days of one expert from ``first`` on, by the expert's clock: a day with one column each.

    Seven queries at most. All days show the same hours; requests of other days are not counted.
    """
    days = [first + timedelta(days=n) for n in range(7)]
    bounds = {day: day_bounds(day, expert.zone) for day in days}
    start, end = bounds[days[0]][0], bounds[days[-1]][1]
    shown, dates = {expert.pk: expert}, (_dates(days[0])[0], _dates(days[-1])[1])
    slots = _slots(shown, dates, start, end)
    bookings = _bookings(shown, dates, start, end, now)
    everybody = _with_others(shown, bookings, organization)
    off = _time_off(organization, everybody.values(), dates)[expert.pk]
    working = _working(shown, dates, start, end).get(expert.pk)
    in_danger = _in_danger(bookings, everybody, now)
    parts = []
    for day, (day_start, day_end) in bounds.items():
        own = [slot for slot in slots if slot.starts_at < day_end and slot.ends_at > day_start]
        taken = [it for it in bookings if it.slot.starts_at < day_end and it.ends_at > day_start]
        entries = _in_lanes(_entries(own, taken, in_danger, now))
        at_work = None if working is None else within(working, day_start, day_end)
        parts.append((day, own, entries, at_work, _axis([entries], [at_work or []], day_start, day_end)))
    used = [it for it in parts if it[2] or it[3]] or parts
    opens = min(it[4][0] - bounds[it[0]][0] for it in used)
    closes = max(it[4][1] - bounds[it[0]][0] for it in used)
    week = []
    for day, own, entries, at_work, _hours in parts:
        axis = bounds[day][0] + opens, bounds[day][0] + closes
        column = Column(expert, own, entries, _away(own, entries, at_work, off, axis))
        week.append(StaffDay(organization, day, now, [column], Waiting(0, None), *axis))
    return week


def read_waiting(reach: Reach, organization: Organization, now: datetime) -> Waiting:
    """The requests that wait for somebody who may see them. One query."""
    rows = Booking.objects.filter(of_organization=organization, status=Status.PENDING, expires_at__gt=now)
    if not (reach.everything or organization.pk in reach.with_right("bookings.booking", VIEW)[0]):
        rows = rows.of_experts(experts_seen(reach, organization))
    ends = list(rows.order_by("expires_at").values_list("expires_at", flat=True)[: MOST_COUNTED + 1])
    return Waiting(len(ends), ends[0] if ends else None)


def earlier_visits(reach: Reach, booking: Booking) -> list[Booking]:
    """What became of earlier sessions of whoever booked, latest first, as far as they may see them; fifty at most.

    Two queries. Needs ``with_slot()``.
    """
    seen = Booking.objects.of_experts(experts_seen(reach, booking.slot.expert.organization))
    rows = bookings_of_person(seen, booking.pk).filter(
        status__in=[Status.COMPLETED, Status.NO_SHOW], slot__starts_at__lt=booking.slot.starts_at
    )
    return list(rows.exclude(pk=booking.pk).select_related("slot__expert").order_by("-slot__starts_at")[:50])


def is_in_danger(booking: Booking, now: datetime) -> bool:
    """Whether it is meant to take place and cannot. One query, where it lies ahead. Needs ``with_slot()``."""
    return bool(_in_danger([booking], experts_of(booking), now))


def find_bookings(reach: Reach, organization: Organization, text: str, now: datetime) -> list[Booking]:
    """Bookings of whatever day by name, address, end of the phone number or reference; nearest to now first.

    Of the newest that match, at most ``MOST_FOUND``. One query.
    """
    rows = Booking.objects.shown().of_experts(experts_seen(reach, organization))
    matching = Q(pk__any_of=_matching(text))
    if reference := read_reference(text):
        matching |= Q(reference=reference)
    found = rows.filter(matching).select_related("slot__expert").order_by("-pk")[:MOST_FOUND]
    return sorted(found, key=lambda booking: (booking.ends_at <= now, abs(booking.slot.starts_at - now)))


def _matching(text: str) -> ArraySubquery:
    return ArraySubquery(Booking.objects.order_by().matching(text).values("pk"))


# Reading


def _dates(day: date) -> tuple[date, date]:
    """The experts' days that instants of a day of the organisation may fall on: zones are up to 26 hours apart."""
    return day - timedelta(days=3), day + timedelta(days=2)


def _slots(experts: dict[int, Expert], dates: tuple[date, date], start: datetime, end: datetime) -> list[Slot]:
    rows = Slot.objects.filter(
        expert__in=list(experts),
        date__range=dates,
        starts_at__gt=start - _LONGEST,
        starts_at__lt=end,
        ends_at__gt=start,
    )
    slots = list(rows.order_by("starts_at", "pk"))
    for slot in slots:
        slot.expert = experts[slot.expert_id]
    return slots


_READ = (
    *("slot_id", "session_type_id", "session_ends_at", "more_slots", "second_expert_id", "agreed", "seats", "status"),
    *("name", "phone", "reference", "expires_at", "awaits_proof", "erased_at", "arrived_at", "sequence"),
    *(f"slot__{name}" for name in ("expert_id", "starts_at", "ends_at", "title", "capacity", "date", "time")),
)


def _bookings(
    experts: dict[int, Expert], dates: tuple[date, date], start: datetime, end: datetime, now: datetime
) -> list[Booking]:
    """All that take seats of these experts, as the first or the second of two, in order of time. Two queries."""
    is_shown = Q(status__in=STANDING) | Q(status=Status.HELD, expires_at__gt=now)
    rows = (
        Booking.objects.alias(over_at=ENDS_AT)
        .filter(
            is_shown,
            slot__starts_at__gt=start - _LONGEST,
            slot__starts_at__lt=end,
            over_at__gt=start,
        )
        .select_related("slot")
        .only(*_READ)
        .order_by()
    )
    # Two reads rather than an OR, which no index knows.
    first = list(rows.filter(slot__expert__in=list(experts), slot__date__range=dates))
    known = {booking.pk for booking in first}
    second = [it for it in rows.filter(second_expert__in=list(experts)) if it.pk not in known]
    return sorted((*first, *second), key=lambda booking: (booking.slot.starts_at, booking.pk))


def experts_of(booking: Booking) -> set[int]:
    """The keys of the one or two experts of a booking. Needs the slot."""
    return {booking.slot.expert_id, booking.second_expert_id or booking.slot.expert_id}


def _with_others(
    shown: dict[int, Expert], bookings: Iterable[Booking], organization: Organization
) -> dict[int, Expert]:
    """Give each booking its experts, and return all of them: also those of two who have no column."""
    missing = {key for booking in bookings for key in experts_of(booking)} - shown.keys()
    others = Expert.objects.defer("bio", "search_text").in_bulk(missing) if missing else {}
    everybody = shown | others
    for booking in bookings:
        booking.slot.expert = everybody[booking.slot.expert_id]
        booking.slot.expert.organization = organization
        booking.second_expert = everybody.get(booking.second_expert_id or 0)
    return everybody


def _time_off(organization: Organization, experts: Iterable[Expert], dates: tuple[date, date]) -> dict[int, Stretches]:
    """When each expert has time off about that day, the holidays of the organisation included. One query."""
    experts = list(experts)
    first, last = dates
    of_them = Q(expert__in=[expert.pk for expert in experts]) | Q(organization=organization)
    rows = list(TimeOff.objects.filter(of_them, first_day__lte=last, last_day__gte=first))
    return {
        expert.pk: [off_instants(row, expert.zone) for row in rows if row.expert_id in (None, expert.pk)]
        for expert in experts
    }


def _working(
    experts: dict[int, Expert], dates: tuple[date, date], start: datetime, end: datetime
) -> dict[int, Stretches]:
    """When each expert works between two instants, by weekly hours; nothing of those who have none. One query."""
    rows_of = defaultdict(list)
    for row in WeeklyHours.objects.filter(expert__in=list(experts)):
        rows_of[row.expert_id].append(row)
    first, last = dates
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return {
        key: within(
            [hours_instants(row, it, experts[key].zone) for it in days for row in rows if row.holds_on(it)], start, end
        )
        for key, rows in rows_of.items()
    }


def hours_instants(row: WeeklyHours, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The instants at which weekly hours start and end on a day of the expert."""
    ends_on = day + timedelta(days=1) if row.end == MIDNIGHT else day
    return edge_of(day, row.start, zone), edge_of(ends_on, row.end, zone)


def _first_free_after(end: datetime, experts: Collection[int]) -> dict[int, datetime | None]:
    """When each of these experts (keys) can be booked next from ``end`` on. One query, none for nobody."""
    if not experts:
        return {}
    # Of each expert up to the first, along the index slot_next_bookable.
    first = Slot.objects.bookable_of_outer().filter(starts_at__gte=end).order_by("starts_at")
    rows = Expert.objects.filter(pk__in=experts).order_by()
    return dict(rows.values_list("pk", Subquery(first.values("starts_at")[:1])))


def _in_danger(bookings: Iterable[Booking], experts: Collection[int], now: datetime) -> frozenset[int]:
    """The keys of those of these bookings that cannot take place. One query, where any lies ahead."""
    ahead = [booking.pk for booking in bookings if booking.is_open and booking.ends_at > now]
    if not ahead:
        return frozenset()
    found = cannot_take_place(Booking.objects.filter(pk__in=ahead), Expert.objects.filter(pk__in=experts))
    return frozenset(found.order_by().values_list("pk", flat=True))


# Putting it together


def _entries(slots: list[Slot], bookings: list[Booking], in_danger: frozenset[int], now: datetime) -> Iterator[Entry]:
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


def _in_lanes(entries: Iterable[Entry]) -> list[Entry]:
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


def _axis(
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


def _away(
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
