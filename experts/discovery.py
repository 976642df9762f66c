"""Read what the list of experts shows: the query in its address, what matches, and the experts as cards."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.core.paginator import Paginator
from django.db import router
from django.db.models import BigIntegerField, F, Func, JSONField, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from experts import formatting
from experts.clocks import Clocks, clocks_for, leading_day
from experts.corrections import correct
from experts.filters import Query, today_in
from experts.free_starts import starts_versions, types_version
from experts.models import Category, Expert, Organization, Session, Slot
from experts.models.expert import ExpertQuerySet, Venue
from experts.ordering import MOST_LISTED, MOST_LISTED_THEN, MOST_NAMED, MOST_NAMED_OF_HOUSE, Selection, Times
from experts.prepared import PreparedValues, prepared_cursor
from experts.search import search_condition, typed_words
from experts.selectors import row_version
from experts.timezones import next_midnight

PAGE_SIZE = 9
MOST_WAYS_OUT = 3
MOST_TIMES = 3  # that a card tells
FEW_LEFT = 2  # times of today
MOST_CITIES = 200  # to choose from, beside those of organisations; others are found by their names
AHEAD = 3 * PAGE_SIZE  # how far beyond a page experts are counted where only finding them tells how many they are


@dataclass(frozen=True)
class Choice:
    """Something to filter by: a category with its ``icon`` and how many experts are in it, or an organisation."""

    pk: int
    slug: str
    name: str
    icon: str = ""
    expert_count: int = 0  # counted to MOST_LISTED + 1
    city: str = ""  # of an organisation


@dataclass(frozen=True)
class Row:
    """An expert of a page, its first bookable slots up to MOST_TIMES, and versions of all that its card shows.

    Of an expert with session types: the slot in which the first session begins that visitors can book.
    """

    expert_id: int
    next_slot_ids: tuple[int, ...]
    version: Hashable
    has_types: bool = False


Counts = tuple[tuple[int, date, int], ...]  # expert, day, how many of its slots can be booked


@dataclass(frozen=True)
class Starts:
    """What the card of an expert with session types tells: of the types that visitors may choose, which may be none.

    ``sessions``: those of the weeks of cards that can be booked, in order of time, one for each start; ``minutes``: of
    the shortest and the longest type; ``clocks``: of the only type; ``changes_at``: when time alone changes any of it.
    """

    sessions: Sequence[Session]
    minutes: tuple[int, int] | None
    clocks: Clocks | None
    changes_at: datetime | None

    @property
    def is_choice(self) -> bool:
        """Whether there are several types. Of one the clocks are known."""
        return self.minutes is not None and self.clocks is None

    def counted(self, clocks: Clocks) -> dict[date, int]:
        """Return how many starts there are on each day of the clock that leads."""
        return Counter(session.starts_at.astimezone(clocks.leading).date() for session in self.sessions)

    def any_until(self, last: date) -> bool:
        """Tell whether one of them is on a day up to this one, on any clock."""
        return any(session.starts_at < datetime.combine(last, time.min, tzinfo=UTC) for session in self.sessions)

    def first(self, times: Times | None, clocks: Clocks) -> list[Session]:
        """Return the first at such times, up to MOST_TIMES; the first of all where there is none then."""
        wanted = (it for it in self.sessions if times is None or times.has(it.starts_at, clocks.leading))
        return list(islice(wanted, MOST_TIMES)) or list(self.sessions[:MOST_TIMES])


@dataclass(frozen=True)
class Weeks:
    """The days that cards speak of, whatever today is there: from ``first`` to ``sunday``, then to ``next_sunday``.

    ``ends`` and ``next_ends``: instants that no slot of these days reaches.
    """

    first: date
    sunday: date
    next_sunday: date
    ends: datetime
    next_ends: datetime


def weeks_of_cards(now: datetime) -> Weeks:
    """Return the days around an instant: "today" is another date in another zone, and on Sundays another week."""
    yesterday, tomorrow = now.date() - timedelta(days=1), now.date() + timedelta(days=1)
    sunday = tomorrow + timedelta(days=6 - tomorrow.weekday())
    next_sunday = sunday + timedelta(days=7)
    return Weeks(yesterday, sunday, next_sunday, _after(sunday), _after(next_sunday))


@dataclass(frozen=True)
class NextTime:
    """One of the next times on a card, by the slot in which it begins, and how the card writes it.

    ``is_few``: whether it, or its day, has hardly anything left.
    """

    slot: Slot
    text: str
    is_few: bool


@dataclass(frozen=True)
class Card:
    """An expert in the list, with days and times by the leading one of ``clocks``.

    ``next_times``: the first of the first day that has any, which is ``next_day`` and is called ``day_name``.
    ``other_clock``: what the visitor's shows at the first of them, ``14:00 is 15:00 in Berlin``, where the place's
    leads and they differ; else "". ``note``: how many more there are on that day, or how few are left of it.
    ``minutes``: how long a session is, or the shortest and the longest of several
    types; "" where there are types, but none to choose. ``has_choice``: whether visitors choose
    one before they see times.
    """

    expert: Expert
    next_times: list[NextTime]
    clocks: Clocks
    day_name: str
    next_label: str
    other_clock: str
    note: str
    is_few: bool
    pips: Slot | None
    minutes: str
    has_choice: bool

    @property
    def next_slot(self) -> Slot | None:
        return self.next_times[0].slot if self.next_times else None

    @property
    def next_day(self) -> str:
        """The day of the next slot, as addresses have it."""
        return self.next_slot.starts_at.astimezone(self.clocks.leading).date().isoformat() if self.next_slot else ""

    @property
    def zone_name(self) -> str:
        return formatting.zone_name(self.clocks.leading)


def cards(
    rows: Sequence[Row],
    counts: Counts,
    zone: ZoneInfo | None,
    now: datetime,
    starts: Mapping[int, Starts],
    times: Times | None,
) -> tuple[list[Card], datetime]:
    """Make the cards of rows of a listing. Returns with them when time alone changes one of them. Two queries.

    ``starts``: of the experts with session types, by their ids; ``times``: those that are asked for.
    """
    experts = (
        Expert.objects.select_related("category", "organization")
        .defer("search_text")
        .in_bulk([row.expert_id for row in rows])
    )
    slots = Slot.objects.with_expert().in_bulk([pk for row in rows for pk in row.next_slot_ids])
    by_day: dict[int, dict[date, int]] = defaultdict(dict)
    for expert_id, day, count in counts:
        by_day[expert_id][day] = count
    made, changes = [], [now + timedelta(days=1)]
    for row in rows:
        # Whoever was deleted since the rows were read is left out.
        if expert := experts.get(row.expert_id):
            following: Sequence[Slot] = [slots[pk] for pk in row.next_slot_ids if pk in slots]
            clocks = clocks_for(expert.venue, expert.zone, zone)
            found = starts.get(expert.pk)
            if found:
                clocks = found.clocks or clocks
                following = found.first(times, clocks) or following
                by_day[expert.pk] = found.counted(clocks)
                if found.changes_at:
                    changes.append(found.changes_at)
            made.append(_card(expert, following, clocks, by_day[expert.pk], now, found))
            changes.append(next_midnight(now, made[-1].clocks.leading))
            changes += [change for slot in following if (change := slot.changes_at(now))]
    return made, min(changes)


def _card(
    expert: Expert,
    following: Sequence[Slot],
    clocks: Clocks,
    counts: dict[date, int],
    now: datetime,
    starts: Starts | None,
) -> Card:
    """``following``: the next slots, of which those of the first day are told."""

    def day_of(slot: Slot) -> date:
        return slot.starts_at.astimezone(clocks.leading).date()

    first, today = following[0] if following else None, clocks.today(now)
    of_day = [slot for slot in following if day_of(slot) == day_of(following[0])]
    # The seats of a session are known only where all of its slots were read.
    has_seats = first is not None and first.capacity > 1 and (starts is None or isinstance(first, Session))
    group = first if first and has_seats and first.state_at(now) == "few" else None
    note, is_few = "", False
    if group:
        note, is_few = _("%(left)d of %(all)d left") % {"left": group.seats_left_at(now), "all": group.capacity}, True
    elif first:
        note, is_few = _note(day_of(first), today, counts.get(day_of(first), 0), len(of_day))
    return Card(
        expert=expert,
        next_times=[
            NextTime(slot, formatting.clock(slot.starts_at, clocks.leading), is_few and (not group or slot is group))
            for slot in of_day
        ],
        clocks=clocks,
        day_name=formatting.day_name(day_of(first), today) if first else "",
        next_label=formatting.soon(first.starts_at, clocks.leading, now) if first else "",
        other_clock=formatting.visitors_clock(clocks, first.starts_at) if first else "",
        note=note,
        is_few=is_few,
        pips=group if group and group.capacity <= 8 else None,
        minutes=_minutes(starts.minutes if starts else (expert.session_minutes, expert.session_minutes)),
        has_choice=starts is not None and starts.is_choice,
    )


def _minutes(range_of: tuple[int, int] | None) -> str:
    if range_of is None:
        return ""
    least, most = range_of
    if least == most:
        return _("%(n)s min") % {"n": least}
    return _("%(least)s–%(most)s min") % {"least": least, "most": most}


def _note(day: date, today: date, count: int, told: int) -> tuple[str, bool]:
    """Say how many times a day has beside those that are told, or that today has few; and whether it has."""
    if day == today and 0 < count <= FEW_LEFT:
        return ngettext("%(count)d left today", "%(count)d left today", count) % {"count": count}, True
    more = count - told
    if more <= 0:
        return "", False
    if day == today:
        text = ngettext("%(count)d more today", "%(count)d more today", more)
    elif day == today + timedelta(days=1):
        text = ngettext("%(count)d more tomorrow", "%(count)d more tomorrow", more)
    else:
        text = ngettext("%(count)d more that day", "%(count)d more that day", more)
    return text % {"count": more}, False


@dataclass(frozen=True)
class WayOut:
    """What to ask for instead where nobody is found: ``query`` finds ``count`` experts, counted to MOST_LISTED + 1.

    ``left_out``: the filter that it does without; "words" where it has fewer words.
    """

    left_out: str
    query: Query
    count: int


@dataclass(frozen=True)
class Listing:
    """All that a page of the list of experts depends on, as it was read at one moment.

    ``count`` is how many experts the pages lead to, ``is_least`` whether there are more; ``number`` that of the page;
    ``meant``: what was searched for instead of what was typed; ``ways_out`` where nobody is found; ``today``: as days
    are understood. Two that are equal look the same, until time alone changes something (``cards``).
    """

    categories: tuple[Choice, ...]
    organizations: tuple[Choice, ...]
    cities: tuple[str, ...]
    query: Query
    count: int
    is_least: bool
    number: int
    rows: tuple[Row, ...]
    open_counts: Counts
    today: date
    meant: tuple[str, ...] = ()
    ways_out: tuple[WayOut, ...] = ()

    @property
    def total(self) -> int:
        return _total(self.categories)

    @property
    def with_types(self) -> list[int]:
        """The ids of those of the page who offer session types."""
        return [row.expert_id for row in self.rows if row.has_types]


def _total(categories: Iterable[Choice]) -> int:
    """How many experts there are, or any number above MOST_LISTED."""
    return sum(category.expert_count for category in categories)


def read_listing(
    request: HttpRequest, organization: Organization | None, zone: ZoneInfo | None, now: datetime
) -> Listing:
    """Read the page of the list that an address asks for: of one organisation, or of all."""
    organization_id = organization.pk if organization else None
    found = _categories_of(organization_id) if organization_id else _categories()
    categories = tuple(choice for row in found if (choice := Choice(*row)).expert_count)
    every = [] if organization else _organizations()
    organizations = tuple(Choice(pk, slug, name, city=there) for pk, slug, name, there in every)
    houses = organizations
    if organization:
        houses = (Choice(organization.pk, organization.slug, organization.name, city=organization.city),)
    cities = tuple(sorted({*_own_cities(organization_id), *(it.city for it in houses)} - {""}))
    query = Query.from_request(
        request,
        categories=[it.slug for it in categories],
        organizations=[it.slug for it in organizations],
        cities=cities,
    )
    finder = _Finder(categories, houses, organization_id, zone, now)
    selection, meant = finder.select(query)
    times = query.times(zone, now)
    ids, count, is_least, number = _page(query, selection, request.GET.get("page"), times)
    rows, open_counts = _rows(ids, now, times, zone) if ids else ([], ())
    return Listing(
        categories=categories,
        organizations=organizations,
        cities=cities,
        query=query,
        count=count,
        is_least=is_least,
        number=number,
        rows=tuple(rows),
        open_counts=open_counts,
        today=today_in(zone, now),
        meant=meant if count else (),
        ways_out=() if count else tuple(islice(finder.ways_out(query), MOST_WAYS_OUT)),
    )


@dataclass(frozen=True)
class _Finder:
    """Finds those who match, among those of one organisation or all, for a visitor in a zone."""

    categories: tuple[Choice, ...]
    organizations: tuple[Choice, ...]
    organization_id: int | None
    zone: ZoneInfo | None
    now: datetime

    def select(self, query: Query) -> tuple[Selection, tuple[str, ...]]:
        """All that match, whenever they are free; and what was meant, where nobody matches what was typed."""
        category = next((it for it in self.categories if it.slug == query.category), None)
        organization_id = self.organization_id
        if query.organization:
            organization_id = next(it.pk for it in self.organizations if it.slug == query.organization)
        asked: dict[str, Any] = {"category": category and category.pk, "organization": organization_id}
        asked |= {"venue__in": query.venue, "languages__contains": query.language and [query.language]}
        asked = {name: value for name, value in asked.items() if value}
        experts = Expert.objects.active().filter(**asked)
        if query.city:
            # By their ids, so that PostgreSQL finds both along one index.
            there = [it.pk for it in self.organizations if it.city == query.city]
            experts = experts.filter(Q(city=query.city) | Q(city="", organization__id__any_of=there))
        is_remote = bool(query.venue) and Venue.IN_PERSON not in query.venue
        words = search_condition(query.search)
        if words is None:
            if query.search:
                return Selection(experts.none(), 0), ()
            if not asked and not query.city:
                return Selection(experts, _total(self.categories), is_all=True), ()
            is_counted = set(query.filters) <= {"when", "part"}
            if query.sort == "name" and not query.when and not query.part and is_counted:
                # The ids are not needed, and the number is known.
                return Selection(experts, category.expert_count if category else _total(self.categories)), ()
            is_house = list(asked) == ["organization"] and not query.city
            found = _selection(experts, organization_id, MOST_NAMED_OF_HOUSE if is_house else MOST_NAMED)
            return replace(found, is_remote=is_remote), ()
        selection = replace(_selection(experts.filter(words), organization_id), is_remote=is_remote)
        if selection.count or not (correction := correct(query.search)):
            return selection, ()
        found = _selection(experts.filter(correction.condition), organization_id)
        return replace(found, is_remote=is_remote), correction.meant

    def ways_out(self, query: Query) -> Iterator[WayOut]:
        """Queries that find somebody, where one finds nobody: at other times, a word alone, one filter less."""
        if query.when and query.part:
            yield from self._way("part", query.without("part"))
            yield from self._way("when", query.without("when"))
            yield from self._way("times", query.without("when").without("part"))
        elif query.when or query.part:
            name = "when" if query.when else "part"
            yield from self._way(name, query.without(name))
        words = typed_words(query.search)
        for word in words if len(words) > 1 else ():
            ways = [*self._way("words", replace(query, search=word.written))]
            yield from ways or self._way("words", Query(search=word.written))
        for name in ("venue", "language", "city", "organization", "category", "search"):
            if getattr(query, name):
                yield from self._way(name, query.without(name))

    def _way(self, left_out: str, query: Query) -> Iterator[WayOut]:
        selection, _meant = self.select(query)
        count = min(selection.count, MOST_LISTED + 1)
        if count and (times := query.times(self.zone, self.now)):
            count = len(selection.soonest_within(times, AHEAD))
        if count:
            yield WayOut(left_out, query, count)


def _selection(experts: ExpertQuerySet, organization_id: int | None, most: int = MOST_NAMED) -> Selection:
    found = list(experts.order_by().values_list("pk", flat=True)[: most + 1])
    if len(found) > most:
        return Selection(experts, len(found), organization_id=organization_id)
    # They need not be searched for again.
    named = Expert.objects.active().filter(pk__any_of=found)
    return Selection(named, len(found), ids=found, organization_id=organization_id)


def _page(
    query: Query, selection: Selection, asked: str | None, times: Times | None
) -> tuple[list[int], int, bool, int]:
    """The ids of the page that is asked for, how many the pages lead to, whether there are more, the page's number."""
    count = min(selection.count, MOST_LISTED)
    number = Paginator(range(count), PAGE_SIZE).get_page(asked).number
    upto, is_least = min(number * PAGE_SIZE, count), selection.count > count
    if not count:
        return [], 0, False, 1
    if times:
        # How many they are is known when all have been found: a few pages more are looked for.
        most = min(upto + AHEAD, MOST_LISTED, MOST_LISTED_THEN)
        ids = (
            selection.by_name_within(times, most + 1)
            if query.sort == "name"
            else selection.soonest_within(times, most + 1)
        )
        count, is_least = min(len(ids), most), len(ids) > most
        number = Paginator(range(count), PAGE_SIZE).get_page(asked).number
    else:
        ids = selection.by_name(upto) if query.sort == "name" else selection.soonest(upto)
    first = (number - 1) * PAGE_SIZE
    return ids[first : first + PAGE_SIZE], count, is_least, number


