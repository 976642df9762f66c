"""Say what programs are told of a booking: the JSON API and the answers that are kept for a retry."""

from copy import copy
from datetime import datetime
from typing import Any

from bookings.models import Booking, Status
from experts.slot_facts import slot_facts


def booking_facts(booking: Booking, now: datetime) -> dict[str, Any]:
    """What became of the seats at ``now``: nothing personal, and no token.

    ``expires_at`` (UTC) is until when a PENDING one can be approved; ``slot`` as ``slot_facts``. Needs ``with_slot()``.
    """
    return {
        "reference": booking.reference,
        "status": booking.status,
        "seats": booking.seats,
        "expires_at": booking.expires_at if booking.status == Status.PENDING else None,
        "slot": slot_facts(booking.slot, now),
    }


def new_booking_facts(booking: Booking) -> dict[str, Any]:
    """As ``booking_facts``, right after it was made, whose slot was read (``read_at``) under the lock before that."""
    after = copy(booking)
    after.slot = copy(booking.slot)
    after.slot.seats_booked += booking.seats
    return booking_facts(after, booking.slot.read_at)
