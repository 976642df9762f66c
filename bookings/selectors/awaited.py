"""Say what somebody on a waitlist waits for, as it is shown: a slot, or the session of a type that begins with it."""

from collections.abc import Collection

from bookings.models import WaitlistEntry
from experts.models import OfferedType, Session, SessionTerms, Slot


def session_awaited(entry: WaitlistEntry) -> Slot:
    """As ``sessions_awaited``, of one entry."""
    return sessions_awaited([entry])[entry.pk]


def sessions_awaited(entries: Collection[WaitlistEntry]) -> dict[int, Slot]:
    """Return by an entry's id its slot or the session. Needs ``with_slot()``. One query if any waits for a session.

    What was offered is as it was kept; else as the expert offers the type now, or as it is with anyone where the expert
    does not any more. Of a session its other slots are not read: its seats are those of its first slot.
    """
    kinds = {entry.session_type_id for entry in entries} - {None}
    experts = {entry.slot.expert_id for entry in entries}
    rows = OfferedType.objects.filter(session_type__in=kinds, expert__in=experts) if kinds else ()
    offers = {(offer.session_type_id, offer.expert_id): offer for offer in rows}
    return {entry.pk: _awaited(entry, offers) for entry in entries}


def _awaited(entry: WaitlistEntry, offers: dict[tuple[int, int], OfferedType]) -> Slot:
    kind = entry.session_type
    if kind is None:
        return entry.slot
    terms: SessionTerms | None = entry.hold.terms if entry.hold is not None else None
    if terms is None:
        offer = offers.get((kind.pk, entry.slot.expert_id), OfferedType())
        offer.session_type = kind
        terms = offer.terms
    return Session.of(entry.slot, [entry.slot], kind, terms)
