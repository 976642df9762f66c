"""When anybody of those who offer a type is free: the starts of its sessions, with all who could hold each."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connections, router
from django.db.models import F, Func, IntegerField, OuterRef, QuerySet
from django.utils import timezone

from experts.free_starts import FREE_STARTS
from experts.locking import with_clock
from experts.models import Expert, OfferedType, Organization, Session, SessionTerms, SessionType, Slot
from experts.models.slot import BOOKABLE_STATES
from experts.scheduling.fitting import sessions_of, shown_sessions
from experts.scheduling.sessions import slots_touching

MOST_NEAR = 3
MOST_STARTS = 2000  # of an answer
_NEAR = timedelta(days=7)


@dataclass(frozen=True)
class Start:
    """An instant at which a session of a type begins, as it is at ``now``.

    ``sessions``: one of each expert of whom there is something to show. Two together need two who are free.
    """

    starts_at: datetime
    sessions: Sequence[Session]
    now: datetime

    @cached_property
    def free(self) -> list[Session]:
        """Those that can be booked; none where fewer experts are free than the type needs."""
        free = [session for session in self.sessions if session.state_at(self.now) in BOOKABLE_STATES]
        return free if len(free) >= self.sessions[0].session_type.experts_needed else []

    @property
    def ends_at(self) -> datetime:
        """The end with whoever takes longest among those who are free, or of all where nobody is."""
        return max(session.ends_at for session in self.free or self.sessions)

    @property
    def state(self) -> str:
        """As of a slot: the best that any of its sessions is in."""
        if self.free:
            return "open"
        states = {session.state_at(self.now) for session in self.sessions}
        if states & BOOKABLE_STATES:  # of two together one is missing
            return "held" if "held" in states else "full"
        return next(state for state in ("held", "full", "past", "closed") if state in states)


def find_type(organization: str, name: str) -> SessionType | None:
    """Read an active type by the slugs of its organisation and its own, with the organisation."""
    types = SessionType.objects.active().select_related("organization")
    return types.filter(slug=name, organization__slug=organization, organization__is_active=True).first()


@dataclass(frozen=True)
class TypeToChoose:
    """A type as a list of them shows it, by which anybody who offers it can be booked."""

    name: str
    slug: str
    minutes: int
    price: str
    experts_needed: int


def types_to_choose(organization: Organization) -> tuple[TypeToChoose, ...]:
    """Read the types that visitors of an organisation may choose from, which enough experts offer. One query."""
    offering = Expert.objects.active().filter(offered_types__session_type=OuterRef("pk")).order_by()
    count = Func(ArraySubquery(offering.values("pk")[:2]), function="cardinality", output_field=IntegerField())
    types = SessionType.objects.listed().filter(organization=organization).annotate(experts=count)
    found = types.filter(experts__gte=F("experts_needed"))
    return tuple(TypeToChoose(it.name, it.slug, it.minutes, it.terms.price, it.experts_needed) for it in found)


def find_experts(session_type: SessionType, slugs: Collection[str]) -> list[Expert] | None:
    """Read experts who offer the type by their slugs, in that order; None where one of them does not."""
    if not slugs:
        return []
    if any("\0" in slug for slug in slugs):  # PostgreSQL knows no such character
        return None
    found = Expert.objects.active().filter(offered_types__session_type=session_type, slug__in=slugs)
    experts = {expert.slug: expert for expert in found}
    return [experts[slug] for slug in slugs] if experts.keys() >= set(slugs) else None


def offers_of(session_type: SessionType) -> QuerySet[OfferedType]:
    """Return the offers of a type by experts who can be seen, each with its expert, by name."""
    offers = OfferedType.objects.filter(session_type=session_type, expert__in=Expert.objects.active())
    return offers.select_related("expert__organization", "expert__category").order_by("expert__name", "expert_id")


def starts_of_any(
    session_type: SessionType, offers: Iterable[OfferedType], begins: datetime, ends: datetime, now: datetime
) -> list[Start]:
    """Read the starts that people are shown from one instant until before another, soonest first.

    One query, for any number of experts. Each session has its expert.
    """
    found: dict[datetime, list[Session]] = defaultdict(list)
    for slots, terms in _slots_of_each(session_type, offers, begins, ends):
        for session in shown_sessions(slots, session_type, terms, now):
            if begins <= session.starts_at < ends:
                found[session.starts_at].append(session)
    return [Start(at, found[at], now) for at in sorted(found)]


def starts_with(starts: Iterable[Start], experts: Collection[int], session_type: SessionType) -> list[Start]:
    """Return those of the starts that are with these experts (ids), and only with them; all where none is named.

    Of two together those in which they are among who is free.
    """
    if not experts:
        return list(starts)
    wanted = set(experts)
    if session_type.experts_needed == 2:
        return [start for start in starts if wanted <= {session.expert_id for session in start.free}]
    with_them = ((start, [it for it in start.sessions if it.expert_id in wanted]) for start in starts)
    return [Start(start.starts_at, found, start.now) for start, found in with_them if found]


# Of type ``t``, by one or, where it needs two, by all who are free; ``with_whom``: keys of experts, none for anyone.
_FREE_STARTS = f"""
    SELECT s.starts_at, max(s.starts_at + w.lasts), array_agg(e.slug ORDER BY e.name, e.id)
    {FREE_STARTS} AND t.id = %(type)s AND s.starts_at >= %(begins)s AND s.starts_at < %(ends)s
      AND (t.experts_needed = 2 OR %(with_whom)s::bigint[] = '{{}}' OR e.id = ANY(%(with_whom)s::bigint[]))
    GROUP BY s.starts_at
    HAVING count(*) >= max(t.experts_needed)
       AND (max(t.experts_needed) = 1 OR array_agg(e.id::bigint) @> %(with_whom)s::bigint[])
