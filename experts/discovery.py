"""Read what the list of experts shows: the query in its address, what matches, and the experts as cards."""

from collections import defaultdict
from collections.abc import Container, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from django.core.paginator import Paginator
from django.db.models import Count, Exists, F, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from experts import formatting
from experts.models import Category, Expert, Organization, Slot
from experts.models.expert import ExpertQuerySet
from experts.prepared import PreparedValues
from experts.search import fold
from experts.selectors import row_version, with_next_slot
from experts.timezones import next_midnight

WHEN = ("today", "tomorrow", "week")
SORTS = ("soonest", "name")
LONGEST_SEARCH = 100
PAGE_SIZE = 9


@dataclass(frozen=True)
class Choice:
    """Something to filter by: a category with its ``icon`` and how many experts are in it, or an organisation."""

    slug: str
    name: str
    icon: str = ""
    expert_count: int = 0


@dataclass(frozen=True)
class Row:
    """An expert of a page, its first bookable slot, and versions of all that its card shows."""

    expert_id: int
    next_slot_id: int | None
    version: Hashable


Counts = tuple[tuple[int, date, int], ...]  # expert, day, how many of its slots can be booked


@dataclass(frozen=True)
class Query:
    """The part of the address that decides which experts are listed. Unknown values are ignored."""

    search: str = ""
    category: str = ""
    organization: str = ""
    when: str = ""
    sort: str = "soonest"

    @classmethod
    def from_request(
        cls, request: HttpRequest, *, categories: Iterable[Choice], organizations: Iterable[Choice]
    ) -> "Query":
        def one_of(name: str, allowed: Container[str], default: str = "") -> str:
            value = request.GET.get(name, default)
            return value if value in allowed else default

        search = " ".join("".join(c for c in request.GET.get("search", "") if c.isprintable()).split())
        return cls(
            search=search[:LONGEST_SEARCH],
            category=one_of("category", {category.slug for category in categories}),
            organization=one_of("organization", {organization.slug for organization in organizations}),
            when=one_of("when", WHEN),
            sort=one_of("sort", SORTS, "soonest"),
        )

    def experts(self, base: ExpertQuerySet, zone: ZoneInfo | None, *, any_day: bool = False) -> QuerySet[Expert]:
        """Return the experts of ``base`` that match, in order. ``any_day`` ignores ``when``."""
        experts: QuerySet[Expert] = base.matching(self.search)
        if self.category:
            experts = experts.filter(category__slug=self.category)
        if self.organization:
            experts = experts.filter(organization__slug=self.organization)
        if self.when and not any_day:
            first, last = _days_as_instants(self.when, zone or timezone.get_default_timezone())
            slots = Slot.objects.bookable().filter(expert=OuterRef("pk"), starts_at__gte=first, starts_at__lt=last)
            experts = experts.filter(Exists(slots))
        experts = with_next_slot(experts)
        if self.sort == "name":
            return experts.order_by("name", "pk")
        return experts.order_by(F("next_slot_at").asc(nulls_last=True), "name", "pk")

    @property
    def can_match(self) -> bool:
        """Return whether the search is empty or holds a letter or digit to look for."""
        return not self.search or bool(fold(self.search))


