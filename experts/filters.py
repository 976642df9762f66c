"""What a list of experts is asked for: the words, filters and order that its address holds."""

from collections.abc import Container, Iterable
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.utils import timezone

from experts.models.expert import LANGUAGES, Venue
from experts.ordering import Times
from experts.parts_of_day import NIGHT, PARTS_OF_DAY

WEEK = "week"
WHEN = ("today", "tomorrow", WEEK)
# The hours at which a session starts. Few sessions start at night: they are found with those of the morning.
PARTS = {part.value: part.hours for part in PARTS_OF_DAY if part is not NIGHT}
PARTS["morning"] = range(NIGHT.hours.start, PARTS["morning"].stop)
SORTS = ("soonest", "name")
LONGEST_SEARCH = 100
FARTHEST = timedelta(days=730)  # the longest horizon
SHOWN = timedelta(days=14)  # in which a part of any day is looked for


@dataclass(frozen=True)
class Query:
    """The part of the address that decides which experts are listed. Unknown values are ignored.

    ``when``: one of WHEN, or a date as ISO 8601 writes it. ``venue`` and ``part``: any of those that are given.
    """

    search: str = ""
    category: str = ""
    organization: str = ""
    city: str = ""
    venue: tuple[str, ...] = ()
    language: str = ""
    when: str = ""
    part: tuple[str, ...] = ()
    sort: str = "soonest"

    @classmethod
    def from_request(
        cls,
        request: HttpRequest,
        *,
        categories: Iterable[str],
        organizations: Iterable[str],
        cities: Iterable[str],
    ) -> "Query":
        """Read it from an address; ``categories`` and ``organizations`` are the slugs that there are."""

        def last_of(name: str, allowed: Container[str], default: str = "") -> str:
            given = [value for value in request.GET.getlist(name) if value in allowed]
            return given[-1] if given else default

        def some_of(name: str, allowed: Iterable[str]) -> tuple[str, ...]:
            given = set(request.GET.getlist(name))
            return tuple(value for value in allowed if value in given)

        search = " ".join("".join(c for c in request.GET.get("search", "") if c.isprintable()).split())
        return cls(
            search=search[:LONGEST_SEARCH],
            category=last_of("category", set(categories)),
            organization=last_of("organization", set(organizations)),
            city=last_of("city", set(cities)),
            venue=some_of("venue", Venue.values),
            language=last_of("language", LANGUAGES),
            when=_known_day([value for value in request.GET.getlist("when") if value]),
            part=some_of("part", PARTS),
            sort=last_of("sort", SORTS, "soonest"),
        )

    @property
    def filters(self) -> tuple[str, ...]:
        """The names of those filters, beside search and category, that leave somebody out."""
        names = ("organization", "city", "venue", "language", "when", "part")
        return tuple(name for name in names if getattr(self, name))

    @property
    def other_day(self) -> str:
        """``when``, if it is a date."""
        return "" if self.when in WHEN else self.when

    def times(self, zone: ZoneInfo | None, now: datetime) -> Times | None:
        """When one has to be free, for a visitor in a zone, if that is known. None: whenever it is.

        Without a day it is one of the coming two weeks, of which cards speak.
        """
        if not self.when and not self.part:
            return None
        hours = sorted(hour for part in self.part for hour in PARTS[part])
        first, last = self.days(today_in(zone, now))
        return Times(first, last, tuple(hours) if len(hours) < 24 else (), zone, None if self.other_day else now)

    def days(self, today: date) -> tuple[date, date]:
        """The first and the last day that ``when`` means."""
        if self.when in WHEN[:2]:
            day = today + timedelta(days=WHEN.index(self.when))
            return day, day
        if self.when and self.when != WEEK:
            day = date.fromisoformat(self.when)
            return day, day
        return today, today + (timedelta(days=6) if self.when else SHOWN - timedelta(days=1))

    def parameters(self, **changes: Any) -> list[tuple[str, str]]:
        """The address's query with some filters changed: what is empty, or as it is by default, is left out."""
        values = asdict(self) | changes
        if values["sort"] == Query.sort:
            values["sort"] = ""
        found = []
        for name, value in values.items():
            found += [(name, str(each)) for each in (value if isinstance(value, tuple) else (value,)) if each]
        return found

    def toggled(self, name: str, value: str) -> "Query":
        """The query with a value of a filter chosen, or no longer chosen if it was."""
        before = getattr(self, name)
        after: Any = "" if before == value else value
        if isinstance(before, tuple):
            after = tuple(it for it in before if it != value) if value in before else (*before, value)
        return replace(self, **{name: after})

    def without(self, name: str) -> "Query":
        return replace(self, **{name: getattr(Query, name)})


FILTERS = frozenset(field.name for field in fields(Query))


@dataclass(frozen=True)
class DayChoice:
    """A day to choose, by its ``value`` in the address."""

    value: str
    day: date
    is_chosen: bool


def days_to_choose(query: Query, today: date) -> list[DayChoice]:
    """The coming seven days."""
    first, last = query.days(today) if query.when else (date.max, date.min)
    days = [today + timedelta(days=n) for n in range(7)]
    values = ("today", "tomorrow", *(day.isoformat() for day in days[2:]))
    return [DayChoice(value, day, first <= day <= last) for value, day in zip(values, days, strict=True)]


def today_in(zone: ZoneInfo | None, now: datetime | None = None) -> date:
    """The day that it is in a zone; in that of the site, where the visitor's is not known."""
    return (now or timezone.now()).astimezone(zone or timezone.get_default_timezone()).date()


def _known_day(given: list[str]) -> str:
    """The last of some values of ``when`` that is one; a date has to lie within the longest horizon."""
    for value in reversed(given):
        if value in WHEN:
            return value
        try:
            day = date.fromisoformat(value)
        except ValueError:
            continue
        if len(value) == 10 and timedelta(days=-1) <= day - timezone.now().date() <= FARTHEST:
            return value
    return ""
