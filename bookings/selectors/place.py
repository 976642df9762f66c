"""Say where a session takes place, and how to join it, to whoever has booked it."""

from dataclasses import dataclass
from datetime import datetime

from bookings.models import Booking, Status
from experts.models import Expert, SessionTerms
from experts.models.expert import Venue
from experts.web_addresses import find_address


@dataclass(frozen=True)
class Place:
    """How and where a session takes place, as far as its reader is told.

    ``note``: the address, or how to join; empty where it is not told. ``join_url``: the web address (http or https) in
    the note of a video session; empty without one.
    """

    venue: Venue
    note: str
    join_url: str = ""

    @property
    def kind(self) -> str:
        """In words: in person, phone or video."""
        return str(self.venue.label)

    @property
    def location(self) -> str:
        """The place as calendars have it, where a note on who calls whom would be taken for an address."""
        return self.note if self.note and self.venue != Venue.PHONE else self.kind


def place_of(booking: Booking, now: datetime) -> Place:
    """Return what the booker is told of the place at ``now``. Needs ``with_slot()``.

    How to join a session by phone or video is for those who have the confirmed booking, until it is over; an address
    is on the expert's public page anyway.
    """
    is_told = booking.status == Status.CONFIRMED and now < booking.ends_at
    return whole_place(booking) if is_told else public_place(booking.slot.expert, booking.terms)


def whole_place(booking: Booking) -> Place:
    """Return all that there is to say, as staff see it. Needs ``with_slot()``."""
    venue, note = _agreed(booking.slot.expert, booking.terms)
    return Place(venue, note, find_address(note) if venue == Venue.VIDEO else "")


def public_place(expert: Expert, terms: SessionTerms | None = None) -> Place:
    """Return what everybody may know of the expert's sessions, or of those under these terms."""
    venue, note = _agreed(expert, terms)
    return Place(venue, note if venue == Venue.IN_PERSON else "")


def _agreed(expert: Expert, terms: SessionTerms | None) -> tuple[Venue, str]:
    if terms is None:
        return Venue(expert.venue), expert.venue_note
    return terms.venue_with(expert), terms.note_with(expert)