def _days_as_instants(when: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the instants between which "today", "tomorrow" or "week" (today and six days more) lies in a zone."""
    today = timezone.now().astimezone(zone).date()
    first = today + timedelta(days=1) if when == "tomorrow" else today
    last = first + timedelta(days=7 if when == "week" else 1)
    return datetime.combine(first, time.min, tzinfo=zone), datetime.combine(last, time.min, tzinfo=zone)


@dataclass(frozen=True)
class WeekDay:
    letter: str
    label: str
    is_open: bool


@dataclass(frozen=True)
class Card:
    """An expert in the list, with times in ``zone``."""

    expert: Expert
    next_slot: Slot | None
    zone: ZoneInfo
    next_label: str
    week: list[WeekDay]
    note: str
    note_is_few: bool
    pips: Slot | None


def cards(rows: Sequence[Row], counts: Counts, zone: ZoneInfo | None, now: datetime) -> tuple[list[Card], datetime]:
    """Make the cards of rows of a listing. Returns with them when time alone changes one of them. Two queries."""
    experts = Expert.objects.select_related("category", "organization").in_bulk([row.expert_id for row in rows])
    slots = Slot.objects.with_expert().in_bulk([row.next_slot_id for row in rows if row.next_slot_id])
    by_day: dict[int, dict[date, int]] = defaultdict(dict)
    for expert_id, day, count in counts:
        by_day[expert_id][day] = count
    made, changes = [], [now + timedelta(days=1)]
    for row in rows:
        # Whoever was deleted since the rows were read is left out.
        if expert := experts.get(row.expert_id):
            slot = slots.get(row.next_slot_id) if row.next_slot_id else None
            made.append(_card(expert, slot, zone, by_day[expert.pk], now))
            changes += [next_midnight(now, expert.zone), next_midnight(now, zone or expert.zone)]
            if slot and (change := slot.changes_at(now)):
                changes.append(change)
    return made, min(changes)


def _card(expert: Expert, slot: Slot | None, zone: ZoneInfo | None, counts: dict[date, int], now: datetime) -> Card:
    shown = zone or expert.zone
    today = expert.today(now)
    monday = today - timedelta(days=today.weekday())
    week = [monday + timedelta(days=n) for n in range(7)]
    group = slot if slot and slot.capacity > 1 and slot.state_at(now) == "few" else None
    today_open = counts.get(today, 0)
    if group:
        note, few = _("%(left)d of %(all)d left") % {"left": group.seats_left_at(now), "all": group.capacity}, True
    elif today_open:
        few = today_open <= 2
        text = (
            ngettext("%(count)d left today", "%(count)d left today", today_open)
            if few
            else ngettext("%(count)d open today", "%(count)d open today", today_open)
        )
        note = text % {"count": today_open}
    else:
        few, note = False, _later_note(counts, week)
    return Card(
        expert=expert,
        next_slot=slot,
        zone=shown,
        next_label=formatting.soon(slot.starts_at, shown, now) if slot else "",
        week=[_week_day(day, counts.get(day, 0)) for day in week],
        note=note,
        note_is_few=few,
        pips=group if group and group.capacity <= 8 else None,
    )


def _later_note(counts: dict[date, int], week: list[date]) -> str:
    this_week = sum(counts.get(day, 0) for day in week)
    if this_week:
        return ngettext("%(count)d open this week", "%(count)d open this week", this_week) % {"count": this_week}
    next_week = sum(counts.get(day + timedelta(days=7), 0) for day in week)
    if next_week:
        return ngettext("%(count)d open next week", "%(count)d open next week", next_week) % {"count": next_week}
    return ""


def _week_day(day: date, count: int) -> WeekDay:
    name = date_format(day, "l")
    label = _("%(day)s: %(count)d open") if count else _("%(day)s: none open")
    return WeekDay(letter=name[0].upper(), label=label % {"day": name, "count": count}, is_open=bool(count))


@dataclass(frozen=True)
class Listing:
    """All that a page of the list of experts depends on, as it was read at one moment.

    ``count`` is how many experts match, ``other_days`` how many would on any day where none does; ``number`` is that of
    the page. Two that are equal look the same, until time alone changes something (``cards``).
    """

    categories: tuple[Choice, ...]
    organizations: tuple[Choice, ...]
    query: Query
    count: int
    number: int
    rows: tuple[Row, ...]
    open_counts: Counts
    other_days: int

    @property
    def total(self) -> int:
        return sum(category.expert_count for category in self.categories)


def read_listing(
    request: HttpRequest, organization: Organization | None, zone: ZoneInfo | None, now: datetime
) -> Listing:
    """Read the page of the list that an address asks for: of one organisation, or of all."""
    organization_id = organization.pk if organization else None
    categories = _categories_of(organization_id) if organization_id else _categories()
    organizations = () if organization else tuple(Choice(slug, name) for slug, name in _organizations())
    chips = tuple(Choice(*row) for row in categories)
    query = Query.from_request(request, categories=chips, organizations=organizations)
    base = _base(organization_id)
    paginator = Paginator(range(_count(query, base, chips, zone)), PAGE_SIZE)
    number = paginator.get_page(request.GET.get("page")).number
    rows = tuple(_rows(query, organization_id, (number - 1) * PAGE_SIZE, zone)) if paginator.count else ()
    is_empty_day = not paginator.count and query.when and query.can_match
    return Listing(
        categories=chips,
        organizations=organizations,
        query=query,
        count=paginator.count,
        number=number,
        rows=rows,
        open_counts=_open_counts(rows, now) if rows else (),
        other_days=query.experts(base, zone, any_day=True).count() if is_empty_day else 0,
    )


def _base(organization_id: int | None) -> ExpertQuerySet:
    experts = Expert.objects.active()
    return experts if organization_id is None else experts.filter(organization=organization_id)


def _count(query: Query, base: ExpertQuerySet, categories: Iterable[Choice], zone: ZoneInfo | None) -> int:
    if query.search or query.organization or query.when:
        return query.experts(base, zone).count() if query.can_match else 0
    return sum(category.expert_count for category in categories if query.category in ("", category.slug))


def _rows(query: Query, organization_id: int | None, first: int, zone: ZoneInfo | None) -> list[Row]:
    if query.search or query.when:  # what one person looks for, or what depends on the clock
        listed = list(_listed(query, organization_id, first, zone))
    else:
        listed = _prepared_list(query, organization_id, first)()
    found = [(pk, at, version) for pk, *version, at in listed]
    known = _slots_at([pk for pk, *_ in found], [at for _pk, at, _version in found if at])
    # An expert has one slot at an instant.
    slots = {(expert_id, starts_at): (slot_id, version) for expert_id, starts_at, slot_id, version in known}
    rows = []
    for pk, at, version in found:
        slot_id, slot_version = slots.get((pk, at), (None, None))
        rows.append(Row(pk, slot_id, (*version, slot_version)))
    return rows


@lru_cache(maxsize=200)
def _prepared_list(query: Query, organization_id: int | None, first: int) -> PreparedValues[[], Any]:
    return PreparedValues(lambda: _listed(query, organization_id, first, None))


def _listed(query: Query, organization_id: int | None, first: int, zone: ZoneInfo | None) -> QuerySet[Any]:
    versioned = query.experts(_base(organization_id), zone).annotate(
        expert_version=row_version(Expert),
        organization_version=row_version(Organization),
        category_version=row_version(Category),
    )
    # The slugs are read so that their tables are joined.
    columns = ("pk", "organization__slug", "category__slug")
    versions = ("expert_version", "organization_version", "category_version", "next_slot_at")
    return versioned.values_list(*columns, *versions)[first : first + PAGE_SIZE]


def _open_counts(rows: Iterable[Row], now: datetime) -> Counts:
    """Count the bookable slots of each day of the week; of the next one for those who have none in this."""
    # "Today" is another date in another zone, and at the end of the week another week.
    yesterday, tomorrow = now.date() - timedelta(days=1), now.date() + timedelta(days=1)
    sunday = tomorrow + timedelta(days=6 - tomorrow.weekday())
    experts = [row.expert_id for row in rows]
    counts = _open_by_day(experts, yesterday, sunday)
    if others := sorted(set(experts) - {expert_id for expert_id, _day, _count in counts}):
        counts += _open_by_day(others, sunday + timedelta(days=1), sunday + timedelta(days=7))
    return tuple(counts)


@PreparedValues
def _categories() -> QuerySet[Any]:
    return _with_counts(Expert.objects.active())


@PreparedValues
def _categories_of(organization_id: int) -> QuerySet[Any]:
    return _with_counts(Expert.objects.active().filter(organization=organization_id))


def _with_counts(experts: QuerySet[Expert]) -> QuerySet[Any]:
    categories: QuerySet[Any] = Category.objects.with_expert_count(experts)
    return categories.values_list("slug", "name", "icon", "expert_count")


@PreparedValues
def _organizations() -> QuerySet[Any]:
    return Organization.objects.filter(is_active=True).order_by("name").values_list("slug", "name")


@PreparedValues
def _slots_at(expert_ids: list[int], instants: list[datetime]) -> QuerySet[Any]:
    slots = Slot.objects.filter(expert__id__any_of=expert_ids, starts_at__any_of=instants).order_by()
    return slots.values_list("expert_id", "starts_at", "pk", "version")


@PreparedValues
def _open_by_day(expert_ids: list[int], first: date, last: date) -> QuerySet[Any]:
    slots = Slot.objects.bookable().filter(expert__id__any_of=expert_ids, date__range=(first, last))
    return slots.values_list("expert_id", "date").annotate(Count("pk")).order_by("expert_id", "date")
