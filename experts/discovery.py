"""Read what the discovery page shows: the query in its address, and the matching experts as cards."""

from collections import defaultdict
from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Count, Exists, F, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from experts import formatting
from experts.models import Category, Expert, Organization, Slot
from experts.models.expert import ExpertQuerySet
from experts.search import fold
from experts.selectors import with_next_slot

WHEN = ("today", "tomorrow", "week")
SORTS = ("soonest", "name")
LONGEST_SEARCH = 100


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
        cls, request: HttpRequest, *, categories: Iterable[Category], organizations: Iterable[Organization]
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
        experts = with_next_slot(experts).select_related("category", "organization")
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


def cards(experts: list[Expert], zone: ZoneInfo | None) -> list[Card]:
    """Make the cards of experts from ``with_next_slot()``. Two queries, however many experts there are."""
    now = timezone.now()
    slots = Slot.objects.with_expert().in_bulk([expert.next_slot_id for expert in experts if expert.next_slot_id])
    today = now.date()
    counts: dict[int, dict[date, int]] = defaultdict(dict)
    rows = (
        Slot.objects.bookable()
        # One day more on both sides, because "today" is another date in another zone.
        .filter(expert__in=[e.pk for e in experts], date__range=(today - timedelta(days=1), today + timedelta(days=15)))
        .values_list("expert_id", "date")
        .annotate(Count("pk"))
        .order_by()
    )
    for expert_id, day, count in rows:
        counts[expert_id][day] = count
    return [_card(expert, slots.get(expert.next_slot_id), zone, counts[expert.pk], now) for expert in experts]


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


def filters(organization: Organization | None) -> tuple[ExpertQuerySet, list[Category], list[Organization]]:
    """Return what the page can be filtered by: (active experts, categories with counts, organisations)."""
    experts = Expert.objects.active()
    if organization is not None:
        experts = experts.filter(organization=organization)
    categories = list(Category.objects.with_expert_count(experts))
    organizations = [] if organization else list(Organization.objects.filter(is_active=True).order_by("name"))
    return experts, categories, organizations
