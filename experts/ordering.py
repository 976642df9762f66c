"""Put experts in order and take the first of them, at a cost that does not grow with how many there are.

Who is free soonest is read along an index of open slots by their start (``slot_open_by_start_day_time``), up to the
last expert that is wanted. A few experts are asked one by one instead, as the slots of others would be passed over.
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
    BooleanField,
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
    TimeField,
    Value,
)
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce, Least, Now
from django.db.models.lookups import GreaterThanOrEqual, In, LessThanOrEqual
from django.utils import timezone

from experts.clocks import MOST_AHEAD, MOST_BEHIND, DayThere, leading_zone
from experts.models import Expert, Organization, Slot
from experts.models.expert import ExpertQuerySet, Venue
from experts.models.slot_queryset import SlotQuerySet
from experts.prepared import PreparedValues, prepared_cursor
from experts.selectors import with_next_slot

MOST_LISTED = 1000  # experts that a list leads to; to find others one has to search or filter
# Of those who are free on a day or at an hour, who are found by reading slots: 22 pages.
MOST_LISTED_THEN = 198
MOST_NAMED = 10_000  # experts who are named in a statement
MOST_NAMED_OF_HOUSE = 30_000  # if they are all of an organisation, whose keys are read in an index
FEW = 100  # experts who are asked one by one
SPARSE = 256  # slots in a span: if there are no more, all are read
# By name: if of so many fewer are free then, it would take all to find a page.
SAMPLE, LEAST_OF_SAMPLE = 100, 5
LEAST_STRIDE = 32  # slots that are read at once
STRIDE_BY_NAME = 50  # experts who are asked at once; SAMPLE is a multiple


_A_DAY = timedelta(days=1)
_PART = timedelta(hours=1)  # of a stretch in which only places elsewhere are meant

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
        is_then = self.is_at_place
        if self.zone:
            is_then |= Q(In(_HourThere("starts_at", Value(self.zone.key)), self.hours))
        return slots.filter(is_then)

    @property
    def is_at_place(self) -> Q:
        """The condition that the clock of the place shows such an hour, of which a slot itself knows."""
        at_place = Func("time", template="EXTRACT(hour FROM %(expressions)s)::int", output_field=IntegerField())
        return Q(In(at_place, self.hours))

    @property
    def widest(self) -> "Stretch":
        """All instants at which such a slot may start, wherever it is."""
        since, until = self.first, self.last
        if self.now:
            since += (self.now - MOST_BEHIND).astimezone(UTC).date() - self._today
            until += (self.now + MOST_AHEAD).astimezone(UTC).date() - self._today
        return Stretch(_midnight(since, UTC) - MOST_AHEAD, _midnight(until + _A_DAY, UTC) + MOST_BEHIND)

    def stretches(self, now: datetime, zones: Iterable[str]) -> list["Stretch"]:
        """All instants from ``now`` on, in pieces that follow each other.

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
        if self.hours:
            return pieces
        return [part for it in pieces for part in (self._cut(it, others) if it.is_elsewhere else [it])]

    def _cut(self, piece: "Stretch", others: dict[str, list[tuple[datetime, datetime]]]) -> Iterator["Stretch"]:
        """Cut a piece so short that the clocks of the places that are meant tell them from places in other zones."""
        zones = {ZoneInfo(zone): found for zone, found in others.items()}
        first = piece.first
        while first < piece.last:
            last = min(first + _PART, piece.last)
            within = [
                (max(first, start).astimezone(zone), min(last, end).astimezone(zone))
                for zone, found in zones.items()
                for start, end in found
                if start < last and end > first
            ]
            # Not where a day ends within it, or a clock is turned back.
            is_one = all(
                start.utcoffset() == end.utcoffset() and start.date() == (end - timedelta.resolution).date()
                for start, end in within
            )
            clock = None
            if within and is_one:
                ends = [(end - timedelta.resolution).time() for _start, end in within]
                clock = min(start.time() for start, _end in within), max(ends)
            yield replace(piece, first=first, last=last, clock=clock)
            first = last

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

    The days are those of the places, as is what ``clock`` shows there, from when until when, where that is known: an
    index passes over all others. ``is_elsewhere``: there only places are meant at which another clock leads than the
    visitor's; None: any may be.
    """

    first: datetime
    last: datetime
    is_elsewhere: bool | None = None
    since: date | None = None
    until: date | None = None
    clock: tuple[time, time] | None = None

    @property
    def days(self) -> tuple[date, date]:
        return self.since or date.min, self.until or date.max

    def clocks(self, hours: tuple[int, ...]) -> tuple[time, time]:
        """From when until when clocks of the places may show one of the hours, or any time if none are asked."""
        if self.clock:
            return self.clock
        if not (hours and self.is_elsewhere):
            return time.min, time.max
        return time(hours[0]), time(hours[-1], 59, 59, 999_999)


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
    and not all that there are. ``organization_id``: all are of that one. ``is_remote``: one goes to see none of them.
    """

    experts: ExpertQuerySet
    count: int
    ids: list[int] | None = None
    is_all: bool = False
    organization_id: int | None = None
    is_remote: bool = False

    def soonest(self, upto: int) -> list[int]:
        """Return the ids of the first ``upto``, by the start of their first bookable slot, then by id.

        Those who have none come last. One query, two where fewer have one.
        """
        if self.count <= max(FEW, 2 * upto):
            asked = with_next_slot(self.experts).order_by(F("next_slot_at").asc(nulls_last=True), "pk")
            return list(asked.values_list("pk", flat=True)[:upto])
        found = self._soonest(_stride(upto), upto)[:upto]
        if len(found) < upto:
            others = self.experts.exclude(pk__any_of=found).order_by("pk")
            found += others.values_list("pk", flat=True)[: upto - len(found)]
        return found

    def _soonest(self, stride: int, upto: int) -> list[int]:
        if not self.is_all and self.ids is None:
            slots = _slots_after(Slot.objects.all(), self.experts, self.organization_id)
            return _found(_walked(_SOONEST, slots, stride, upto))
        if self.ids is None:
            part = _all_soonest(stride).part()
        elif self.organization_id is None:
            part = _named_soonest(stride).part(self.ids)
        else:
            part = _named_soonest_of(stride).part(self.ids, self.organization_id)
        return _found(_walked_again(_SOONEST, part, stride, upto))

    def soonest_within(self, times: Times, upto: int) -> list[int]:
        """As ``soonest``, of those who have a bookable slot at such times, by the first of these. Two queries."""
        # At places their clocks lead; without the visitor's zone everywhere.
        places = _places(with_others=bool(times.hours and times.zone))
        zones = {zone for venue, zone in places.zones if venue == Venue.IN_PERSON or times.zone is None}
        if self.is_remote and times.zone:
            zones = set()
        stretches = times.stretches(timezone.now(), zones - {times.here.key})
        if not stretches:
            return []
        slots, experts = Slot.objects.all(), self.experts
        if self.ids is not None:
            slots, experts = slots.filter(expert__id__any_of=self.ids), Expert.objects.all()
        # The days and times of the places an index knows, and passes over all others.
        slots = slots.filter(starts_at__lt=_of("stretch.last", DateTimeField()))
        slots = slots.filter(date__gte=_of("stretch.since", DateField()), date__lte=_of("stretch.until", DateField()))
        first, last = _of("stretch.earliest", TimeField()), _of("stretch.latest", TimeField())
        slots = slots.filter(time__gte=first, time__lte=last)
        if times.hours and places.others_are_few:
            slots = slots.filter(times.is_at_place | Q(expert__in=_others()))
        following = _slots_after(slots, experts.filter(times.allow(OuterRef, F)), self.organization_id)
        given = zip(*((it.first, it.last, *it.days, *it.clocks(times.hours)) for it in stretches), strict=True)
        return _found(_walked(_SOONEST_WITHIN, following, _stride(upto), upto, *map(list, given)))[:upto]

    def by_name(self, upto: int) -> list[int]:
        """Return the ids of the first ``upto`` by name."""
        return list(_by_name(self.experts)[:upto])

    def by_name_within(self, times: Times, upto: int) -> list[int]:
        """As ``by_name``, of those who have a bookable slot at such times: at most MOST_LISTED_THEN + 1.

        Where hardly anyone has one, of very many experts, those are meant who have one soonest. One query, three more
        where hardly anyone has one.
        """
        least = LEAST_OF_SAMPLE if self.count > FEW else 0
        found, number = self._by_name_within(times, upto, least)
        if number != SAMPLE or len(found) >= min(least, upto):
            return found[:upto]
        # Of the first by name hardly anyone is free then.
        if self.count > MOST_LISTED:
            soonest = self.soonest_within(times, MOST_LISTED_THEN + 1)  # the same on each page
            return list(_by_name(Expert.objects.filter(pk__any_of=soonest))[:upto])
        # Perhaps there are few slots at all: then all are read.
        widest = times.widest
        within = Slot.objects.filter(starts_at__gte=widest.first, starts_at__lt=widest.last)
        rows = self._first_slots(within, times)
        if len(rows) < SPARSE:
            ids = {expert_id for expert_id, _starts_at, allowed in rows if allowed}
            return list(_by_name(Expert.objects.filter(pk__any_of=list(ids)))[:upto])
        found, _number = self._by_name_within(times, upto, 0)
        return found[:upto]

    def _by_name_within(self, times: Times, upto: int, least: int) -> tuple[list[int], int]:
        """Who is free then among the first by name, and how many were asked."""
        following, ids = self.experts.filter(_Follows("name", "pk")), None
        if self.ids is not None and self.count <= MOST_LISTED:
            # Some hundred by their ids: else they would be put in order for each slice.
            part = f"asked.ids[walk.number + 1 : walk.number + {STRIDE_BY_NAME}]"
            following, ids = self.experts.filter(pk__any_of=RawSQL(part, ())), self.ids
        rows = _with_freedom(following, times)
        found, number = _walked(_BY_NAME, rows, STRIDE_BY_NAME, upto, SAMPLE, least, ids)
        return found, number

    def _first_slots(self, slots: SlotQuerySet, times: Times) -> list[tuple[int, datetime, bool]]:
        """The first SPARSE slots of these experts at such times: expert, start, can it be booked."""
        experts = self.experts
        if self.ids is not None:
            slots, experts = slots.filter(expert__id__any_of=self.ids), Expert.objects.all()
        experts = experts.filter(times.allow(OuterRef, F))
        return list(_bookable_after_notice(times.narrow(slots), experts, self.organization_id)[:SPARSE])


