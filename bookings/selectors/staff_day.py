"""Read a day of one organisation as its staff work with it: a column for each expert, and the numbers of the day.

The number of queries is fixed, whatever the number of experts and bookings; each is bounded by the day and by
``MOST_COLUMNS`` experts. What is read is put together by ``staff_columns``.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q, Subquery

from bookings.models import Booking, Status
from bookings.models.booking_queryset import ENDS_AT
from bookings.selectors.requests import MOST_COUNTED, waiting_requests
from bookings.selectors.rescue import cannot_take_place
from bookings.selectors.staff_columns import (
    Column,
    StaffDay,
    Waiting,
    away_in_column,
    axis_of,
    entries_of_column,
    in_lanes,
)
from bookings.selectors.staff_experts import dates_about, experts_seen, sees_all_of
from bookings.transitions import BOOKED
from experts.models import Expert, Organization, Slot, TimeOff, WeeklyHours
from experts.models.hours import MIDNIGHT
from experts.permissions import Reach
from experts.scheduling.occurrences import off_instants
from experts.scheduling.stretches import Stretches, within
from experts.timezones import day_bounds, edge_of

_LONGEST = timedelta(days=1)  # of a slot and of a session


def read_day(
    *, organization: Organization, experts: Sequence[Expert], day: date, now: datetime, reach: Reach
) -> StaffDay:
    """Read the day of these experts, whom ``experts_to_choose`` found. Nine queries at most.

    A session is part of each day on which any of it takes place.
    """
    zone, dates = organization.zone, dates_about(day)
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
    entries_of = {key: in_lanes(entries_of_column(slots_of[key], bookings_of[key], in_danger, now)) for key in shown}
    opens_at, closes_at = axis_of(entries_of.values(), working_of.values(), start, end)
    full = [key for key in shown if not any(entry.is_bookable for entry in entries_of[key])]
    later_of = _first_free_after(end, full)
    columns = []
    for key, expert in shown.items():
        away = away_in_column(slots_of[key], entries_of[key], working_of.get(key), off[key], (opens_at, closes_at))
        columns.append(Column(expert, slots_of[key], entries_of[key], away, later_of.get(key)))
    return StaffDay(organization, day, now, columns, read_waiting(reach, organization, now), opens_at, closes_at)


def read_week(*, organization: Organization, expert: Expert, first: date, now: datetime) -> list[StaffDay]:
    """Read seven days of one expert from ``first`` on, by the expert's clock: a day with one column each.

    Seven queries at most. All days show the same hours; requests of other days are not counted.
    """
    days = [first + timedelta(days=n) for n in range(7)]
    bounds = {day: day_bounds(day, expert.zone) for day in days}
    start, end = bounds[days[0]][0], bounds[days[-1]][1]
    shown, dates = {expert.pk: expert}, (dates_about(days[0])[0], dates_about(days[-1])[1])
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
        entries = in_lanes(entries_of_column(own, taken, in_danger, now))
        at_work = None if working is None else within(working, day_start, day_end)
        parts.append((day, own, entries, at_work, axis_of([entries], [at_work or []], day_start, day_end)))
    used = [it for it in parts if it[2] or it[3]] or parts
    opens = min(it[4][0] - bounds[it[0]][0] for it in used)
    closes = max(it[4][1] - bounds[it[0]][0] for it in used)
    week = []
    for day, own, entries, at_work, _hours in parts:
        axis = bounds[day][0] + opens, bounds[day][0] + closes
        column = Column(expert, own, entries, away_in_column(own, entries, at_work, off, axis))
        week.append(StaffDay(organization, day, now, [column], Waiting(0, None), *axis))
    return week


def read_waiting(reach: Reach, organization: Organization, now: datetime) -> Waiting:
    """The requests that wait for somebody who may see them. One query."""
    rows = Booking.objects.filter(of_organization=organization)
    if not sees_all_of(reach, organization):
        rows = rows.of_experts(experts_seen(reach, organization))
    ends = list(waiting_requests(rows, now).values_list("expires_at", flat=True)[: MOST_COUNTED + 1])
    return Waiting(len(ends), ends[0] if ends else None)


def is_in_danger(booking: Booking, now: datetime) -> bool:
    """Whether it is meant to take place and cannot. One query, where it lies ahead. Needs ``with_slot()``."""
    return bool(_in_danger([booking], experts_of(booking), now))


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
    # What was cancelled, rejected or ran out is no part of the day.
    is_shown = Q(status__in=BOOKED) | Q(status=Status.HELD, expires_at__gt=now)
    rows = (
        Booking.objects.alias(session_or_slot_ends_at=ENDS_AT)
        .filter(
            is_shown,
            slot__starts_at__gt=start - _LONGEST,
            slot__starts_at__lt=end,
            session_or_slot_ends_at__gt=start,
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
