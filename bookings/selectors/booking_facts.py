"""Say what programs are told of a booking: the JSON API and the answers that are kept for a retry."""

from copy import copy
from datetime import datetime
from typing import Any

from bookings.models import Booking, Status
from bookings.selectors.place import Place, place_of
from bookings.transitions import OCCUPYING
from experts.models import Slot
from experts.slot_facts import slot_facts


def booking_facts(booking: Booking, now: datetime) -> dict[str, Any]:
    """What became of the seats at ``now``: nothing personal, and no token.

    ``expires_at`` (UTC) is until when a PENDING one can be approved, and until when the seats of one that awaits its
    proof are kept; only the latter has ``proof``. ``slot`` as ``slot_facts``, with the end of the session; what was
    agreed about it as ``agreed_facts``. Needs ``with_slot()``.
    """
    facts = {
        "reference": booking.reference,
        "status": booking.status,
        "seats": booking.seats,
        "expires_at": booking.expires_at if booking.status in (Status.PENDING, Status.HELD) else None,
        "slot": slot_facts(booking.session, now),
    } | agreed_facts(booking, place_of(booking, now))
    return facts | {"proof": "required"} if booking.awaits_proof else facts


def agreed_facts(booking: Booking, place: Place) -> dict[str, Any]:
    """Return what was agreed about a session of a type: what it is for, with whom, its end, price in words, and place.

    Nothing of a booking without a type: of that programs are told what they always were. ``place`` is as much of it as
    the reader may know. Nothing in here depends on a language.
    """
    kind = booking.session_type
    if kind is None:
        return {}
    return {
        "session_type": {"slug": kind.slug, "name": booking.title},
        "experts": [expert.slug for expert in booking.experts],
        "ends_at": booking.ends_at,
        "price": booking.price,
        "place": {"venue": place.venue.value, "note": place.note},
    }


def new_booking_facts(booking: Booking) -> dict[str, Any]:
    """As ``booking_facts``, right after it was made, whose slot was read (``read_at``) under the lock before that."""
    after = copy(booking)
    after.slot = slot_after(booking)
    return booking_facts(after, booking.slot.read_at)


def slot_after(booking: Booking) -> Slot:
    """Return a copy of the slot of a booking that was just made, as the booking leaves it."""
    if booking.status == Status.HELD:
        return booking.slot.with_seats(held=booking.seats)
    return booking.slot.with_seats(booked=booking.seats if booking.status in OCCUPYING else 0)
