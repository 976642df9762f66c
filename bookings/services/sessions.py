"""Which slots a booking takes: one, or those of a session of a type."""

import secrets
from typing import Any

from bookings.errors import NotFound, SlotTaken
from bookings.models import Booking
from experts.locking import read_slots
from experts.models import Session, SessionTerms, SessionType, Slot
from experts.scheduling.sessions import offered_by, read_session

TAKEN_FIELDS = ("slot", "more_slots", "session_type", "session_ends_at", "agreed")


def session_wanted(slot: Slot, session_type: int | None) -> Slot:
    """Return the session of that type (an id) which begins with the slot; the slot itself without a type.

    What the slot was read with stays with it. Two queries for a type, none if it is such a session already. Raises
    NotFound where the expert does not offer the type, SlotTaken where no session fits.
    """
    if session_type is None or (isinstance(slot, Session) and slot.session_type.pk == session_type):
        return slot
    offered = offered_by(slot.expert_id).filter(session_type=session_type).first()
    if offered is None:
        raise NotFound
    return _fitting(slot, offered.session_type, offered.terms)


def session_agreed(slot: Slot, booking: Booking) -> Slot:
    """As ``session_wanted``, of the type and under the terms of a booking that is to move there.

    The booking was read with its type. One query for a session. Raises SlotTaken where none fits.
    """
    terms = booking.terms
    if booking.session_type is None or terms is None:
        return slot
    return _fitting(slot, booking.session_type, terms)


def _fitting(slot: Slot, session_type: SessionType, terms: SessionTerms) -> Session:
    session = read_session(slot, session_type, terms)
    if session is None:
        raise SlotTaken(slot, "closed")
    return session


def without_booking(slot: Slot, booking: Booking) -> Slot:
    """Return a copy of a slot or Session as it would be if the booking, no hold, were not there."""
    return slot.with_seats(booked=-booking.seats, only=booking.slot_ids)


def take(booking: Booking, slot: Slot) -> None:
    """Give an unsaved booking all slots of a slot or Session, with what is agreed; see ``TAKEN_FIELDS``."""
    booking.slot, booking.more_slots = slot, slot.more_slots
    if isinstance(slot, Session):
        booking.session_type, booking.session_ends_at = slot.session_type, slot.ends_at
        booking.agreed = slot.terms.as_json()
    else:
        booking.session_type = booking.session_ends_at = booking.agreed = None


def agreed_with(booking: Booking) -> dict[str, Any] | None:
    """Return what is agreed about a booking that has its reference by now, with a link of its own if the type has one.

    ``{reference}`` and ``{secret}`` in the address or link of the type stand for what differs from booking to booking.
    """
    agreed = booking.agreed
    if agreed is None:
        return None
    note = agreed["note"].replace("{reference}", booking.reference)
    if "{secret}" in note:
        note = note.replace("{secret}", secrets.token_urlsafe(16))
    return {**agreed, "note": note}


def read_taken(booking: Booking) -> Slot:
    """Read what a booking takes, under the locks: its slot, or the session that was agreed, whatever its type is now.

    One query for a session, none else. The booking was read with its type, and its slot as ``read_slot`` reads it.
    """
    terms = booking.terms
    if terms is None:
        return booking.slot
    assert booking.session_type is not None, "terms are a type's"
    rows = read_slots(booking.slot_ids)
    covered = sorted(rows.values(), key=lambda slot: (slot.starts_at, slot.pk))
    return Session.of(rows[booking.slot_id], covered, booking.session_type, terms)
