"""Reading experts and slots: what the pages show, without who is looking."""

from datetime import UTC, date, datetime, time, timedelta

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Query, Router
from pydantic import Field

from experts.api.error_schemas import errors
from experts.api.kept_lists import expert_slots_version, experts_of, experts_version, kept_json
from experts.api.pagination import LAST_PAGE, MOST_COUNTED, bounds, count_of, numbered, numbered_by_key
from experts.api.schemas import Day, ExpertDetailOut, ExpertOut, Input, Listed, SessionTypeOut, SlotOut, Slug, StartOut
from experts.clocks import MOST_AHEAD, MOST_BEHIND
from experts.corrections import correct
from experts.errors import Invalid, NotFound
from experts.free_starts import correct_starts, with_next_start
from experts.models import Audience, Expert, OfferedType, Slot
from experts.models.slot import BOOKABLE_STATES
from experts.replicas import may_read_replica
from experts.scheduling.anyone import find_experts, find_type, free_starts
from experts.scheduling.fitting import sessions_of, shown_sessions
from experts.scheduling.sessions import offered_by
from experts.search import search_condition
from experts.timezones import day_bounds, next_midnight

router = Router(tags=["Public"])
DEFAULT_DAYS = 7  # after the first
MOST_DAYS = 62
MOST_DAYS_OF_STARTS = 14  # which are all in one answer
_A_DAY = timedelta(days=1)


class ExpertQuery(Input):
    search: str = Field(
        "",
        max_length=100,
        description="Beginnings of words of name, headline, bio, category, organisation, city, languages or venue. "
        "Where nobody is found, words that are one typing error away.",
    )
    category: Slug | None = None
    organization: Slug | None = None
    page: int = Field(1, ge=1, le=LAST_PAGE)


class SlotQuery(Input):
    expert: Slug | None = None
    from_: Day | None = Field(None, alias="from", description="The first day. By default today.")
    to: Day | None = Field(None, description=f"The last day. By default {DEFAULT_DAYS} days after the first.")
    type: Slug | None = Field(
        None,
        description="The slug of a session type that the expert offers: the starts at which a session of it fits, as "
        "slots that last as long as it does. Needs ``expert``.",
    )
    bookable: bool = Field(False, description="Only what can be booked now.")
    page: int = Field(1, ge=1, le=LAST_PAGE)


class StartQuery(Input):
    from_: Day | None = Field(None, alias="from", description="The first day. By default today.")
    to: Day | None = Field(None, description=f"The last day. By default {DEFAULT_DAYS} days after the first.")
    experts: list[Slug] = Field([], max_length=2, description="With whom it has to be: anyone without it.")


@router.get("/experts", response={200: Listed[ExpertOut], **errors(422)}, summary="Find experts")
@may_read_replica
def list_experts(request: HttpRequest, query: Query[ExpertQuery]):
    """In the order in which they were added, 50 a page."""
    experts = experts_of(query.category, query.organization)
    # What one program searches for is not worth the room of what many list.
    if query.search:
        return _found(experts, query.search, query.page)
    found = experts_version(query.category, query.organization, query.page)
    if found is None:
        return _experts_page(experts, query.page, count_of(experts))

    def answer(now: datetime) -> tuple[Listed[ExpertOut], datetime]:
        # When somebody is free next is part of the version.
        return _experts_page(experts, query.page, found.count), now + _A_DAY

    return kept_json(request, ("experts", query.category, query.organization, query.page), found, answer)


def _found(experts: QuerySet[Expert], text: str, number: int) -> Listed[ExpertOut]:
    """A page of those who match; of those who match what was probably meant, where nobody does."""
    words = search_condition(text)
    found = experts.none() if words is None else experts.filter(words)
    count = count_of(found)
    if not count and (correction := correct(text)):
        found = experts.filter(correction.condition)
        count = count_of(found)
    return _experts_page(found, number, count)


def _experts_page(experts: QuerySet[Expert], number: int, count: int) -> Listed[ExpertOut]:
    page = with_next_start(experts).select_related("category", "organization")
    rows = correct_starts(numbered(page, number))
    return Listed[ExpertOut].model_construct(items=[ExpertOut.of(row) for row in rows], count=count)


@router.get("/experts/{slug:slug}", response={200: ExpertDetailOut, **errors(404)}, summary="One expert")
@may_read_replica
def get_expert(request: HttpRequest, slug: str):
    experts = with_next_start(Expert.objects.active()).select_related("category", "organization")
    found = correct_starts(experts.filter(slug=slug))
    if not found:
        raise NotFound(_("There is no such expert."))
    return ExpertDetailOut.of(found[0])


def active_expert(slug: str) -> Expert:
    """Read an active expert with the organisation. Raises NotFound."""
    expert = Expert.objects.active().select_related("organization").filter(slug=slug).first()
    if expert is None:
        raise NotFound(_("There is no such expert."))
    return expert


@router.get(
    "/experts/{slug:slug}/session-types",
    response={200: Listed[SessionTypeOut], **errors(404)},
    summary="What an expert can be booked for",
)
@may_read_replica
def list_session_types(request: HttpRequest, slug: str):
    """In the organisation's order. Empty where there is nothing to choose: then slots are booked as they are.

    Types that are for people with their link are left out.
    """
    expert = active_expert(slug)
    listed = offered_by(expert.pk).exclude(session_type__audience=Audience.LINK)
    items = [SessionTypeOut.of(offered, expert) for offered in listed]
    return Listed[SessionTypeOut].model_construct(items=items, count=len(items))


