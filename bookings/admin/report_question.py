"""What a report is about, as its address asks it, and the numbers that answer it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.admin.staff_choice import chosen_organization
from bookings.selectors import reports
from bookings.selectors.reports import LONGEST, Report, Scope
from bookings.selectors.staff_experts import experts_seen
from experts import formatting
from experts.admin.report_filters import numbers_in
from experts.admin.scoping import reach
from experts.models import Expert, Organization, SessionType
from experts.permissions import VIEW

PERIODS = {
    "week": gettext_lazy("Week"),
    "month": gettext_lazy("Month"),
    "quarter": gettext_lazy("Quarter"),
    "own": gettext_lazy("Own dates"),
}
GROUPINGS = {"day": gettext_lazy("By day"), "expert": gettext_lazy("By expert"), "type": gettext_lazy("By type")}
FIRST_COLUMN = {"day": gettext_lazy("Day"), "expert": gettext_lazy("Expert"), "type": gettext_lazy("Session type")}


@dataclass(frozen=True)
class ReportQuestion:
    """What a report is asked about, as its address says it."""

    period: str
    first: date
    last: date
    today: date
    by: str
    organization: Organization
    chosen: tuple[int, ...]  # ids of experts; none for all
    is_cut: bool = False  # whether more days were asked for than a report has

    @property
    def before(self) -> tuple[date, date]:
        """The period before, of the same kind."""
        return moved(self, -1)

    def query(self, **changes: object) -> str:
        """The part of an address that asks this, with changes."""
        asked = replace(self, **changes)
        values: dict[str, object] = {"period": asked.period, "by": asked.by, "organization": asked.organization.pk}
        if asked.period == "own":
            values |= {"from": asked.first, "to": asked.last}
        else:
            values["day"] = asked.first
        if asked.chosen:
            values["experts"] = ",".join(map(str, asked.chosen))
        return urlencode(values)


def read_question(request) -> ReportQuestion:
    """What the address asks for; what it says wrongly of the period is as if it said nothing.

    Raises PermissionDenied for who sees no organisation, Http404 for one that they do not see.
    """
    given = request.GET
    organization = chosen_organization(request)
    if organization is None:
        raise PermissionDenied
    today = timezone.now().astimezone(organization.zone).date()
    period = given.get("period") if given.get("period") in PERIODS else "month"
    by = given.get("by") if given.get("by") in GROUPINGS else "expert"
    chosen = tuple(dict.fromkeys(numbers_in(",".join(given.getlist("experts")))))
    day = _day(given.get("day")) or today
    first, last = bounds(period, day)
    is_cut = False
    if period == "own":
        first = _day(given.get("from")) or today.replace(day=1)
        last = max(_day(given.get("to")) or today, first)
        is_cut = (last - first).days >= LONGEST
        last = min(last, first + timedelta(days=LONGEST - 1))
    return ReportQuestion(period, first, last, today, by, organization, chosen, is_cut)


def _day(text: str | None) -> date | None:
    """A day in an address; none that is so far away that periods before or after it are not days any more."""
    try:
        found = date.fromisoformat(text or "")
    except ValueError:
        return None
    return found if 1900 <= found.year <= 2200 else None


def bounds(period: str, day: date) -> tuple[date, date]:
    if period == "week":
        first = formatting.week_start(day)
        return first, first + timedelta(days=6)
    months = 3 if period == "quarter" else 1
    first = date(day.year, day.month - (day.month - 1) % months, 1)
    return first, _month_after(first, months) - timedelta(days=1)


def _month_after(first: date, months: int) -> date:
    number = first.year * 12 + first.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def moved(asked: ReportQuestion, steps: int) -> tuple[date, date]:
    if asked.period in ("month", "quarter"):
        return bounds(asked.period, _month_after(asked.first, steps * (3 if asked.period == "quarter" else 1)))
    length = (asked.last - asked.first).days + 1
    return asked.first + timedelta(days=steps * length), asked.last + timedelta(days=steps * length)


class ReportAnswer:
    """What one person may see of what was asked: whose numbers, and the numbers themselves."""

    def __init__(self, request, asked: ReportQuestion) -> None:
        mine = reach(request)
        everywhere, _own = mine.with_right("bookings.booking", VIEW)
        # Else they see themselves only.
        self.sees_all = mine.everything or asked.organization.pk in everywhere
        self.asked = asked
        self.experts = experts_seen(mine, asked.organization).order_by("name", "pk").defer("bio", "search_text")
        self.chosen = self.experts.filter(pk__in=asked.chosen) if asked.chosen else self.experts
        # By the organisation where that says it: it may have more experts than a statement should name.
        by_name = bool(asked.chosen) or not self.sees_all
        self.expert_ids = list(self.chosen.values_list("pk", flat=True)) if by_name else []
        organization = None if by_name else asked.organization.pk
        scope = Scope(self.expert_ids, asked.first, asked.last, organization)
        before = Scope(self.expert_ids, *asked.before, organization)
        self.report: Report = reports.read_report(scope, before, asked.by)

    def experts_named(self, ids: Iterable[int]) -> dict[int, Expert]:
        """Read some of them, by id."""
        return self.experts.in_bulk(ids)

    def names_of_rows(self, most: int | None = None) -> dict[object, str]:
        """The keys of the table's rows in their order, with what they are called: experts without numbers, too.

        Of experts at most so many.
        """
        rows = self.report.rows
        if self.asked.by == "day":
            return {day: formatting.full_day(day, self.asked.today) for day in sorted(rows)}
        if self.asked.by == "expert":
            return dict(self.chosen.values_list("pk", "name")[:most])
        types = SessionType.objects.filter(pk__in=[key for key in rows if key]).order_by("position", "name")
        names: dict[object, str] = {kind.pk: kind.name for kind in types}
        return names | ({None: _("Without a type")} if None in rows else {})
