"""Wall-clock time of a place <-> instant, with daylight-saving changes handled on purpose (design promise 7)."""

from datetime import UTC, date, datetime, time
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


@cache
def zone_names() -> frozenset[str]:
    """Zones that a person can choose: places, not the legacy abbreviations such as ``EST5EDT``."""
    return frozenset(name for name in available_timezones() if "/" in name and not name.startswith("Etc/")) | {"UTC"}


def validate_zone(name: str) -> None:
    """Raise ValidationError unless ``name`` is a zone that a person can choose."""
    if name not in zone_names():
        raise ValidationError(_("“%(name)s” is not a known time zone."), params={"name": name})


def city(zone: ZoneInfo) -> str:
    """The name that people know a zone by: ``America/New_York`` -> ``New York``."""
    return zone.key.rsplit("/", 1)[-1].replace("_", " ")


def offset_label(zone: ZoneInfo, instant: datetime) -> str:
    """The offset in force at that instant (never today's), as ``GMT+1``, ``GMT−3:30`` or ``GMT``."""
    offset = instant.astimezone(zone).utcoffset()
    minutes = int(offset.total_seconds() // 60)
    if minutes == 0:
        return "GMT"
    hours, rest = divmod(abs(minutes), 60)
    return f"GMT{'+' if minutes > 0 else '−'}{hours}{f':{rest:02}' if rest else ''}"


def instant_of(day: date, wall_clock: time, zone: ZoneInfo) -> datetime | None:
    """The UTC instant of a wall-clock time, or None when that day's change to summer time skips it.

    A time that the change back to winter time repeats means the first of the two (``fold=0``).
    """
    local = datetime.combine(day, wall_clock, tzinfo=zone).replace(fold=0)
    instant = local.astimezone(UTC)
    # A skipped time does not survive the way to UTC and back (PEP 495).
    if instant.astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        return None
    return instant