def _rows(ids: list[int], now: datetime, times: Times | None, zone: ZoneInfo | None) -> tuple[list[Row], Counts]:
    """Rows in the order of the ids, and how many slots can be booked on the days that their cards speak of.

    The next slots are the first at such times.

    Whoever is not active any more is left out. The days are those of this week, or of the next one for those who have
    nothing in this. One query, two where somebody has nothing this week, and one more where somebody has session types,
    whose starts are counted only when a page is made (``Starts``).
    """
    weeks, visitor_zone = weeks_of_cards(now), zone.key if zone else ""
    days_of_cards = (weeks.first, weeks.sunday, weeks.ends, visitor_zone)
    found = _cards_within(ids, *days_of_cards, times) if times else _cards(ids, *days_of_cards)
    read = {pk: values for pk, *values in found}
    # A session may take slots of the days around those on which it can begin.
    around = weeks.first - _AROUND, weeks.next_ends.date() + _AROUND
    typed = starts_versions([pk for pk in ids if pk in read and read[pk][_TYPES] is not None], *around)
    rows, days = [], {}
    for pk in ids:
        if pk in read:
            *version, next_slots, types, open_days = read[pk]
            if pk in typed:
                starts_version, slot_id = typed[pk]
                rows.append(Row(pk, (slot_id,) if slot_id else (), (*version, types, starts_version), has_types=True))
            else:
                versions = tuple((slot_id, slot_version) for slot_id, slot_version in next_slots)
                rows.append(Row(pk, tuple(slot_id for slot_id, _version in versions), (*version, versions)))
                days[pk] = open_days
    if others := sorted(pk for pk in days if not days[pk]):
        second_week = (weeks.sunday + timedelta(days=1), weeks.next_sunday, weeks.next_ends, visitor_zone)
        days |= dict(_open_days(others, *second_week))
    counts = ((pk, date.fromisoformat(day), days[pk][day]) for pk in sorted(days) for day in sorted(days[pk] or ()))
    return rows, tuple(counts)


