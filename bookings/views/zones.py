"""Choose the clocks by which a page shows its times."""

from zoneinfo import ZoneInfo

from bookings.models import Booking, WaitlistEntry
from experts.clocks import Clocks, clocks_for
from experts.models import Expert
from experts.timezones import known_zone


def shown_clocks(request, expert: Expert) -> Clocks:
    """Return the clocks by which this visitor is shown an expert's times."""
    return clocks_for(expert.venue, expert.zone, request.zone)


def shown_zone_of(request, row: Booking | WaitlistEntry) -> ZoneInfo:
    """Return the visitor's zone; else the one that the row was made in, else its expert's. Needs ``with_slot()``."""
    return request.zone or known_zone(row.timezone) or row.slot.expert.zone
