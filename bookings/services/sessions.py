"""Which slots a booking takes: one, or those of a session of a type."""

import secrets
from collections.abc import Collection, Iterable
from typing import Any

from bookings.errors import NotFound, SlotTaken
from bookings.models import Booking
from experts.errors import ChangedMeanwhile
from experts.locking import read_slots
from experts.models import Session, SessionTerms, SessionType, Slot
from experts.scheduling.sessions import offered_by, offered_together, read_session, read_session_of_two

TAKEN_FIELDS = ("slot", "more_slots", "second_expert", "session_type", "session_ends_at", "agreed")


def session_wanted(slot: Slot, session_type: int | None, second_expert: int | None = None) -> Slot:
    """Return the session of that type (an id) which begins with the slot; the slot itself without a type.

    With ``second_expert`` (an id), of two who hold it together. What the slot was read with stays with it. Two queries
    for a type, four for two experts, none if it is such a session already. Raises NotFound where not all of them offer
    the type, or it is not for so many, SlotTaken where no session fits.
    """
    if session_type is None or _is_such(slot, session_type, second_expert):
        return slot
    if second_expert is None:
        offered = offered_by(slot.expert_id).filter(session_type=session_type).first()
        if offered is None:
            raise NotFound
        return _fitting(slot, offered.session_type, offered.terms)
    offers = offered_together().filter(session_type=session_type, expert__in=[slot.expert_id, second_expert])
    kinds = [offer.session_type for offer in offers]
    if len(kinds) < 2:
        raise NotFound
    return _fitting(slot, kinds[0], kinds[0].terms, second_expert)


def _is_such(slot: Slot, session_type: int, second_expert: int | None) -> bool:
    if not isinstance(slot, Session) or slot.session_type.pk != session_type:
        return False
    return (slot.second.expert_id if slot.second is not None else None) == second_expert


def session_agreed(slot: Slot, booking: Booking) -> Slot:
    """As ``session_wanted``, of the type, under the terms and with the experts of a booking that is to move there.

    The booking was read with its type. One query for a session. Raises SlotTaken where none fits.
    """
    terms = booking.terms
    if booking.session_type is None or terms is None:
        return slot
    return _fitting(slot, booking.session_type, terms, booking.second_expert_id)


def _fitting(slot: Slot, session_type: SessionType, terms: SessionTerms, second_expert: int | None = None) -> Session:
    if second_expert is None:
        session = read_session(slot, session_type, terms)
    else:
        session = read_session_of_two(slot, second_expert, session_type, terms)
    if session is None:
        # As a session of the type: who shows what else is free, shows such.
        raise SlotTaken(Session.of(slot, [slot], session_type, terms), "closed")
    return session


def must_be_locked(wanted: Iterable[int], locked: Collection[int]) -> None:
    """Raise ChangedMeanwhile where one of the slots that are to be written is not among the locked ones (all ids).

    A type can get longer, and a hold be for something else, after they were looked at. Their slots cannot be locked
    now: out of order one waits for somebody who waits for what is locked already.
    """
    if not set(wanted).issubset(locked):
        raise ChangedMeanwhile


def without_booking(slot: Slot, booking: Booking) -> Slot:
    """Return a copy of a slot or Session as it would be if the booking, no hold, were not there."""
    return slot.with_seats(booked=-booking.seats, only=booking.slot_ids)


def take(booking: Booking, slot: Slot) -> None:
    """Give an unsaved booking all slots of a slot or Session, with what is agreed; see ``TAKEN_FIELDS``."""
    booking.slot, booking.more_slots = slot, slot.more_slots
    booking.second_expert = slot.second.expert if isinstance(slot, Session) and slot.second is not None else None
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
    start = rows[booking.slot_id]
    own = [slot for slot in covered if slot.expert_id == start.expert_id]
    session = Session.of(start, own, booking.session_type, terms)
    others = [slot for slot in covered if slot.expert_id != start.expert_id]
    if not others:
        return session
    at = next(slot for slot in others if slot.starts_at == start.starts_at)
    return Session.together(session, Session.of(at, others, booking.session_type, terms))