_AROUND = timedelta(days=3)
_TYPES = -2  # where a row has the version of the types


def _after(last: date) -> datetime:
    """An instant that no slot of a calendar day up to ``last`` reaches: said for the index, which knows instants."""
    return datetime.combine(last + timedelta(days=2), time.min, tzinfo=UTC)


@PreparedValues
def _cards(expert_ids: list[int], first: date, last: date, end: datetime, visitor_zone: str) -> QuerySet[Any]:
    """Of each: versions of what its card shows, [id, version] of its first bookable slots, and ``_open_days``."""
    return _cards_within(expert_ids, first, last, end, visitor_zone, None)


def _cards_within(
    expert_ids: list[int], first: date, last: date, end: datetime, visitor_zone: str, times: Times | None
) -> QuerySet[Any]:
    slots = Slot.objects.bookable_of_outer().order_by("starts_at")
    if times:
        slots = slots.filter(times.allow(F, OuterRef))
    id_and_version = Func(
        "pk",
        "version",
        template="ARRAY[%(expressions)s::bigint]",
        output_field=ArrayField(BigIntegerField()),
    )
    next_slots = ArraySubquery(slots.annotate(found=id_and_version).values("found")[:MOST_TIMES])
    experts = Expert.objects.active().filter(pk__any_of=expert_ids).order_by()
    versioned = experts.annotate(
        expert_version=row_version(Expert),
        organization_version=row_version(Organization),
        category_version=row_version(Category),
        next_slots=next_slots,
        types=types_version(),
        days=_days_of(first, last, end, visitor_zone),
    )
    # The slugs are read so that their tables are joined.
    columns = ("pk", "organization__slug", "category__slug", "expert_version", "organization_version")
    return versioned.values_list(*columns, "category_version", "next_slots", "types", "days")


