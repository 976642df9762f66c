"""Put experts in order and take the first of them, at a cost that does not grow with how many there are.

Who is free soonest is read along an index of open slots by their start (``slot_open_by_start_and_day``), up to the last
expert that is wanted. A few experts are asked one by one instead, as the slots of others would have to be passed over.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connections
from django.db.models import (
    Case,
    DateField,
    DateTimeField,
    ExpressionWrapper,
    F,
    Func,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Coalesce, Least, Now
from django.db.models.lookups import GreaterThanOrEqual, In, LessThanOrEqual
from django.utils import timezone

from experts.clocks import DayThere, leading_zone
from experts.models import Expert, Organization, Slot
from experts.models.expert import ExpertQuerySet, Venue
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
    """When a slot has to start: on a day from ``first`` to ``last``, at one of ``hours``, if any are given.

    On the clock that leads (experts/clocks.py) for a visitor in a ``zone``, None where it is not known. Days that are
    counted from today, at the instant ``now``, are counted from what is today on each clock; ``first`` and ``last`` are
    those of the visitor's. Without ``now`` they are these dates on every clock.
    """

    first: date
    last: date
    hours: tuple[int, ...]
    zone: ZoneInfo | None
    now: datetime | None = None

    def allow(self, slot: Ref, expert: Ref) -> Q:
        """The condition, of fields of a slot and of its expert."""
        leading = leading_zone(self.zone.key if self.zone else "", expert)
        day, first, last = (
            DayThere(slot("starts_at"), leading),
            self._said(self.first, leading),
            self._said(self.last, leading),
        )
        found = Q(GreaterThanOrEqual(day, first)) & Q(LessThanOrEqual(day, last))
        if self.hours:
            found &= Q(In(_HourThere(slot("starts_at"), leading), self.hours))
        return found

    def has(self, instant: datetime, leading: ZoneInfo) -> bool:
        """As ``allow``, of an instant by the clock that leads."""
        there = instant.astimezone(leading)
        later = self._later_in(leading)
        return self.first + later <= there.date() <= self.last + later and (not self.hours or there.hour in self.hours)

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
        since, until = self.first, self.last
        if self.now:
            since += (self.now - _MOST_BEHIND).astimezone(UTC).date() - self._today
            until += (self.now + _MOST_AHEAD).astimezone(UTC).date() - self._today
        return Stretch(_midnight(since, UTC) - _MOST_AHEAD, _midnight(until + _A_DAY, UTC) + _MOST_BEHIND)

    def stretches(self, now: datetime, zones: Iterable[str]) -> tuple[list["Stretch"], set[str]]:
        """All instants from ``now`` on, in pieces that follow each other, and the ``zones`` with instants of their own.

        When it is then for the visitor, and in between where it is only in one of the zones, of places elsewhere.
        """
        here = list(self._instants_in(self.here))
        others = {zone: found for zone in zones if (found := list(self._instants_in(ZoneInfo(zone)))) != here}
        turns = [(at, True, by) for start, end in here for at, by in ((start, 1), (end, -1))]
        for found in others.values():
            turns += [(at, False, by) for start, end in found for at, by in ((start, 1), (end, -1))]
        pieces: list[Stretch] = []
        open_here = open_elsewhere = 0
        for (at, is_here, by), (until, _is_here, _by) in pairwise(sorted(turns)):
            open_here, open_elsewhere = open_here + by * is_here, open_elsewhere + by * (not is_here)
            if at == until or until <= now or not (open_here or open_elsewhere):
                continue
            if pieces and pieces[-1].last == at and pieces[-1].is_elsewhere == (not open_here):
                pieces[-1] = replace(pieces[-1], last=until)
            else:
                pieces.append(Stretch(at, until, is_elsewhere=not open_here))
        later = [self._later_in(ZoneInfo(zone)) for zone in others]
        if later:
            since, until_day = self.first + min(later), self.last + max(later)
            pieces = [replace(it, since=since, until=until_day) if it.is_elsewhere else it for it in pieces]
        return pieces, set(others)

    @property
    def here(self) -> ZoneInfo:
        """The visitor's zone; that of the site, where it is not known."""
        return self.zone or ZoneInfo(timezone.get_default_timezone_name())

    @property
    def _today(self) -> date:
        assert self.now is not None, "for days that are counted from today"
        return self.now.astimezone(self.here).date()

    def _later_in(self, zone: ZoneInfo) -> timedelta:
        """How much later the days are in a zone: a day where it is tomorrow already."""
        return self.now.astimezone(zone).date() - self._today if self.now else timedelta(0)

    def _said(self, day: date, leading: Case) -> Any:
        """Say a day in a query, on the clock that leads."""
        if self.now is None:
            return Value(day)
        today = DayThere(Value(self.now, DateTimeField()), leading)
        return ExpressionWrapper(today + Value((day - self._today).days, IntegerField()), output_field=DateField())

    def _instants_in(self, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
        """When it is such a day and hour in a zone: from when until when."""
        later, start, end = self._later_in(zone), None, None
        for n in range((self.last - self.first).days + 1):
            day = self.first + later + n * _A_DAY
            for hour in self.hours or (0,):
                begins = _hour(day, hour, zone)
                if end != begins:
                    if start and end:
                        yield start, end
                    start = begins
                end = _hour(day, hour + 1 if self.hours else 24, zone)
        if start and end:
            yield start, end


@dataclass(frozen=True)
class Stretch:
    """From ``first`` until before ``last``; of slots of the days from ``since`` to ``until``, if they are given.

    The days are those of the places: an index passes over all others. ``is_elsewhere``: there only places are meant
    at which another clock leads than the visitor's; None: any may be.
    """

    first: datetime
    last: datetime
    is_elsewhere: bool | None = None
    since: date | None = None
    until: date | None = None


EVER = Stretch(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


def _hour(day: date, hour: int, zone: ZoneInfo) -> datetime:
    """When an hour of a day begins, in UTC; the 25th is the first of the next day."""
    day, hour = (day, hour) if hour < 24 else (day + _A_DAY, 0)
    return datetime.combine(day, time(hour), tzinfo=zone).astimezone(UTC)


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
        # At places their clocks lead; without the visitor's zone everywhere.
        zones = {zone for venue, zone in _zones() if venue == Venue.IN_PERSON or times.zone is None}
        stretches, others = times.stretches(timezone.now(), zones - {times.here.key})
        found: dict[int, None] = {}
        elsewhere: Selection | None = None  # read where it is needed
        for stretch in stretches:
            among = self
            if stretch.is_elsewhere:
                elsewhere = among = elsewhere or self._in_zones(sorted(others), times)
            if among.count:
                found |= dict.fromkeys(among._soonest_in(stretch, times, upto))
            if len(found) >= upto:
                break
        return list(found)[:upto]

    def _in_zones(self, zones: list[str], times: Times) -> "Selection":
        """Those of zones of whom the times are told by the clocks there; by their ids if they are few."""
        there = self.experts.filter(timezone__in=zones)
        there = there.filter(venue=Venue.IN_PERSON) if times.zone else there
        ids = list(there.order_by().values_list("pk", flat=True)[: FEW + 1])
        if len(ids) > FEW:
            return Selection(there, MOST_LISTED + 1, organization_id=self.organization_id)
        return Selection(there, len(ids), ids=ids, organization_id=self.organization_id)

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
            # When it is then for the visitor, hardly a slot is passed over.
            slots = slots if stretch.is_elsewhere is False else times.narrow(slots)
            experts = experts.filter(times.allow(OuterRef, F))
        # Where the experts are many, and no slot is passed over, the end is not told: PostgreSQL does not know how many
        # slots are left of an evening, and would put all of them in order.
        passes_over = stretch.is_elsewhere or (times and times.hours and stretch.is_elsewhere is None)
        is_dense = self.ids is None and not passes_over
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


# Along ``expert_places``, one row of the index for each that there is.
_ZONES = """
    WITH RECURSIVE found (venue, timezone) AS (
        (SELECT venue, timezone FROM experts_expert WHERE is_active ORDER BY venue, timezone LIMIT 1)
        UNION ALL
        SELECT following.* FROM found CROSS JOIN LATERAL (
            SELECT venue, timezone FROM experts_expert
            WHERE is_active AND (experts_expert.venue, experts_expert.timezone) > (found.venue, found.timezone)
            ORDER BY venue, timezone LIMIT 1
        ) AS following
    )
    SELECT venue, timezone FROM found
"""


def _zones() -> list[tuple[str, str]]:
    """Return how one sees active experts, and in which zones they are: pairs of a venue and a zone's name."""
    with connections[Expert.objects.db].cursor() as cursor:
        cursor.execute(_ZONES)
        return list(cursor.fetchall())


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
