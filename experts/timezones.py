"""Convert between wall-clock times of a zone and instants, also where the clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

_REGIONS = frozenset(
    {"Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"}
)
# Old names that browsers still report -> present names (links in the tz database).
_RENAMED = {
    "America/Buenos_Aires": "America/Argentina/Buenos_Aires",
    "America/Godthab": "America/Nuuk",
    "Asia/Ashkhabad": "Asia/Ashgabat",
    "Asia/Calcutta": "Asia/Kolkata",
    "Asia/Dacca": "Asia/Dhaka",
    "Asia/Katmandu": "Asia/Kathmandu",
    "Asia/Macao": "Asia/Macau",
    "Asia/Rangoon": "Asia/Yangon",
    "Asia/Saigon": "Asia/Ho_Chi_Minh",
    "Asia/Thimbu": "Asia/Thimphu",
    "Asia/Ujung_Pandang": "Asia/Makassar",
    "Asia/Ulan_Bator": "Asia/Ulaanbaatar",
    "Atlantic/Faeroe": "Atlantic/Faroe",
    "Europe/Kiev": "Europe/Kyiv",
    "Pacific/Ponape": "Pacific/Pohnpei",
    "Pacific/Truk": "Pacific/Chuuk",
}


@cache
def zone_names() -> frozenset[str]:
    """Return the zones that a person can choose: places by their present names, without relics such as ``EST5EDT``."""
    places = {name for name in available_timezones() if name.partition("/")[0] in _REGIONS and "/" in name}
    return frozenset(places - _RENAMED.keys()) | {"UTC"}


def known_zone(name: str | None) -> ZoneInfo | None:
    """Return the zone that a browser names, by its present name; None for anything else."""
    name = _RENAMED.get(name, name) if name else None
    return ZoneInfo(name) if name in zone_names() else None


def validate_zone(name: str) -> None:
    """Raise ValidationError unless ``name`` is a zone that a person can choose."""
    if name not in zone_names():
        raise ValidationError(_("“%(name)s” is not a known time zone."), params={"name": name})


def city(zone: ZoneInfo) -> str:
    """Return the city of a zone: ``America/New_York`` -> ``New York``."""
    return zone.key.rsplit("/", 1)[-1].replace("_", " ")


def offset_at(zone: ZoneInfo, instant: datetime) -> timedelta:
    """Return how far clocks in the zone are ahead of UTC at that instant (which may not be today's offset)."""
    return instant.astimezone(zone).utcoffset() or timedelta(0)


def minutes_in(span: timedelta) -> int:
    """Return the whole minutes of a span, of a negative one downwards."""
    return span // timedelta(minutes=1)


def offset_label(zone: ZoneInfo, instant: datetime) -> str:
    """Return the offset at that instant (which may not be today's), as ``GMT+1``, ``GMT−3:30`` or ``GMT``."""
    minutes = minutes_in(offset_at(zone, instant))
    if minutes == 0:
        return "GMT"
    hours, rest = divmod(abs(minutes), 60)
    return f"GMT{'+' if minutes > 0 else '−'}{hours}{f':{rest:02}' if rest else ''}"


def day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the instants (UTC) at which a day of the zone begins and ends: of 23 or 25 hours where clocks change."""
    # Where the clocks skip midnight, the day begins at the instant at which they do (PEP 495).
    first, end = (datetime.combine(it, time.min, tzinfo=zone) for it in (day, day + timedelta(days=1)))
    return first.astimezone(UTC), end.astimezone(UTC)


def next_midnight(instant: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant (UTC) after ``instant`` at which it is another day in the zone."""
    return day_bounds(instant.astimezone(zone).date(), zone)[1]


def instant_of(day: date, wall_clock: time, zone: ZoneInfo) -> datetime | None:
    """Return the UTC instant of a wall-clock time; None if the clocks skip it on that day.

    Of a time that the clocks show twice, the first is meant (``fold=0``).
    """
    local = datetime.combine(day, wall_clock, tzinfo=zone).replace(fold=0)
    instant = local.astimezone(UTC)
    # A skipped time does not survive the way to UTC and back (PEP 495).
    if instant.astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        return None
    return instant


def is_shown_twice(local: datetime) -> bool:
    """Return whether the clock of an aware wall-clock time shows that time once more on the same day."""
    first, second = (local.replace(fold=fold).utcoffset() or timedelta(0) for fold in (0, 1))
    return first > second  # less: it is skipped (PEP 495)


def edge_of(day: date, wall_clock: time, zone: ZoneInfo, *, last: bool = False) -> datetime:
    """Return the UTC instant at which a period of time starts or ends that is given by a wall-clock time.

    For a time that is skipped, that is the moment of the skip; for one that is repeated, the first of the two, or with
    ``last`` the second.
    """
    local = datetime.combine(day, wall_clock, tzinfo=zone)
    first, second = (local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    if first <= second:  # as on most days, or repeated
        return second if last else first
    # Skipped: the clocks jump somewhere between the two (PEP 495). To the second.
    before, after = second, first
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        if middle.astimezone(zone).replace(tzinfo=None) < local.replace(tzinfo=None):
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)
