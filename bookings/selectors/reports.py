"""Count what became of the sessions of a period: booked, attended, missed, used and offered time, demand turned away.

All by the experts' own calendar days, and each by one aggregate of SQL: how many queries it takes depends on neither
the period nor the number of experts. What each number means in words: docs/reports.md.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, time, timedelta
from typing import Any

from django.db.models import (
    Aggregate,
    Case,
    Count,
    DurationField,
    ExpressionWrapper,
    F,
    IntegerField,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, Extract, ExtractHour, ExtractIsoWeekDay, Greatest

from bookings.models import Booking, Status, TurnedAway, WaitlistEntry
from experts.models import Expert, Slot

LONGEST = 400  # days in one report: a year can be looked at as a whole, and demand is kept no longer
MOST_HOURS = 300  # of one expert's weekdays, when those with the most demand are looked for
# What became of bookings, by the name that lists are asked with.
ATTENDED = Q(status=Status.COMPLETED) | Q(status=Status.CONFIRMED, arrived_at__isnull=False)
COUNTED = {
    "booked": Q(status__in=[Status.CONFIRMED, Status.COMPLETED, Status.NO_SHOW, Status.CANCELLED]),
    "attended": ATTENDED,
    "no_shows": Q(status=Status.NO_SHOW),
    "cancelled": Q(status=Status.CANCELLED),
}


@dataclass(frozen=True)
class Scope:
    """Whose sessions a report is about, and when: from ``first`` to ``last``, days of their own calendars.

    Those of ``experts`` (ids), or of all of an ``organization`` (an id).
    """

    experts: Collection[int]
    first: date
    last: date
    organization: int | None = None

    def bookings(self) -> QuerySet[Booking]:
        """Bookings whose session begins on one of the days; of two experts together those of the first."""
        return Booking.objects.order_by().filter(self._is_in("slot__"))

    def slots(self) -> QuerySet[Slot]:
        return Slot.objects.order_by().filter(self._is_in(""))

    def turned_away(self) -> QuerySet[TurnedAway]:
        return TurnedAway.objects.order_by().filter(self._is_of_row())

    def waitlist(self) -> QuerySet[WaitlistEntry]:
        """Whoever joined a line, whatever came of it."""
        joined = WaitlistEntry.objects.order_by().filter(is_echo=False).exclude(status=WaitlistEntry.Status.UNPROVEN)
        return joined.filter(self._is_of_row())

    def _is_of_row(self) -> Q:
        """As ``_is_in``, of what is seldom and knows its organisation: else each slot would be asked for it.

        Of bookings there are years, and most slots have some.
        """
        if self.organization is None:
            return self._is_in("slot__")
        return Q(of_organization=self.organization, slot__date__range=(self.first, self.last))

    def _is_in(self, path: str) -> Q:
        """What is true of rows of the scope; ``path`` leads to their slot."""
        if self.organization is None:
            whose = Q(**{f"{path}expert__in": list(self.experts)})
        else:
            whose = Q(**{f"{path}expert__organization": self.organization})
        return whose & Q(**{f"{path}date__range": (self.first, self.last)})


@dataclass
class Figures:
    """The numbers of a period, or of one expert, day or session type in it. Minutes are minutes of seats."""

    booked: int = 0
    attended: int = 0
    no_shows: int = 0
    cancelled: int = 0
    lead: timedelta | None = None  # the median
    offered: int = 0
    used: int = 0
    turned_away: int = 0

    @property
    def use(self) -> float | None:
        """The used part of what was offered, from 0 to 1; None where nothing was."""
        return self.used / self.offered if self.offered else None

    def part_of_booked(self, name: str) -> float | None:
        """What part of the booked is attended, missed or cancelled."""
        number: int = getattr(self, name)
        return number / self.booked if self.booked else None


@dataclass(frozen=True)
class Demand:
    """People who wanted an hour, or some that follow each other, of an expert's weekday and could not have it."""

    expert_id: int
    weekday: int  # Monday is 1
    first_hour: int
    last_hour: int
    people: int


@dataclass
class Report:
    total: Figures
    before: Figures  # the same of the period to compare with
    waitlisted: int
    rows: dict[Any, Figures]  # by the id of an expert or a type (None without one), or the day
    heat: dict[tuple[int, int], Figures]  # by weekday (Monday is 1) and hour; used and offered minutes only
    demand: list[Demand] = field(default_factory=list)


class Median(Aggregate):
    """The middle value, or what lies halfway between the two in the middle."""

    function = "percentile_cont"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = DurationField()


_LEAD = ExpressionWrapper(F("slot__starts_at") - F("created_at"), output_field=DurationField())
_OF_BOOKINGS: dict[str, Any] = {
    **{name: Count("pk", filter=condition) for name, condition in COUNTED.items()},
    # Whoever is booked in after the session has begun was not early.
    "lead": Median(Greatest(_LEAD, Value(timedelta(0), DurationField())), filter=COUNTED["booked"]),
}
_MINUTES = Cast(
    Extract(ExpressionWrapper(F("ends_at") - F("starts_at"), output_field=DurationField()), "epoch") / 60,
    IntegerField(),
)
# What is closed is not offered, but for what was booked before it was.
_SEATS = Case(When(is_closed=True, then=F("seats_booked")), default=F("capacity"), output_field=IntegerField())
_OF_SLOTS: dict[str, Any] = {
    "offered": Coalesce(Sum(_MINUTES * _SEATS), 0),
    "used": Coalesce(Sum(_MINUTES * F("seats_booked")), 0),
}
_PEOPLE = Coalesce(Sum("people"), 0)