def _stride(upto: int) -> int:
    """How many slots to read at once until so many experts are found. One of few numbers: each has its SQL."""
    return LEAST_STRIDE if upto <= LEAST_STRIDE else 2 * LEAST_STRIDE


class _Follows(Func):
    """A row that follows the one that ``walk`` has got to: as a comparison of rows, which an index knows."""

    template = "((%(expressions)s) > (walk.%(column)s, walk.expert_id))"
    output_field = BooleanField()

    def __init__(self, column: str, expert_id: str) -> None:
        super().__init__(column, expert_id, column=column)


def _of(column: str, field: Any) -> RawSQL:
    """A column of the SQL that this becomes a part of."""
    return RawSQL(column, (), field)


def _slots_after(slots: SlotQuerySet, wanted: ExpertQuerySet, organization_id: int | None) -> QuerySet[Any]:
    """Slots that follow the one that ``walk`` has got to: expert, start, is it bookable and of those wanted."""
    return _bookable_after_notice(slots.filter(_Follows("starts_at", "expert_id")), wanted, organization_id)


def _bookable_after_notice(slots: SlotQuerySet, wanted: ExpertQuerySet, organization_id: int | None) -> QuerySet[Any]:
    organizations, experts = Organization.objects.all(), Expert.objects.all()
    if organization_id is not None:
        organizations, experts = organizations.filter(pk=organization_id), experts.filter(organization=organization_id)
    # From the first slot on that is late enough for anybody.
    least_notice = Least(
        Subquery(organizations.order_by("min_notice").values("min_notice")[:1]),
        Subquery(experts.exclude(min_notice=None).order_by("min_notice").values("min_notice")[:1]),
    )
    within = slots.filter(starts_at__gt=Now() + least_notice)
    return within.maybe_bookable_of(wanted).values_list("expert_id", "starts_at", "allowed")


