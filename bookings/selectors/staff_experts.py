"""Whose bookings staff may see: their organisations and experts, and which of these have a column on a day."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, timedelta

from django.db.models import OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from bookings.permissions import experts_with
from experts.clocks import DayThere
from experts.models import Expert, Organization, Slot
from experts.models.expert import ExpertQuerySet
from experts.permissions import VIEW, Reach
from experts.timezones import day_bounds

USUAL_COLUMNS, MOST_COLUMNS = 12, 24
MOST_TO_CHOOSE = 200  # experts in the list of those to choose from


def organizations_seen(reach: Reach) -> QuerySet[Organization]:
    """The organisations of whose bookings they may see any, in order of name."""
    rows = Organization.objects.order_by("name", "pk")
    if reach.everything:
        return rows
    everywhere, own = reach.with_right("bookings.booking", VIEW)
    return rows.filter(pk__in=everywhere | own)


def experts_seen(reach: Reach, organization: Organization) -> ExpertQuerySet:
    """The experts of the organisation whose bookings they may see: all, or of the role "expert" themselves."""
    return experts_with(reach, VIEW, Expert.objects.filter(organization=organization))


def sees_all_of(reach: Reach, organization: Organization) -> bool:
    """Whether they may see the bookings of all its experts."""
    return reach.everything or organization.pk in reach.with_right("bookings.booking", VIEW)[0]


def experts_to_choose(reach: Reach, organization: Organization, day: date) -> list[Expert]:
    """Those who can have a column on that day, by name; ``works`` says who has slots then.

    Whoever is inactive is there while something is left in their day. One query; where there are more than
    MOST_TO_CHOOSE two, so that those are not cut off who work.
    """
    start, end = day_bounds(day, organization.zone)
    slots = Slot.objects.order_by().filter(expert=OuterRef("pk"), starts_at__gte=start, starts_at__lt=end)
    # By the expert's days, which an index has; a day more each way, as past slots keep the days of the zone of then.
    first, last = DayThere(Value(start), OuterRef("timezone")), DayThere(Value(end), OuterRef("timezone"))
    slots = slots.filter(date__gte=first - Value(1), date__lte=last + Value(1)).order_by("date", "time")
    slots = slots.filter(Q(is_closed=False) | Q(seats_booked__gt=0))
    # Not Exists: of a subquery like this PostgreSQL asks one after the other, by name, and no more than it takes.
    works = Coalesce(Subquery(slots.values(yes=Value(True))[:1]), False)
    rows = experts_seen(reach, organization).defer("bio", "search_text").order_by("name", "pk")
    found = list(rows.annotate(works=works).filter(Q(is_active=True) | Q(works=True))[:MOST_TO_CHOOSE])
    if len(found) == MOST_TO_CHOOSE:
        working = list(rows.filter(works).annotate(works=Value(True))[:MOST_TO_CHOOSE])
        others = [expert for expert in found if expert not in working]
        found = [*working, *others[: MOST_TO_CHOOSE - len(working)]]
    for expert in found:
        expert.organization = organization
    return sorted(found, key=lambda expert: (expert.name, expert.pk))


def who_work(experts: Iterable[Expert]) -> list[Expert]:
    """Those whom ``experts_to_choose`` found to have slots on its day."""
    return [expert for expert in experts if getattr(expert, "works")]  # noqa: B009 (an annotation, unknown to types)


def choose_columns(experts: Sequence[Expert], wanted: Collection[int]) -> list[Expert]:
    """The experts who are shown: those wanted, as far as they are among ``experts``; else those who work that day."""
    chosen = [expert for expert in experts if expert.pk in wanted][:MOST_COLUMNS]
    return chosen or who_work(experts)[:USUAL_COLUMNS] or list(experts[:USUAL_COLUMNS])


def dates_about(day: date) -> tuple[date, date]:
    """The experts' days that instants of a day of the organisation may fall on: zones are up to 26 hours apart."""
    return day - timedelta(days=3), day + timedelta(days=2)
