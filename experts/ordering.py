"""Put experts in order and take the first of them, at a cost that does not grow with how many there are.

Who is free soonest is read along an index of open slots by their start (``slot_open_by_start_and_day``), up to the last
expert that is wanted. A few experts are asked one by one instead, as the slots of others would have to be passed over.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import F, Func, IntegerField, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Least, Now
from django.db.models.lookups import GreaterThanOrEqual, In, LessThanOrEqual
from django.utils import timezone

from experts.clocks import DayThere, leading_zone
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


_A_DAY = timedelta(days=1)
# How far the clocks of places are ahead of UTC, and behind it.
_MOST_AHEAD, _MOST_BEHIND = timedelta(hours=14), timedelta(hours=12)

Ref = Callable[[str], Any]  # makes of a field's name what stands for it in a query


@dataclass(frozen=True)
class Times:
    """When a slot has to start: on a day from ``first`` to ``last``, if they are given, at one of ``hours``, if any.

    On the clock that leads (experts/clocks.py) for a visitor in a ``zone``, None where it is not known.
    """

    first: date | None
    last: date | None
    hours: tuple[int, ...]
    zone: ZoneInfo | None

    def allow(self, slot: Ref, expert: Ref) -> Q:
        """The condition, of fields of a slot and of its expert."""
        leading = leading_zone(self.zone.key if self.zone else "", expert)
        found = Q()
        if self.first and self.last:
            day = DayThere(slot("starts_at"), leading)
            found &= Q(GreaterThanOrEqual(day, self.first)) & Q(LessThanOrEqual(day, self.last))
        if self.hours:
            found &= Q(In(_HourThere(slot("starts_at"), leading), self.hours))
        return found

    def has(self, instant: datetime, leading: ZoneInfo) -> bool:
        """As ``allow``, of an instant by the clock that leads."""
        there = instant.astimezone(leading)
        is_on = not (self.first and self.last) or self.first <= there.date() <= self.last
        return is_on and (not self.hours or there.hour in self.hours)

    def narrow(self, slots: SlotQuerySet) -> SlotQuerySet:
        """Leave out slots at hours that are not asked for on either clock, before anything is read of their experts."""
        if not self.hours:
            return slots
        at_place = Func("time", template="EXTRACT(hour FROM %(expressions)s)::int", output_field=IntegerField())
        is_then = Q(In(at_place, self.hours))
        if self.zone:
            is_then |= Q(In(_HourThere("starts_at", Value(self.zone.key)), self.hours))
        return slots.filter(is_then)

    @property
    def widest(self) -> "Stretch":
        """All instants at which such a slot may start, wherever it is."""
        if self.first is None or self.last is None:
            return EVER
        start, end = _midnight(self.first, UTC), _midnight(self.last + _A_DAY, UTC)
        return Stretch(start - _MOST_AHEAD, end + _MOST_BEHIND)

    def stretches(self, now: datetime) -> Iterator["Stretch"]:
        """``widest`` in pieces that follow each other: around the visitor's days only other places have those days."""
        widest = self.widest
        if self.first is None or self.last is None:
            yield widest
            return
        if self.zone is None:
            yield replace(widest, since=self.first, until=self.last)
            return
        start, end = _midnight(self.first, self.zone), _midnight(self.last + _A_DAY, self.zone)
        pieces = [
            Stretch(widest.first, start, self.first, self.last),
            Stretch(start, end),
            Stretch(end, widest.last, self.first, self.last),
        ]
        yield from (piece for piece in pieces if now < piece.last)


@dataclass(frozen=True)
class Stretch:
    """From ``first`` until before ``last``; of slots of the days from ``since`` to ``until``, if they are given.

    The days are those of the places: an index passes over all others.
    """

    first: datetime
    last: datetime
    since: date | None = None
    until: date | None = None


