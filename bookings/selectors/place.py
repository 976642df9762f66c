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
    return whole_place(booking) if is_told else _public(booking.venue, _note(booking))


def whole_place(booking: Booking) -> Place:
    """Return all that there is to say, as staff see it. Needs ``with_slot()``."""
    venue, note = booking.venue, _note(booking)
    return Place(venue, note, find_address(note) if venue == Venue.VIDEO else "")


def public_place(expert: Expert, terms: SessionTerms | None = None) -> Place:
    """Return what everybody may know of the expert's sessions, or of those under these terms."""
    venue = Venue((terms and terms.venue) or expert.venue)
    return _public(venue, _note_of(terms, expert))


def _public(venue: Venue, note: str) -> Place:
    return Place(venue, note if venue == Venue.IN_PERSON else "")


def _note(booking: Booking) -> str:
    return _note_of(booking.terms, booking.slot.expert)


def _note_of(terms: SessionTerms | None, expert: Expert) -> str:
    """What was agreed. What the expert has noted is about the expert's own way: it is no address of another one."""
    if terms is None:
        return expert.venue_note
    same_way = not terms.venue or terms.venue == expert.venue
    return terms.note or (expert.venue_note if same_way else "")
