"""Read the sessions of a type that an expert offers."""

from datetime import datetime, timedelta

from django.db.models import QuerySet

from experts.models import OfferedType, Session, SessionTerms, SessionType, Slot
from experts.scheduling.fitting import session_at


def offered_by(expert_id: int) -> QuerySet[OfferedType]:
    """Return the types that an expert offers, in the organisation's order, those that need their link included."""
    types = SessionType.objects.active()
    offered = OfferedType.objects.filter(expert=expert_id, session_type__in=types.order_by().values("pk"))
    return offered.select_related("session_type")


def slots_touching(expert_id: int, begins: datetime, ends: datetime) -> QuerySet[Slot]:
    """Return the expert's slots that have a part between two instants, in order of time."""
    # A slot lasts a day at most. By days, too, for the index of all slots of an expert: those of its clock may be
    # another date than UTC's.
    days = begins.date() - timedelta(days=2), ends.date() + timedelta(days=1)
    return Slot.objects.filter(expert=expert_id, date__range=days, starts_at__lt=ends, ends_at__gt=begins).order_by(
        "starts_at"
    )


def read_session(slot: Slot, session_type: SessionType, terms: SessionTerms) -> Session | None:
    """Read the session that begins with the slot; None where it does not fit. One query.

    It has the slot's expert and whatever else was read with it; its slots are as they are now.
    """
    begins, ends = slot.starts_at - terms.before, slot.starts_at + terms.length + terms.after
    slots = list(slots_touching(slot.expert_id, begins, ends))
    for each in slots:
        each.expert = slot.expert
        if hasattr(slot, "read_at"):
            each.read_at = slot.read_at
    session = session_at(slot, slots, session_type, terms)
    return Session.of(slot, session.covered, session_type, terms) if session else None