@router.get("/slots", response={200: Listed[SlotOut], **errors(404, 422)}, summary="Find slots")
@may_read_replica
def list_slots(request: HttpRequest, query: Query[SlotQuery]):
    """Slots of active experts by their start, 50 a page. Days are the expert's calendar days.

    With a ``type`` the sessions of that type: those that can be booked, and those that are taken as a whole or over.
    """
    if query.expert:
        return _slots_of_expert(request, query)
    if query.type:
        raise Invalid(_("Say whose sessions: send “expert”, too."), field="expert")
    now = timezone.now()
    slots = Slot.objects.bookable() if query.bookable else Slot.objects.of_active_experts()
    slots = within_days(slots, *days_of(query.from_, query.to, now.date()))
    # In the order of the index that each has: thousands of slots may start at one instant, and would be sorted.
    order = ("starts_at", "expert_id") if query.bookable else ("starts_at", "pk")
    page = numbered_by_key(slots.order_by(*order), query.page).with_expert()
    return Listed[SlotOut](items=[SlotOut.of(slot, now) for slot in page], count=count_of(slots))


def _slots_of_expert(request: HttpRequest, query: SlotQuery) -> HttpResponse:
    today = timezone.now().date()
    # Where the expert is, it may be a day earlier or later.
    first, last = query.from_ or today - _A_DAY, query.to or (query.from_ or today + _A_DAY) + DEFAULT_DAYS * _A_DAY
    beyond = _A_DAY if query.type else timedelta(0)  # what a session takes may begin on the day before
    version = tuple(expert_slots_version(query.expert, first - beyond, last + beyond))
    if not version:
        raise NotFound(_("There is no such expert."))
    offered = _offered(version[0][0], query.type) if query.type else None

    def answer(now: datetime) -> tuple[Listed[SlotOut], datetime]:
        expert = active_expert(query.expert)
        first_day, last_day = days_of(query.from_, query.to, expert.today(now))
        found = within_days(Slot.objects.filter(expert=expert), first_day - beyond, last_day + beyond)
        slots = list(found.order_by("starts_at", "pk"))
        for slot in slots:
            slot.expert = expert  # known already, and as wide as the slot itself
        changes = [slot.changes_at(now) for slot in slots]
        if offered is not None:
            every = sessions_of(slots, offered.session_type, offered.terms)
            changes += [session.changes_at(now) for session in every]
            shown = shown_sessions(slots, offered.session_type, offered.terms, now)
            slots = [session for session in shown if first_day <= session.date <= last_day]
        until = min([next_midnight(now, expert.zone), *(at for at in changes if at is not None)])
        if query.bookable:
            slots = [slot for slot in slots if slot.state_at(now) in BOOKABLE_STATES]
        start, end = bounds(query.page)
        items = [SlotOut.of(slot, now) for slot in slots[start:end]]
        return Listed[SlotOut].model_construct(items=items, count=min(len(slots), MOST_COUNTED)), until

    if offered is not None:
        kind = offered.session_type
        version = (*version, offered.terms, *(getattr(kind, field.attname) for field in kind._meta.concrete_fields))
    return kept_json(request, ("slots", *query.model_dump().values()), version, answer)


def _offered(expert_id: int, slug: str) -> OfferedType:
    """Also one that is on no list: whoever names it has its link."""
    offered = offered_by(expert_id).filter(session_type__slug=slug).first()
    if offered is None:
        raise NotFound(_("There is no such session type."))
    return offered


@router.get("/slots/{int:slot_id}", response={200: SlotOut, **errors(404)}, summary="One slot")
@may_read_replica
def get_slot(request: HttpRequest, slot_id: int):
    slots = Slot.objects.filter(expert__is_active=True, expert__organization__is_active=True)
    slot = slots.with_expert().filter(pk=slot_id).first()
    if slot is None:
        raise NotFound
    return SlotOut.of(slot, timezone.now())


@router.get(
    "/organizations/{slug:slug}/types/{slug:type_slug}/starts",
    response={200: Listed[StartOut], **errors(404, 422)},
    summary="When anyone is free for a session",
)
def list_starts(request: HttpRequest, slug: str, type_slug: str, query: Query[StartQuery]):
    """What ``POST …/book`` takes: instants at which somebody who offers the type is free, or two where it needs two.

    Days are those of the organisation’s time zone. Soonest first, all in one answer: the first 2,000 of them.
    """
    kind = find_type(slug, type_slug)
    experts = find_experts(kind, query.experts) if kind else None
    if kind is None or experts is None:
        raise NotFound(_("There is no such session type."))
    now, zone = timezone.now(), kind.organization.zone
    first, last = days_of(query.from_, query.to, now.astimezone(zone).date(), most=MOST_DAYS_OF_STARTS)
    begins, ends = day_bounds(first, zone)[0], day_bounds(last, zone)[1]
    free = free_starts(kind, begins, ends, [expert.pk for expert in experts])
    return Listed[StartOut].model_construct(items=[StartOut.of(it) for it in free], count=len(free))


def days_of(first: date | None, last: date | None, today: date, *, most: int = MOST_DAYS) -> tuple[date, date]:
    """The stretch of days that was asked for. Raises Invalid when it is none, or too long."""
    first = first or today
    last = last or first + timedelta(days=DEFAULT_DAYS)
    if last < first:
        raise Invalid(_("The last day is before the first."), field="to")
    if last - first >= timedelta(days=most):
        raise Invalid(_("Ask for at most %(days)d days.") % {"days": most}, field="to")
    return first, last


def within_days(slots, first: date, last: date):
    """Slots on these days of their experts' calendars; the instants around them lead to the index by start."""
    earliest = datetime.combine(first, time.min, tzinfo=UTC) - MOST_AHEAD
    latest = datetime.combine(last, time.max, tzinfo=UTC) + MOST_BEHIND
    return slots.filter(date__range=(first, last), starts_at__range=(earliest, latest))