@PreparedValues
def _open_days(expert_ids: list[int], first: date, last: date, end: datetime, visitor_zone: str) -> QuerySet[Any]:
    """Of each: how many slots can be booked on each day from first to last that has any, or None without one.

    Days are those of the clock that leads (experts/clocks.py), as ``2027-03-10``.
    """
    experts = Expert.objects.filter(pk__any_of=expert_ids).order_by()
    return experts.annotate(days=_days_of(first, last, end, visitor_zone)).values_list("pk", "days")


def _days_of(first: date, last: date, end: datetime, visitor_zone: str) -> Func:
    slots = Slot.objects.bookable_of_outer().annotate(on=leading_day(visitor_zone, F, OuterRef)).order_by()
    days = ArraySubquery(slots.filter(on__gte=first, on__lte=last, starts_at__lt=end).values("on"))
    # Counted there: an expert has a hundred slots in a week. Django cannot group by what is of the outer query.
    counted = "SELECT day, count(*) AS many FROM unnest(%(expressions)s) AS day GROUP BY day"
    template = f"(SELECT jsonb_object_agg(day, many) FROM ({counted}) AS counted)"
    return Func(days, template=template, output_field=JSONField())


@PreparedValues
def _categories() -> QuerySet[Any]:
    return _with_counts(Expert.objects.active())


