"""When a session of a type can begin, in SQL: for searches, and for all experts of a list at once.

What experts who offer session types are booked for is not a slot but a session, which may take several. So where a list
tells when somebody is free next, it tells of those experts the first start of any type that visitors may choose.
"""

from collections.abc import Collection, Hashable, Iterable, Sequence
from datetime import date, datetime

from django.db import connections, router
from django.db.models import CharField, Exists, OuterRef, QuerySet
from django.db.models.expressions import RawSQL

from experts.models import Audience, Expert, OfferedType, Organization, SessionType, Slot
from experts.selectors import SLOTS_VERSION, with_next_slot

# What ``session_at(…).state_at(now) in BOOKABLE_STATES`` (experts/scheduling/fitting.py) says of slot ``s`` as a start,
# for an expert ``e`` of organisation ``o`` who offers type ``t`` by ``f``. Slots of an expert do not overlap: those
# that can be taken reach over all of a session's time and buffers without a gap just when they have as many minutes of
# it.
_OFFERS = f"""
    FROM {OfferedType._meta.db_table} f
    JOIN {SessionType._meta.db_table} t ON t.id = f.session_type_id
    JOIN {Expert._meta.db_table} e ON e.id = f.expert_id
    JOIN {Organization._meta.db_table} o ON o.id = e.organization_id
    CROSS JOIN LATERAL (
        -- What two do together has one length: the type's.
        SELECT make_interval(mins => coalesce(CASE t.experts_needed WHEN 1 THEN f.minutes END, t.minutes)) AS lasts,
               make_interval(mins => t.buffer_before) AS before,
               make_interval(mins => t.buffer_after) AS after
    ) w
"""
_CAN_START = f"""
    e.is_active AND o.is_active AND t.is_active AND NOT s.is_closed
      AND (s.seats_held < s.capacity - s.seats_booked OR s.next_hold_expiry <= statement_timestamp())
      AND s.starts_at > statement_timestamp()
      AND s.starts_at > statement_timestamp() + coalesce(t.min_notice, e.min_notice, o.min_notice)
      AND s.starts_at - statement_timestamp()
          <= coalesce(t.horizon_days, e.horizon_days, o.horizon_days) * interval '24 hours'
      AND (SELECT sum(least(c.ends_at, s.starts_at + w.lasts + w.after) - greatest(c.starts_at, s.starts_at - w.before))
           FROM {Slot._meta.db_table} c
           WHERE c.expert_id = s.expert_id AND c.starts_at > s.starts_at - w.before - interval '24 hours'
             AND c.starts_at < s.starts_at + w.lasts + w.after AND c.ends_at > s.starts_at - w.before
             AND NOT c.is_closed
             AND (c.seats_held < c.capacity - c.seats_booked OR c.next_hold_expiry <= statement_timestamp())
             AND (c.for_types = '{{}}' OR t.id = ANY(c.for_types)
                  OR c.ends_at <= s.starts_at OR c.starts_at >= s.starts_at + w.lasts)
          ) = w.lasts + w.before + w.after
"""
FREE_STARTS = f"{_OFFERS} JOIN {Slot._meta.db_table} s ON s.expert_id = e.id WHERE {_CAN_START}"

# Of expert ``x``: the first start of any type that visitors may choose, of those that one expert holds alone. The slots
# of each type are read along the index by their start, up to the first.
_FIRST_OF_ANY = f"""
    SELECT found.id, found.starts_at {_OFFERS}
    CROSS JOIN LATERAL (
        SELECT s.id, s.starts_at FROM {Slot._meta.db_table} s WHERE s.expert_id = e.id AND {_CAN_START}
        ORDER BY s.starts_at LIMIT 1
    ) found
    WHERE f.expert_id = x.id AND t.experts_needed = 1 AND t.audience <> '{Audience.LINK.value}'
    ORDER BY found.starts_at LIMIT 1
"""


def types_version() -> RawSQL:
    """For an annotation of a query of experts: a version of the types that each offers, None where it offers none."""
    return RawSQL(
        f"""
        SELECT string_agg(concat_ws('.', k.xmin, k.ctid, g.xmin, g.ctid), ' ' ORDER BY g.id)
        FROM {OfferedType._meta.db_table} g
        JOIN {SessionType._meta.db_table} k ON k.id = g.session_type_id
        WHERE g.expert_id = {Expert._meta.db_table}.id AND k.is_active AND k.experts_needed = 1
        """,
        [],
        output_field=CharField(null=True),
    )


def first_starts(expert_ids: Collection[int]) -> dict[int, datetime | None]:
    """Return of each expert when the first session of any listed type can be booked. One query, none for nobody."""
    if not expert_ids:
        return {}
    with connections[router.db_for_read(Slot)].cursor() as cursor:
        cursor.execute(
            f"""
            SELECT x.id, first.starts_at
            FROM unnest(%s::bigint[]) x(id) LEFT JOIN LATERAL ({_FIRST_OF_ANY}) first ON true
            """,
            [list(expert_ids)],
        )
        return dict(cursor.fetchall())


def starts_versions(expert_ids: Collection[int], first: date, last: date) -> dict[int, tuple[Hashable, int | None]]:
    """Return of each expert a version of its slots on these days and of its first start, and the slot of the latter.

    Days are the expert's, the start as of ``first_starts``. One query, none for nobody.
    """
    if not expert_ids:
        return {}
    with connections[router.db_for_read(Slot)].cursor() as cursor:
        cursor.execute(
            f"""
            SELECT x.id, first.id, first.starts_at,
                   (SELECT {SLOTS_VERSION} FROM {Slot._meta.db_table} s
                    WHERE s.expert_id = x.id AND s.date BETWEEN %s AND %s)
            FROM unnest(%s::bigint[]) x(id) LEFT JOIN LATERAL ({_FIRST_OF_ANY}) first ON true
            """,
            [first, last, list(expert_ids)],
        )
        return {pk: ((starts_at, version), slot_id) for pk, slot_id, starts_at, version in cursor.fetchall()}


def with_next_start(experts: QuerySet[Expert]) -> QuerySet[Expert]:
    """As ``with_next_slot``, and ``has_types``: ``next_slot_at`` may be no start for these (``correct_starts``)."""
    alone = SessionType.objects.active().filter(experts_needed=1, offers__expert=OuterRef("pk"))
    return with_next_slot(experts).annotate(has_types=Exists(alone))  # type: ignore[no-redef]  # the model names it


def correct_starts(experts: Iterable[Expert]) -> Sequence[Expert]:
    """Read experts ``with_next_start``, with ``next_slot_at`` what can be booked. One query more if any has types."""
    rows = list(experts)
    starts = first_starts([expert.pk for expert in rows if expert.has_types])
    for expert in rows:
        if expert.has_types:
            expert.next_slot_at = starts[expert.pk]
    return rows
