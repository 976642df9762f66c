"""Turn weekly hours and time off into slots. Pure functions, without database or clock.

Each calendar day of the expert is worked out on its own, so the result does not depend on where a range begins.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from experts.models import TimeOff, WeeklyHours
from experts.models.hours import MIDNIGHT, end_minutes
from experts.timezones import edge_of, instant_of, minutes_in

_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, order=True)
class WantedSlot:
    """A slot that the hours ask for. ``starts_at`` and ``ends_at`` are UTC, ``date`` and ``time`` the expert's.

    ``for_types``: ids of the session types that may be booked in it, all when empty.
    """

    starts_at: datetime
    ends_at: datetime
    date: date
    time: time
    capacity: int
    title: str
    for_types: tuple[int, ...] = ()

    @property
    def minutes(self) -> int:
        return minutes_in(self.ends_at - self.starts_at)


def wanted_slots(
    hours: Iterable[WeeklyHours], time_off: Iterable[TimeOff], zone: ZoneInfo, first_day: date, last_day: date
) -> list[WantedSlot]:
    """Return the slots from ``first_day`` to ``last_day``, both included, soonest first.

    Sessions start on the grid of each row of hours: at its start, then after every session and buffer, on the wall
    clock. A start is left out if the clocks skip it on that day, or if by elapsed time the session would run past the
    hours, begin before the buffer of the last one is over, or overlap time off. Of a start that the clocks show twice,
    the first is taken.
    """
    hours = sorted(hours, key=lambda row: (row.start, row.valid_from or date.min))
    off = sorted((off_instants(row, zone) for row in time_off), key=lambda stretch: stretch[0])
    days = [first_day + timedelta(days=n) for n in range((last_day - first_day).days + 1)]
    return [slot for day in days for slot in _of_day(hours, off, zone, day)]


def _of_day(
    hours: list[WeeklyHours], off: list[tuple[datetime, datetime]], zone: ZoneInfo, day: date
) -> Iterator[WantedSlot]:
    free_from = None
    for row in hours:
        if not row.holds_on(day):
            continue
        closes = edge_of(day + _ONE_DAY, MIDNIGHT, zone) if row.end == MIDNIGHT else edge_of(day, row.end, zone)
        for at in _grid(row):
            starts_at = instant_of(day, at, zone)
            if starts_at is None or (free_from is not None and starts_at < free_from):
                continue
            ends_at = starts_at + timedelta(minutes=row.slot_minutes)
            if ends_at > closes or any(start < ends_at and starts_at < end for start, end in off):
                continue
            yield WantedSlot(starts_at, ends_at, day, at, row.capacity, row.title, tuple(row.for_types))
            free_from = ends_at + timedelta(minutes=row.buffer_minutes)


def _grid(row: WeeklyHours) -> Iterator[time]:
    """Yield the wall-clock times at which sessions start on a day without a change of the clocks."""
    first = row.start.hour * 60 + row.start.minute
    step = row.slot_minutes + row.buffer_minutes
    for minute in range(first, end_minutes(row.end) - row.slot_minutes + 1, step):
        yield time(minute // 60, minute % 60)


def off_instants(row: TimeOff, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return start and end as instants. A time that the clocks show twice is off both times."""
    start = edge_of(row.first_day, row.from_time or MIDNIGHT, zone)
    if row.to_time is None:
        return start, edge_of(row.last_day + _ONE_DAY, MIDNIGHT, zone)
    return start, edge_of(row.last_day, row.to_time, zone, last=True)
