"""Read the sessions of a type that an expert offers."""

from collections.abc import Hashable
from datetime import date, datetime, timedelta

from django.db import connections, router
from django.db.models import Q, QuerySet

from experts.free_starts import FREE_STARTS
from experts.models import OfferedType, Session, SessionTerms, SessionType, Slot
from experts.scheduling.fitting import session_at
from experts.selectors import NEAREST, SLOTS_VERSION

_REACH = timedelta(days=1)  # as far as a session may reach beyond the day on which it starts, with its buffers


def offered_by(expert_id: int) -> QuerySet[OfferedType]:
    """Return the types that an expert offers alone, in the organisation's order, those that need their link included.

    What two experts do together is booked with both (``offered_together``).
    """
    types = SessionType.objects.active().filter(experts_needed=1)
    offered = OfferedType.objects.filter(expert=expert_id, session_type__in=types.order_by().values("pk"))
    return offered.select_related("session_type")


def offers_type(expert_id: int, session_type_id: int) -> bool:
    """Say whether an expert offers a type alone. One query."""
    return offered_by(expert_id).filter(session_type=session_type_id).exists()


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


_FIRST_FREE = f"""
    SELECT s.starts_at {FREE_STARTS} AND f.expert_id = %s AND f.session_type_id = %s AND s.starts_at >= %s
    ORDER BY s.starts_at LIMIT 1
"""


def first_free_start(expert_id: int, session_type: int, after: datetime) -> datetime | None:
    """Return when the first session of the type that can be booked starts, from ``after`` on; None without one."""
    with connections[router.db_for_read(Slot)].cursor() as cursor:
        cursor.execute(_FIRST_FREE, [expert_id, session_type, after])
        row = cursor.fetchone()
    return row[0] if row else None


def nearest_sessions(expert_id: int, session_type: int, slot_id: int, starts_at: datetime) -> list[Session]:
    """Return the three bookable sessions of the type that start closest to an instant, in another slot than that.

    Closest first. Three queries, and one for each.
    """
    chosen = f"{FREE_STARTS} AND f.expert_id = %s AND f.session_type_id = %s AND s.id <> %s AND s.starts_at"
    with connections[router.db_for_read(Slot)].cursor() as cursor:
        cursor.execute(
            f"""
            (SELECT s.id, s.starts_at {chosen} >= %s ORDER BY s.starts_at LIMIT {NEAREST}) UNION ALL
            (SELECT s.id, s.starts_at {chosen} < %s ORDER BY s.starts_at DESC LIMIT {NEAREST})
            """,
            [expert_id, session_type, slot_id, starts_at] * 2,
        )
        rows = cursor.fetchall()
    near = [pk for pk, _start in sorted(rows, key=lambda row: (abs(row[1] - starts_at), row[1]))[:NEAREST]]
    offered = offered_by(expert_id).filter(session_type=session_type).first()
    slots = Slot.objects.with_expert().in_bulk(near)
    if offered is None:
        return []
    found = [read_session(slots[pk], offered.session_type, offered.terms) for pk in near if pk in slots]
    # Somebody may have taken one between the statements.
    return [session for session in found if session is not None and session.is_bookable]


def sessions_version(
    expert_id: int, session_type: int, days: tuple[date, date], after: datetime
) -> tuple[Hashable, datetime | None]:
    """Return a version of the sessions of the expert on these days, and ``first_free_start``. One query.

    Days are the expert's, first and last. What a session takes beyond them counts, too.
    """
    first, last = days[0] - _REACH, days[1] + _REACH
    with connections[router.db_for_read(Slot)].cursor() as cursor:
        cursor.execute(
            f"""
            SELECT (SELECT {SLOTS_VERSION} FROM {Slot._meta.db_table} s
                    WHERE s.expert_id = %s AND s.date BETWEEN %s AND %s), ({_FIRST_FREE})
            """,
            [expert_id, first, last, expert_id, session_type, after],
        )
        version, free_at = cursor.fetchone()
    return version, free_at


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
