"""Choose the clocks by which a page shows its times."""

from bookings.models import Booking, WaitlistEntry
from experts.clocks import Clocks, clocks_for
from experts.models import Slot
from experts.timezones import known_zone


def shown_clocks(request, slot: Slot) -> Clocks:
    """Return the clocks by which this visitor is shown a slot, or a Session, whose type decides. Needs the expert."""
    return clocks_for(slot.venue, slot.expert.zone, request.zone)


def clocks_of(request, row: Booking | WaitlistEntry) -> Clocks:
    """Return the clocks for the session of a row; without a visitor's zone, in the one that the row was made in.

    Needs ``with_slot()``.
    """
    return clocks_for(row.venue, row.slot.expert.zone, request.zone or known_zone(row.timezone))