"""


@dataclass(frozen=True)
class FreeStart:
    """An instant at which a session of a type can be booked: until when at the longest, and with whom (slugs)."""

    starts_at: datetime
    ends_at: datetime
    experts: Sequence[str]


def free_starts(
    session_type: SessionType, begins: datetime, ends: datetime, experts: Collection[int] = (), most: int = MOST_STARTS
) -> list[FreeStart]:
    """Read when somebody is free from one instant until before another, or these experts (ids). Soonest first.

    The first ``most``. One query; no slot of those who are not free is read out of the database.
    """
    return _read_free(
        f"{_FREE_STARTS} ORDER BY s.starts_at LIMIT {most}",
        {"type": session_type.pk, "begins": begins, "ends": ends, "with_whom": list(experts)},
    )


def nearest_starts(session_type: SessionType, starts_at: datetime, experts: Collection[int]) -> list[FreeStart]:
    """Read the starts near an instant at which somebody is free, with these experts (ids) or anyone: closest first.

    One query.
    """
    now = timezone.now()
    before = _FREE_STARTS.replace("%(ends)s", "%(at)s")
    after = _FREE_STARTS.replace("%(begins)s", "%(at)s")
    found = _read_free(
        f"""({before} ORDER BY s.starts_at DESC LIMIT {MOST_NEAR}) UNION ALL
            ({after} ORDER BY s.starts_at LIMIT {MOST_NEAR})""",
        {
            "type": session_type.pk,
            "begins": max(now, starts_at - _NEAR),
            "at": starts_at,
            "ends": max(now, starts_at) + _NEAR,
            "with_whom": list(experts),
        },
    )
    return sorted(found, key=lambda start: (abs(start.starts_at - starts_at), start.starts_at))[:MOST_NEAR]


def _read_free(sql: str, values: dict[str, Any]) -> list[FreeStart]:
    with connections[router.db_for_read(Slot)].cursor() as cursor:
        cursor.execute(sql, values)
        return [FreeStart(*row) for row in cursor.fetchall()]


def sessions_at(session_type: SessionType, offers: Iterable[OfferedType], starts_at: datetime) -> list[Session]:
    """Read what each expert could hold at one instant, free or not. One query. Each has its expert and ``read_at``."""
    end = starts_at + timedelta(microseconds=1)
    return [
        session
        for slots, terms in _slots_of_each(session_type, offers, starts_at, end)
        for session in sessions_of(slots, session_type, terms)
        if session.starts_at == starts_at
    ]


def _slots_of_each(
    session_type: SessionType, offers: Iterable[OfferedType], begins: datetime, ends: datetime
) -> list[tuple[list[Slot], SessionTerms]]:
    """Read the slots that sessions which start between two instants may take, by expert, with what each offers.

    What two do together has one length and one price: the type's.
    """
    terms: dict[int, SessionTerms] = {}
    slots: dict[int, list[Slot]] = {}
    experts: dict[int, Expert] = {}
    for offer in offers:
        offer.session_type = session_type
        terms[offer.expert_id] = offer.terms if session_type.experts_needed == 1 else session_type.terms
        slots[offer.expert_id], experts[offer.expert_id] = [], offer.expert
    if not terms:
        return []
    first = begins - max(each.before for each in terms.values())
    last = ends + max(each.length + each.after for each in terms.values())
    for slot in with_clock(slots_touching(first, last, *terms)):
        slot.expert = experts[slot.expert_id]
        slots[slot.expert_id].append(slot)
    return [(slots[expert_id], each) for expert_id, each in terms.items()]
