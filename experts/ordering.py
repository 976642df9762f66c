"""Put experts in order and take the first of them, at a cost that does not grow with how many there are.

Who is free soonest is read along an index of open slots by their start (``slot_open_by_start``), up to the last expert
that is wanted. A few experts are asked one by one instead, as the slots of others would have to be passed over.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from django.db.models import Exists, F, Q, QuerySet, Subquery
from django.db.models.functions import Least, Now

from experts.models import Expert, Organization, Slot
from experts.models.expert import ExpertQuerySet
from experts.models.slot import SlotQuerySet
from experts.prepared import PreparedValues
from experts.selectors import with_next_slot

MOST_LISTED = 1000  # experts that a list leads to; to find others one has to search or filter
MOST_NAMED = 10_000  # experts who are named in a statement
FEW = 100  # experts who are asked one by one
SPARSE = 256  # slots in a span: if there are no more, all are read
LEAST_STRIDE = 32  # slots in a statement, beside some for each expert that is wanted


@dataclass(frozen=True)
class Span:
    """From ``first`` until before ``last``."""

    first: datetime
    last: datetime


EVER = Span(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


@dataclass(frozen=True)
class Selection:
    """Active experts to put in order.

    ``count``: how many they are, or any number above MOST_LISTED. ``ids``: theirs, where they are at most MOST_NAMED
    and not all that there are. ``organization_id``: all are of that one.
    """

    experts: ExpertQuerySet
    count: int
    ids: list[int] | None = None
    is_all: bool = False
    organization_id: int | None = None

    def soonest(self, upto: int) -> list[int]:
        """Return the ids of the first ``upto``, by the start of their first bookable slot, then by id.

        Those who have none come last.
        """
        if self.count <= max(FEW, 2 * upto):
            asked = with_next_slot(self.experts).order_by(F("next_slot_at").asc(nulls_last=True), "pk")
            return list(asked.values_list("pk", flat=True)[:upto])
        found = self.soonest_within(EVER, upto)
        if len(found) < upto:
            others = self.experts.exclude(pk__any_of=found).order_by("pk")
            found += others.values_list("pk", flat=True)[: upto - len(found)]
        return found

    def soonest_within(self, span: Span, upto: int) -> list[int]:
        """As ``soonest``, of those who have a bookable slot in a span of time, by the first of these."""
        found: dict[int, None] = {}
        after, stride, seen = (span.first, 0), LEAST_STRIDE + 2 * upto, 0
        while len(found) < upto:
            rows = self._walk(after, span.last, stride)
            found |= {expert_id: None for expert_id, _starts_at, allowed in rows if allowed}
            if len(rows) < stride:
                break
            expert_id, starts_at, _allowed = rows[-1]
            after, seen = (starts_at, expert_id), seen + stride
            # Half as much again as it takes if the others are as frequent, and not too many when there was hardly one.
            more = min(LEAST_STRIDE + 3 * (upto - len(found)) * seen // max(2 * len(found), 1), 8 * seen)
            stride = 1 << more.bit_length()  # one of a few numbers, as each has SQL of its own
        return list(found)[:upto]

    def by_name(self, upto: int) -> list[int]:
        """Return the ids of the first ``upto`` by name."""
        return list(_by_name(self.experts)[:upto])

    def by_name_within(self, span: Span, upto: int) -> list[int]:
        """As ``by_name``, of those who have a bookable slot in a span of time."""
        rows = self._walk((span.first, 0), span.last, SPARSE)
        if len(rows) < SPARSE:
            found = {expert_id for expert_id, _starts_at, allowed in rows if allowed}
            return list(_by_name(Expert.objects.filter(pk__any_of=list(found)))[:upto])
        free = Slot.objects.bookable_of_outer().filter(starts_at__gte=span.first, starts_at__lt=span.last)
        return list(_by_name(self.experts.filter(Exists(free)))[:upto])

    def _walk(self, after: tuple[datetime, int], last: datetime, limit: int) -> list[tuple[int, datetime, bool]]:
        """The next slots of these experts after one, given by start and expert: expert, start, can it be booked."""
        first, expert_id = after
        if self.is_all:
            return _walk_all(limit)(first, expert_id, last)
        if self.ids is None:
            slots = Slot.objects.all()
            return list(_slots_after(slots, self.experts, self.organization_id, first, expert_id, last)[:limit])
        if self.organization_id is None:
            return _walk_named(limit)(self.ids, first, expert_id, last)
        return _walk_named_of(limit)(self.ids, self.organization_id, first, expert_id, last)


def _slots_after(
    slots: SlotQuerySet,
    wanted: ExpertQuerySet,
    organization_id: int | None,
    first: datetime,
    expert_id: int,
    last: datetime,
) -> QuerySet[Any]:
    organizations, experts = Organization.objects.all(), Expert.objects.all()
    if organization_id is not None:
        organizations, experts = organizations.filter(pk=organization_id), experts.filter(organization=organization_id)
    # From the first slot on that is late enough for anybody.
    least_notice = Least(
        Subquery(organizations.order_by("min_notice").values("min_notice")[:1]),
        Subquery(experts.exclude(min_notice=None).order_by("min_notice").values("min_notice")[:1]),
    )
    within = slots.filter(starts_at__gt=Now() + least_notice, starts_at__gte=first, starts_at__lt=last)
    following = within.filter(Q(starts_at__gt=first) | Q(expert__id__gt=expert_id))
    return following.maybe_bookable_of(wanted).values_list("expert_id", "starts_at", "allowed")


# Put together once for each ``limit``, of which there are as many as pages.
@lru_cache(maxsize=500)
def _walk_all(limit: int) -> PreparedValues[[datetime, int, datetime], Any]:
    def slots(first: datetime, expert_id: int, last: datetime) -> QuerySet[Any]:
        return _slots_after(Slot.objects.all(), Expert.objects.all(), None, first, expert_id, last)[:limit]

    return PreparedValues(slots)


@lru_cache(maxsize=500)
def _walk_named(limit: int) -> PreparedValues[[list[int], datetime, int, datetime], Any]:
    def slots(ids: list[int], first: datetime, expert_id: int, last: datetime) -> QuerySet[Any]:
        named = Slot.objects.filter(expert__id__any_of=ids)
        return _slots_after(named, Expert.objects.all(), None, first, expert_id, last)[:limit]

    return PreparedValues(slots)


@lru_cache(maxsize=500)
def _walk_named_of(limit: int) -> PreparedValues[[list[int], int, datetime, int, datetime], Any]:
    def slots(ids: list[int], organization_id: int, first: datetime, expert_id: int, last: datetime) -> QuerySet[Any]:
        named = Slot.objects.filter(expert__id__any_of=ids)
        return _slots_after(named, Expert.objects.all(), organization_id, first, expert_id, last)[:limit]

    return PreparedValues(slots)


def _by_name(experts: QuerySet[Expert]) -> QuerySet[Expert, int]:
    return experts.order_by("name", "pk").values_list("pk", flat=True)
