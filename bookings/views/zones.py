"""Choose the time zone that a page shows its times in."""

from zoneinfo import ZoneInfo

from bookings.models import Booking, WaitlistEntry
from experts.timezones import known_zone


def shown_zone(request, expert_zone: ZoneInfo) -> tuple[ZoneInfo, str]:
    """Return the zone for an expert's times and the choice behind it: ``mine`` (the visitor's) or ``expert``.

    A visitor whose zone is not known yet sees the expert's zone; that is no choice, and addresses do not carry it.
    """
    if request.GET.get("zone") == "expert":
        return expert_zone, "expert"
    return request.zone or expert_zone, "mine"


def shown_zone_of(request, row: Booking | WaitlistEntry) -> ZoneInfo:
    """Return the visitor's zone; else the one that the row was made in, else its expert's. Needs ``with_slot()``."""
    return request.zone or known_zone(row.timezone) or row.slot.expert.zone
