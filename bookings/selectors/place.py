"""Say where a session takes place, and how to join it, to whoever has booked it."""

from dataclasses import dataclass
from datetime import datetime

from bookings.models import Booking, Status
from experts.models import Expert
from experts.models.expert import Venue
from experts.web_addresses import find_address


@dataclass(frozen=True)
class Place:
    """``kind`` in words: in person, phone or video. ``note``: the address, or how to join; empty where it is not told.

    ``join_url``: the web address (http or https) in the note of a video session; empty without one. ``location``: the
    place as calendars have it, where a note on who calls whom would be taken for an address.
    """

    kind: str
    note: str
    join_url: str
    location: str


def place_of(booking: Booking, now: datetime) -> Place:
    """Return what the booker is told of the place at ``now``. Needs ``with_slot()``.

    How to join a session by phone or video is for those who have the confirmed booking, until it is over; an address
    is on the expert's public page anyway.
    """
    is_told = booking.status == Status.CONFIRMED and now < booking.ends_at
    expert = booking.slot.expert
    return whole_place(expert) if is_told else public_place(expert)


def whole_place(expert: Expert) -> Place:
    """Return all that there is to say, as staff see it."""
    join_url = find_address(expert.venue_note) if expert.venue == Venue.VIDEO else ""
    return _place(expert, expert.venue_note, join_url)


def public_place(expert: Expert) -> Place:
    """Return what everybody may know."""
    return _place(expert, expert.venue_note if expert.venue == Venue.IN_PERSON else "")


def _place(expert: Expert, note: str, join_url: str = "") -> Place:
    kind = str(expert.get_venue_display())
    return Place(kind, note, join_url, location=note if note and expert.venue != Venue.PHONE else kind)