@PreparedValues
def _categories_of(organization_id: int) -> QuerySet[Any]:
    return _with_counts(Expert.objects.active().filter(organization=organization_id))


def _with_counts(experts: QuerySet[Expert]) -> QuerySet[Any]:
    categories: QuerySet[Any] = Category.objects.with_expert_count(experts, MOST_LISTED + 1)
    return categories.values_list("pk", "slug", "name", "icon", "expert_count")


@PreparedValues
def _organizations() -> QuerySet[Any]:
    return Organization.objects.filter(is_active=True).order_by("name").values_list("pk", "slug", "name", "city")


# Along ``expert_cities``, one row of the index for each that there is. Of all experts the first of each city tells.
_CITIES = """
    WITH RECURSIVE found (city) AS (
        (SELECT city FROM experts_expert WHERE is_active AND city > '' ORDER BY city LIMIT 1)
        UNION ALL
        SELECT following.city FROM found CROSS JOIN LATERAL (
            SELECT city FROM experts_expert
            WHERE is_active AND experts_expert.city > found.city ORDER BY city LIMIT 1
        ) AS following
    )
    SELECT city FROM found WHERE {is_there} LIMIT {most}
"""
_IN_CITY = """
    SELECT true FROM experts_expert e JOIN experts_organization o ON o.id = e.organization_id
    WHERE e.city = found.city AND e.is_active AND o.is_active
"""
_CITIES_OF_ALL = _CITIES.format(is_there=f"coalesce(({_IN_CITY} LIMIT 1), false)", most=MOST_CITIES)
_CITIES_OF_ONE = _CITIES.format(is_there=f"EXISTS ({_IN_CITY} AND e.organization_id = %s::bigint)", most=MOST_CITIES)


def _own_cities(organization_id: int | None) -> list[str]:
    """Return cities of experts, of one organisation or all, who are in another one than their organisation."""
    of_all = organization_id is None
    with prepared_cursor(router.db_for_read(Expert)) as cursor:
        cursor.execute(_CITIES_OF_ALL if of_all else _CITIES_OF_ONE, [] if of_all else [organization_id])
        return [city for (city,) in cursor.fetchall()]
