"""Read the sessions of a type that an expert offers."""

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from experts.models import OfferedType, Session, SessionTerms, SessionType, Slot
from experts.scheduling.fitting import session_at


def offered_by(expert_id: int) -> QuerySet[OfferedType]:
    """Return the types that an expert offers alone, in the organisation's order, those that need their link included.

    What two experts do together is booked with both (``offered_together``).
    """
    types = SessionType.objects.active().filter(experts_needed=1)
    offered = OfferedType.objects.filter(expert=expert_id, session_type__in=types.order_by().values("pk"))
    return offered.select_related("session_type")


def offered_together() -> QuerySet[OfferedType]:
    """Return the types that two experts do together, with each who takes part."""
    types = SessionType.objects.active().filter(experts_needed=2)
    offered = OfferedType.objects.filter(session_type__in=types.order_by().values("pk"))
    return offered.select_related("session_type").order_by("pk")


def slots_touching(begins: datetime, ends: datetime, *expert_ids: int) -> QuerySet[Slot]:
    """Return the slots of these experts that have a part between two instants, in order of time."""
    # A slot lasts a day at most. By days, too, for the index of all slots of an expert: those of its clock may be
    # another date than UTC's.
    days = begins.date() - timedelta(days=2), ends.date() + timedelta(days=1)
    of_experts = Q(expert=expert_ids[0]) if len(expert_ids) == 1 else Q(expert__in=expert_ids)
    return Slot.objects.filter(of_experts, date__range=days, starts_at__lt=ends, ends_at__gt=begins).order_by(
        "starts_at"
    )


def read_session(slot: Slot, session_type: SessionType, terms: SessionTerms) -> Session | None:
    """Read the session that begins with the slot; None where it does not fit. One query.

    It has the slot's expert and whatever else was read with it; its slots are as they are now.
    """
    begins, ends = slot.starts_at - terms.before, slot.starts_at + terms.length + terms.after
    slots = list(slots_touching(begins, ends, slot.expert_id))
    for each in slots:
        each.expert = slot.expert
        if hasattr(slot, "read_at"):
            each.read_at = slot.read_at
    session = session_at(slot, slots, session_type, terms)
    return Session.of(slot, session.covered, session_type, terms) if session else None


def read_session_of_two(
    slot: Slot, second_expert: int, session_type: SessionType, terms: SessionTerms
) -> Session | None:
    """Read the session that two experts hold together, which begins with a slot of the one. Two queries.

    None where it does not fit with both. As ``read_session``; the slots of the second come with their expert.
    """
    one = read_session(slot, session_type, terms)
    if one is None or second_expert == slot.expert_id:
        return None
    begins, ends = slot.starts_at - terms.before, slot.starts_at + terms.length + terms.after
    slots = list(slots_touching(begins, ends, second_expert).select_related("expert__organization"))
    start = next((each for each in slots if each.starts_at == slot.starts_at), None)
    second = session_at(start, slots, session_type, terms) if start is not None else None
    return Session.together(one, second) if second is not None else None
