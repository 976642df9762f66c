"""Write a time zone as a VTIMEZONE (RFC 5545 3.6.5), with the changes of the clocks that the tz database knows.

Not by icalendar's own generator: it writes the beginning of summer time an hour late, as an onset is read on the clock
before the change.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from icalendar import Timezone, TimezoneDaylight, TimezoneStandard

from experts.timezones import offset_at


@lru_cache(maxsize=256)
def vtimezone(zone: ZoneInfo, first_year: int, last_year: int) -> Timezone:
    """Return the zone from the beginning of the first year to the end of the last."""
    first, end = datetime(first_year, 1, 1, tzinfo=UTC), datetime(last_year + 1, 1, 2, tzinfo=UTC)
    observances: dict[tuple[timedelta, timedelta, bool, str], list[datetime]] = defaultdict(list)
    start = first.astimezone(zone)
    # A day early, because ``first`` is the beginning of the year in UTC and not in the zone.
    observances[offset_at(zone, first), *_observance(start)].append(start.replace(tzinfo=None) - timedelta(days=1))
    for change in _changes(zone, first, end):
        offset_before = offset_at(zone, change - timedelta(seconds=1))
        onset = (change + offset_before).replace(tzinfo=None)
        observances[offset_before, *_observance(change.astimezone(zone))].append(onset)
    component = Timezone()
    component.add("tzid", zone.key)
    for (offset_before, offset, is_summer, name), onsets in observances.items():
        part = TimezoneDaylight() if is_summer else TimezoneStandard()
        part.add("dtstart", onsets[0])
        if onsets[1:]:
            part.add("rdate", onsets[1:])
        part.add("tzoffsetfrom", offset_before)
        part.add("tzoffsetto", offset)
        part.add("tzname", name)
        component.add_component(part)
    return component


def _observance(local: datetime) -> tuple[timedelta, bool, str]:
    return local.utcoffset() or timedelta(0), bool(local.dst()), local.tzname() or ""


def _changes(zone: ZoneInfo, first: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the instants, to the second, at which the zone's offset or its name changes."""
    at = first
    while at < end:
        later = at + timedelta(days=1)
        if _observance(at.astimezone(zone)) != _observance(later.astimezone(zone)):
            unchanged, changed = at, later
            while changed - unchanged > timedelta(seconds=1):
                middle = (unchanged + (changed - unchanged) / 2).replace(microsecond=0)
                if _observance(middle.astimezone(zone)) == _observance(at.astimezone(zone)):
                    unchanged = middle
                else:
                    changed = middle
            yield changed
        at = later
