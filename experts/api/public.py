"""Reading experts and slots: what the pages show, without who is looking."""

from datetime import UTC, date, datetime, time, timedelta

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Query, Router
from pydantic import Field

from experts.api.error_schemas import errors
from experts.api.pagination import LAST_PAGE, count_of, numbered
from experts.api.schemas import Day, ExpertDetailOut, ExpertOut, Input, Listed, SlotOut, Slug
from experts.errors import Invalid, NotFound
from experts.models import Expert, Slot
from experts.search import fold
from experts.selectors import with_next_slot

router = Router(tags=["Public"])
DEFAULT_DAYS = 7  # after the first
MOST_DAYS = 62
_A_DAY = timedelta(days=1)


class ExpertQuery(Input):
    search: str = Field(
        "", max_length=100, description="Beginnings of words of name, headline, category or organisation."
    )
    category: Slug | None = None
    organization: Slug | None = None
    page: int = Field(1, ge=1, le=LAST_PAGE)


class SlotQuery(Input):
    expert: Slug | None = None
    from_: Day | None = Field(None, alias="from", description="The first day. By default today.")
    to: Day | None = Field(None, description=f"The last day. By default {DEFAULT_DAYS} days after the first.")
    bookable: bool = Field(False, description="Only what can be booked now.")
    page: int = Field(1, ge=1, le=LAST_PAGE)


@router.get("/experts", response={200: Listed[ExpertOut], **errors(422)}, summary="Find experts")
def list_experts(request: HttpRequest, query: Query[ExpertQuery]):
    """In the order in which they were added, 50 a page."""
    experts = Expert.objects.active()
    if query.search:
        experts = experts.matching(query.search) if fold(query.search) else experts.none()
    if query.category:
        experts = experts.filter(category__slug=query.category)
    if query.organization:
        experts = experts.filter(organization__slug=query.organization)
    page = with_next_slot(experts).select_related("category", "organization").order_by("pk")
    return Listed[ExpertOut](items=[ExpertOut.of(row) for row in numbered(page, query.page)], count=count_of(experts))


@router.get("/experts/{slug:slug}", response={200: ExpertDetailOut, **errors(404)}, summary="One expert")
def get_expert(request: HttpRequest, slug: str):
    experts = with_next_slot(Expert.objects.active()).select_related("category", "organization")
    expert = experts.filter(slug=slug).first()
    if expert is None:
        raise NotFound(_("There is no such expert."))
    return ExpertDetailOut.of(expert)


@router.get("/slots", response={200: Listed[SlotOut], **errors(404, 422)}, summary="Find slots")
def list_slots(request: HttpRequest, query: Query[SlotQuery]):
    """Slots of active experts by their start, 50 a page. Days are the expert's calendar days."""
    now = timezone.now()
    if query.expert:
        expert = Expert.objects.active().select_related("organization").filter(slug=query.expert).first()
        if expert is None:
            raise NotFound(_("There is no such expert."))
        slots, today = Slot.objects.filter(expert=expert), expert.today(now)
    else:
        expert, today = None, now.date()
        slots = Slot.objects.filter(expert__is_active=True, expert__organization__is_active=True)
    if query.bookable:
        slots = slots.bookable()
    slots = within_days(slots, *days_of(query.from_, query.to, today))
    listed = slots if expert else slots.with_expert()
    page = numbered(listed.order_by("starts_at", "pk"), query.page)
    for slot in page if expert else ():
        slot.expert = expert  # known already, and as wide as the slot itself
    return Listed[SlotOut](items=[SlotOut.of(slot, now) for slot in page], count=count_of(slots))


@router.get("/slots/{int:slot_id}", response={200: SlotOut, **errors(404)}, summary="One slot")
def get_slot(request: HttpRequest, slot_id: int):
    slots = Slot.objects.filter(expert__is_active=True, expert__organization__is_active=True)
    slot = slots.with_expert().filter(pk=slot_id).first()
    if slot is None:
        raise NotFound
    return SlotOut.of(slot, timezone.now())


def days_of(first: date | None, last: date | None, today: date) -> tuple[date, date]:
    """The stretch of days that was asked for. Raises Invalid when it is none, or too long."""
    first = first or today
    last = last or first + timedelta(days=DEFAULT_DAYS)
    if last < first:
        raise Invalid(_("The last day is before the first."), field="to")
    if last - first >= timedelta(days=MOST_DAYS):
        raise Invalid(_("Ask for at most %(days)d days.") % {"days": MOST_DAYS}, field="to")
    return first, last


def within_days(slots, first: date, last: date):
    """Slots on these days of their experts' calendars; the instants around them lead to the index by start."""
    earliest = datetime.combine(first, time.min, tzinfo=UTC) - _A_DAY
    latest = datetime.combine(last, time.max, tzinfo=UTC) + _A_DAY
    return slots.filter(date__range=(first, last), starts_at__range=(earliest, latest))