# Put together once for each ``stride``.
@lru_cache
def _all_soonest(stride: int) -> PreparedValues[[], Any]:
    return PreparedValues(lambda: _slots_after(Slot.objects.all(), Expert.objects.all(), None)[:stride])


@lru_cache
def _named_soonest(stride: int) -> PreparedValues[[list[int]], Any]:
    def slots(ids: list[int]) -> QuerySet[Any]:
        return _slots_after(Slot.objects.filter(expert__id__any_of=ids), Expert.objects.all(), None)[:stride]

    return PreparedValues(slots)


@lru_cache
def _named_soonest_of(stride: int) -> PreparedValues[[list[int], int], Any]:
    def slots(ids: list[int], organization_id: int) -> QuerySet[Any]:
        named = Slot.objects.filter(expert__id__any_of=ids)
        return _slots_after(named, Expert.objects.all(), organization_id)[:stride]

    return PreparedValues(slots)


# The walks: slices of rows are read one after the other until enough experts are found, by one statement. ``{slice}``
# is the SQL of the next ``{stride}`` rows after the one that ``walk`` has got to; experts whom it has found come once.
_FOUND_IN_SLICE = """
        SELECT max(last_at) AS starts_at,
               (array_agg(expert_id ORDER BY last_at DESC, expert_id DESC))[1] AS expert_id,
               walk.found || array_agg(expert_id ORDER BY first_at, expert_id)
                             FILTER (WHERE first_at IS NOT NULL AND expert_id <> ALL (walk.found)) AS found,
               coalesce(sum(number), 0) = {stride} AS is_full
        FROM (
            SELECT expert_id, min(starts_at) FILTER (WHERE allowed), max(starts_at), count(*)
            FROM ({slice}) AS slots (expert_id, starts_at, allowed)
            GROUP BY expert_id
        ) AS experts (expert_id, first_at, last_at, number)
"""
_SOONEST = f"""
    WITH RECURSIVE asked AS (SELECT %s::int AS upto),
    walk (starts_at, expert_id, found, goes_on) AS (
        SELECT statement_timestamp(), 0::bigint, '{{}}'::bigint[], true
        UNION ALL
        SELECT slice.starts_at, slice.expert_id, slice.found, slice.is_full AND cardinality(slice.found) < asked.upto
        FROM walk CROSS JOIN asked CROSS JOIN LATERAL ({_FOUND_IN_SLICE}) AS slice
        WHERE walk.goes_on
    )
    SELECT found FROM walk WHERE NOT goes_on
"""
# Stretch by stretch.
_SOONEST_WITHIN = f"""
    WITH RECURSIVE asked AS (SELECT %s::int AS upto),
    stretches AS MATERIALIZED (
        SELECT * FROM unnest(%s::timestamptz[], %s::timestamptz[], %s::date[], %s::date[], %s::time[], %s::time[])
                      WITH ORDINALITY AS stretch (first, last, since, until, earliest, latest, n)
    ),
    walk (n, starts_at, expert_id, found, goes_on) AS (
        SELECT 1::bigint, greatest(first, statement_timestamp()), 0::bigint, '{{}}'::bigint[], true
        FROM stretches WHERE n = 1
        UNION ALL
        SELECT CASE WHEN slice.is_full THEN walk.n ELSE following.n END,
               CASE WHEN slice.is_full THEN slice.starts_at ELSE following.first END,
               CASE WHEN slice.is_full THEN slice.expert_id ELSE 0 END,
               slice.found,
               (slice.is_full OR following.n IS NOT NULL) AND cardinality(slice.found) < asked.upto
        FROM walk CROSS JOIN asked JOIN stretches AS stretch ON stretch.n = walk.n
             LEFT JOIN stretches AS following ON following.n = walk.n + 1
             CROSS JOIN LATERAL ({_FOUND_IN_SLICE}) AS slice
        WHERE walk.goes_on
    )
    SELECT found FROM walk WHERE NOT goes_on
"""
# ``sample``: if of so many fewer than ``least`` are free then, the walk ends there.
_BY_NAME = """
    WITH RECURSIVE asked AS MATERIALIZED (
        SELECT %s::int AS upto, %s::int AS sample, %s::int AS least,
               ARRAY(SELECT id FROM experts_expert WHERE id = ANY (%s::bigint[]) ORDER BY name, id) AS ids
    ),
    walk (name, expert_id, found, number, goes_on) AS (
        SELECT ''::text, 0::bigint, '{}'::bigint[], 0::bigint, true
        UNION ALL
        SELECT slice.name, slice.expert_id, slice.found, walk.number + slice.number,
               slice.number = {stride} AND cardinality(slice.found) < asked.upto
               AND NOT (walk.number + slice.number = asked.sample AND cardinality(slice.found) < asked.least)
        FROM walk CROSS JOIN asked CROSS JOIN LATERAL (
            SELECT max(name)::text AS name,
                   (array_agg(expert_id ORDER BY name DESC, expert_id DESC))[1] AS expert_id,
                   walk.found || array_agg(expert_id ORDER BY name, expert_id) FILTER (WHERE is_free) AS found,
                   count(*) AS number
            FROM ({slice}) AS experts (expert_id, name, is_free)
        ) AS slice
        WHERE walk.goes_on
    )
    SELECT found, number FROM walk WHERE NOT goes_on
"""


