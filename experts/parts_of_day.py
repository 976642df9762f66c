"""The parts of a day by which times are grouped on pages, and looked for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class PartOfDay:
    """``hours``: those at which a session of that part of the day starts."""

    value: str
    name: Any  # a lazy text
    icon: str
    hours: range


NIGHT = PartOfDay("night", _("Night"), "moon", range(5))
PARTS_OF_DAY = (
    NIGHT,
    PartOfDay("morning", _("Morning"), "sunrise", range(5, 12)),
    PartOfDay("afternoon", _("Afternoon"), "sun", range(12, 17)),
    PartOfDay("evening", _("Evening"), "sunset", range(17, 24)),
)


def part_of_day(local: datetime) -> PartOfDay:
    """Return the part of day of a wall-clock time."""
    return next(part for part in PARTS_OF_DAY if local.hour in part.hours)