EVER = Stretch(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


def _midnight(day: date, zone: Any) -> datetime:
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


class _HourThere(Func):
    """The hour in which an instant falls, as ``DayThere``."""

    template = "EXTRACT(hour FROM %(expressions)s)::int"
    arg_joiner = " AT TIME ZONE "
    output_field = IntegerField()


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
        found = self._soonest_in(EVER, None, upto)
        if len(found) < upto:
            others = self.experts.exclude(pk__any_of=found).order_by("pk")
            found += others.values_list("pk", flat=True)[: upto - len(found)]
        return found

    def soonest_within(self, times: Times, upto: int) -> list[int]:
        """As ``soonest``, of those who have a bookable slot at such times, by the first of these."""
        found: dict[int, None] = {}
        for stretch in times.stretches(timezone.now()):
            found |= dict.fromkeys(self._soonest_in(stretch, times, upto))
            if len(found) >= upto:
                break
        return list(found)[:upto]

    def _soonest_in(self, stretch: Stretch, times: Times | None, upto: int) -> list[int]:
        found: dict[int, None] = {}
        after, stride, seen = (stretch.first, 0), LEAST_STRIDE + 2 * upto, 0
        while len(found) < upto:
            rows = self._walk(stretch, times, after, stride)
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

    def by_name_within(self, times: Times, upto: int) -> list[int]:
        """As ``by_name``, of those who have a bookable slot at such times."""
        widest = times.widest
        rows = self._walk(widest, times, (widest.first, 0), SPARSE)
        if len(rows) < SPARSE:
            ids = {expert_id for expert_id, _starts_at, allowed in rows if allowed}
            return list(_by_name(Expert.objects.filter(pk__any_of=list(ids)))[:upto])
        found: list[int] = []
        stride, after = LEAST_STRIDE + 2 * upto, Q()
        while len(found) < upto:
            asked = _with_freedom(self.experts.filter(after), times)[:stride]
            found += [pk for pk, _name, is_free in asked if is_free]
            if len(asked) < stride:
                break
            pk, name, _is_free = asked[len(asked) - 1]
            after, stride = Q(name__gte=name) & (Q(name__gt=name) | Q(pk__gt=pk)), 2 * stride
        return found[:upto]

    def _walk(
        self, stretch: Stretch, times: Times | None, after: tuple[datetime, int], limit: int
    ) -> list[tuple[int, datetime, bool]]:
        """The next slots of these experts after one, given by start and expert: expert, start, can it be booked."""
        first, expert_id = after
        if times is None and self.is_all:
            return _walk_all(limit)(first, expert_id, stretch.last)
        if times is None and self.ids is not None:
            if self.organization_id is None:
                return _walk_named(limit)(self.ids, first, expert_id, stretch.last)
            return _walk_named_of(limit)(self.ids, self.organization_id, first, expert_id, stretch.last)
        slots, experts = Slot.objects.all(), self.experts
        if self.ids is not None:
            slots, experts = slots.filter(expert__id__any_of=self.ids), Expert.objects.all()
        if stretch.since and stretch.until:
            slots = slots.filter(date__range=(stretch.since, stretch.until))
        if times is not None:
            slots, experts = times.narrow(slots), experts.filter(times.allow(OuterRef, F))
        # Where the experts are many, and no slot is passed over, the end is not told: PostgreSQL does not know how many
        # slots are left of an evening, and would put all of them in order.
        is_dense = self.ids is None and not stretch.since and not (times and times.hours)
        last = EVER.last if is_dense else stretch.last
        rows = list(_slots_after(slots, experts, self.organization_id, first, expert_id, last)[:limit])
        return [row for row in rows if row[1] < stretch.last]


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


def _with_freedom(experts: QuerySet[Expert], times: Times) -> QuerySet[Any]:
    """Each by name: id, name, whether there is a bookable slot at such times.

    To be read in slices, as ``maybe_bookable_of``.
    """
    widest = times.widest
    slots = Slot.objects.bookable_of_outer().filter(starts_at__gte=widest.first, starts_at__lt=widest.last)
    found = slots.filter(times.allow(F, OuterRef)).order_by().values(yes=Value(True))
    is_free = Coalesce(Subquery(found[:1]), False)
    return experts.order_by("name", "pk").annotate(is_free=is_free).values_list("pk", "name", "is_free")


def _by_name(experts: QuerySet[Expert]) -> QuerySet[Expert, int]:
    return experts.order_by("name", "pk").values_list("pk", flat=True)