def _walked(template: str, rows: QuerySet[Any], stride: int, *values: Any) -> Any:
    """Walk along rows that are asked for this once. Returns the row that the walk ends with."""
    sql, parameters = rows[:stride].query.sql_with_params()
    with connections[rows.db].cursor() as cursor:
        cursor.execute(_with_slice(template, sql, stride), [*values, *parameters])
        return cursor.fetchone()


def _walked_again(template: str, part: tuple[str, tuple[Any, ...], str], stride: int, *values: Any) -> Any:
    """As ``_walked``, along rows of which the SQL is always the same (``PreparedValues.part``)."""
    sql, parameters, using = part
    with prepared_cursor(using) as cursor:
        cursor.execute(_with_slice(template, sql, stride), [*values, *parameters])
        return cursor.fetchone()


def _found(row: tuple[list[int]]) -> list[int]:
    [found] = row
    return found


def _with_slice(template: str, sql: str, stride: int) -> str:
    return template.replace("{stride}", str(stride)).replace("{slice}", sql)


# Along ``expert_by_place``, one row of the index for each that there is; and how many there are of the others, if that
# is asked.
_PLACES = f"""
    WITH RECURSIVE found (venue, timezone) AS (
        (SELECT venue, timezone FROM experts_expert WHERE is_active ORDER BY venue, timezone LIMIT 1)
        UNION ALL
        SELECT following.* FROM found CROSS JOIN LATERAL (
            SELECT venue, timezone FROM experts_expert
            WHERE is_active AND (experts_expert.venue, experts_expert.timezone) > (found.venue, found.timezone)
            ORDER BY venue, timezone LIMIT 1
        ) AS following
    )
    SELECT array_agg(venue), array_agg(timezone), CASE WHEN %s THEN (
        SELECT count(*)
        FROM (SELECT FROM experts_expert WHERE is_active AND venue = ANY(%s) LIMIT {MOST_NAMED + 1}) AS others
    ) END
    FROM found
"""
_OTHER_VENUES = [venue.value for venue in Venue if venue != Venue.IN_PERSON]