# How the table can be divided: what the rows of bookings, slots and demand are grouped by. A slot is of no type.
GROUPS: dict[str, tuple[str, str | None, str | None]] = {
    "expert": ("slot__expert_id", "expert_id", "slot__expert_id"),
    "day": ("slot__date", "date", "slot__date"),
    "type": ("session_type_id", None, None),
}


def read_report(scope: Scope, before: Scope, by: str = "expert") -> Report:
    """Return the numbers of a period beside those of another; ``by``: "expert", "day" or "type". 10 queries."""
    rows = rows_by(scope, by)
    return Report(
        total=totals(scope, rows if GROUPS[by][1:] != (None, None) else None),
        before=totals(before),
        waitlisted=scope.waitlist().count(),
        rows=rows,
        heat=heat_of(scope),
        demand=demand_of(scope),
    )


def totals(scope: Scope, rows: Mapping[Any, Figures] | None = None) -> Figures:
    """The numbers of all together. Three queries; one with ``rows`` by expert or day, whose sums most of them are."""
    counted = scope.bookings().aggregate(**_OF_BOOKINGS)
    if rows is not None:
        summed = {name: sum(getattr(row, name) for row in rows.values()) for name in ("offered", "used", "turned_away")}
        return Figures(**counted, **summed)
    minutes = scope.slots().aggregate(**_OF_SLOTS)
    return Figures(**counted, **minutes, turned_away=scope.turned_away().aggregate(people=_PEOPLE)["people"])


def rows_by(scope: Scope, by: str) -> dict[Any, Figures]:
    """The numbers by expert, day or type: of those that have any. Three queries; by type one."""
    bookings, slots, demand = GROUPS[by]
    rows: dict[Any, Figures] = {}
    _fill(rows, scope.bookings().values(key=F(bookings)).annotate(**_OF_BOOKINGS))
    if slots is not None:
        _fill(rows, scope.slots().values(key=F(slots)).annotate(**_OF_SLOTS))
    if demand is not None:
        _fill(rows, scope.turned_away().values(key=F(demand)).annotate(turned_away=_PEOPLE))
    return rows


def _fill(rows: dict[Any, Figures], counted: Iterable[Mapping[str, Any]]) -> None:
    names = {each.name for each in fields(Figures)}
    for row in counted:
        figures = rows.setdefault(row["key"], Figures())
        for name in names & row.keys():
            setattr(figures, name, row[name])


def heat_of(scope: Scope) -> dict[tuple[int, int], Figures]:
    """Used and offered minutes by weekday and the hour in which slots begin, on the experts' clocks. One query."""
    hours: Iterable[Mapping[str, Any]] = (
        scope.slots().values(weekday=ExtractIsoWeekDay("date"), hour=ExtractHour("time")).annotate(**_OF_SLOTS)
    )
    return {
        (row["weekday"], row["hour"]): Figures(offered=row["offered"], used=row["used"])
        for row in hours
        if row["offered"]
    }


def demand_of(scope: Scope) -> list[Demand]:
    """Where most were turned away, hours that follow each other together; most first. One query."""
    hours = (
        scope.turned_away()
        .values(expert=F("slot__expert_id"), weekday=ExtractIsoWeekDay("slot__date"), hour=ExtractHour("slot__time"))
        .annotate(people_missed=_PEOPLE)
        .order_by("-people_missed", "expert", "weekday", "hour")[:MOST_HOURS]
    )
    stretches: list[Demand] = []
    for row in sorted(hours, key=lambda row: (row["expert"], row["weekday"], row["hour"])):
        here = Demand(row["expert"], row["weekday"], row["hour"], row["hour"], row["people_missed"])
        last = stretches[-1] if stretches else None
        if (
            last is not None
            and (last.expert_id, last.weekday) == (here.expert_id, here.weekday)
            and last.last_hour + 1 == here.first_hour
        ):
            stretches[-1] = Demand(
                last.expert_id, last.weekday, last.first_hour, here.last_hour, last.people + here.people
            )
        else:
            stretches.append(here)
    return sorted(stretches, key=lambda it: (-it.people, it.expert_id, it.weekday, it.first_hour))


def where_to_add(wanted: list[tuple[Expert, Demand]], today: dict[int, date]) -> list[tuple[date, time | None]]:
    """For each demand the next day of that weekday, and the first time from its hour on at which nothing is yet.

    ``today``: of each expert, by id. Without a time where the rest of the day is full. One query.
    """
    days = [_next(today[expert.pk], demand.weekday) for expert, demand in wanted]
    taken = Q(pk__in=())
    for (expert, _demand), day in zip(wanted, days, strict=True):
        taken |= Q(expert=expert, date=day)
    slots: dict[tuple[int, date], list[Slot]] = {}
    for slot in Slot.objects.filter(taken).order_by("starts_at"):
        slots.setdefault((slot.expert_id, slot.date), []).append(slot)
    return [
        (day, _first_gap(demand.first_hour * 60, expert.session_minutes, slots.get((expert.pk, day), [])))
        for (expert, demand), day in zip(wanted, days, strict=True)
    ]


def _next(today: date, weekday: int) -> date:
    return today + timedelta(days=(weekday - today.isoweekday() - 1) % 7 + 1)


def _first_gap(start: int, length: int, slots: list[Slot]) -> time | None:
    """The first minute of the day from ``start`` on, in minutes since midnight, with room for ``length``."""
    for slot in slots:
        begins = slot.time.hour * 60 + slot.time.minute
        if begins < start + length and begins + slot.minutes > start:
            start = begins + slot.minutes
    return time(start // 60, start % 60) if start + length <= 24 * 60 else None
