"""Where sessions fit: the one rule of which slots a session of a type takes."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from enum import Enum
from typing import NamedTuple, Protocol, TypeVar

from experts.models import Session, SessionTerms, SessionType, Slot
from experts.models.slot import BOOKABLE_STATES
from experts.scheduling.occurrences import WantedSlot

Stretch = TypeVar("Stretch", bound=Slot | WantedSlot)


class Offered(Protocol):
    """A session type and what a session of it is: an OfferedType, or what was agreed about a booking (AgreedType)."""

    @property
    def session_type(self) -> SessionType: ...

    @property
    def terms(self) -> SessionTerms: ...


class AgreedType(NamedTuple):
    """A session type with the terms of a booking, whatever the type is by now."""

    session_type: SessionType
    terms: SessionTerms


def session_at(start: Slot, slots: Sequence[Slot], session_type: SessionType, terms: SessionTerms) -> Session | None:
    """Return the session that begins with ``start``, whether or not it is free; None where it does not fit.

    ``slots``: of one expert, in order of time, ``start`` among them. A session takes every slot that its time and the
    minutes kept free before and after it touch. These slots follow each other without a gap and reach over all of that
    time, and those that the session itself touches are open to its type.
    """
    place = next((place for place, slot in enumerate(slots) if slot.pk == start.pk), None)
    return None if place is None else _session(place, slots, session_type, terms)


def sessions_of(slots: Sequence[Slot], session_type: SessionType, terms: SessionTerms) -> Iterator[Session]:
    """Yield every start at which a session fits, as ``session_at``, in order of time."""
    for place in range(len(slots)):
        session = _session(place, slots, session_type, terms)
        if session is not None:
            yield session


def _session(place: int, slots: Sequence[Slot], session_type: SessionType, terms: SessionTerms) -> Session | None:
    covered = covered_slots(place, slots, session_type.pk, terms)
    return None if covered is None else Session.of(slots[place], covered, session_type, terms)


def covered_slots(place: int, slots: Sequence[Stretch], type_id: int, terms: SessionTerms) -> list[Stretch] | None:
    """Return the slots that a session takes that begins with the one at ``place``, made or only wanted yet, if it fits.

    The rule of ``session_at``.
    """
    found = cover(place, slots, type_id, terms)
    return None if isinstance(found, Misfit) else found


class Misfit(Enum):
    """Why a session of a type cannot begin with a slot."""

    NOTHING_BEFORE = "nothing_before"  # for the minutes that are kept free before it
    TOO_SHORT = "too_short"  # what follows without a gap
    OTHER_TYPES = "other_types"  # hours that are only for others


def cover(place: int, slots: Sequence[Stretch], type_id: int, terms: SessionTerms) -> list[Stretch] | Misfit:
    """As ``covered_slots``, or why it does not fit."""
    begins = slots[place].starts_at
    ends = begins + terms.length
    first = last = place
    while slots[first].starts_at > begins - terms.before:
        if first == 0 or slots[first - 1].ends_at != slots[first].starts_at:
            return Misfit.NOTHING_BEFORE
        first -= 1
    while slots[last].ends_at < ends + terms.after:
        if last + 1 == len(slots) or slots[last].ends_at != slots[last + 1].starts_at:
            return Misfit.TOO_SHORT
        last += 1
    for slot in slots[place : last + 1]:
        if slot.for_types and type_id not in slot.for_types and slot.starts_at < ends:
            return Misfit.OTHER_TYPES
    return list(slots[first : last + 1])


def shown_sessions(
    slots: Sequence[Slot],
    session_type: SessionType,
    terms: SessionTerms,
    now: datetime,
    *,
    begun: Collection[int] = (),
) -> list[Session]:
    """Return the starts that people are shown at ``now``, in order of time.

    That is: what can be booked, or will be once it is within the horizon; what is over; and of what cannot be booked
    any more those that are taken as a whole (there is something to wait for), as far as they do not overlap. All others
    have become impossible by a booking that begins or ends within them. ``begun``: slots in which a booking of the type
    starts, whose sessions are shown in any case: they are somebody's.
    """
    shown: list[Session] = []
    taken_until = None
    for session in sessions_of(slots, session_type, terms):
        state = session.state_at(now)
        if state in BOOKABLE_STATES or state == "past":
            shown.append(session)
        elif state == "closed":
            if not session.is_closed:
                shown.append(session)
        elif session.pk in begun:
            shown.append(session)
            taken_until = session.ends_at
        elif taken_until is None or session.starts_at >= taken_until:
            used = [s for s in session.covered if s.ends_at > session.starts_at and s.starts_at < session.ends_at]
            if all(slot.seats_left_at(now) <= 0 and slot.pk not in begun for slot in used):
                shown.append(session)
                taken_until = session.ends_at
    return shown