@dataclass(frozen=True)
class _Places:
    """How one sees active experts, and in which zones they are: pairs of a venue and a zone's name.

    ``others_are_few``: there are at most MOST_NAMED whom one does not go to see; False where that was not asked.
    """

    zones: list[tuple[str, str]]
    others_are_few: bool


def _places(*, with_others: bool) -> _Places:
    with connections[Expert.objects.db].cursor() as cursor:
        cursor.execute(_PLACES, [with_others, _OTHER_VENUES])
        venues, zones, others = cursor.fetchone()
    return _Places(list(zip(venues or (), zones or (), strict=True)), others is not None and others <= MOST_NAMED)


def _others() -> QuerySet[Expert, int]:
    """Active experts whom one does not go to see: the visitor's clock leads.

    PostgreSQL reads their ids once, by an index. Others are then passed over without a look at each.
    """
    return Expert.objects.filter(is_active=True, venue__in=_OTHER_VENUES).order_by().values_list("pk", flat=True)


def _with_freedom(experts: QuerySet[Expert], times: Times) -> QuerySet[Any]:
    """Each by name: id, name, whether there is a bookable slot at such times."""
    widest = times.widest
    slots = Slot.objects.bookable_of_outer().filter(starts_at__gte=widest.first, starts_at__lt=widest.last)
    found = slots.filter(times.allow(F, OuterRef)).order_by().values(yes=Value(True))
    is_free = Coalesce(Subquery(found[:1]), False)
    return experts.order_by("name", "pk").annotate(is_free=is_free).values_list("pk", "name", "is_free")


def _by_name(experts: QuerySet[Expert]) -> QuerySet[Expert, int]:
    return experts.order_by("name", "pk").values_list("pk", flat=True)
