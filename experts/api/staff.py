"""Experts and slots for staff's programs. ``request.auth.organization`` is whose; all others' look unknown."""

from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _
from ninja import Query, Router, Status
from pydantic import Field

from experts import services
from experts.api.error_schemas import Error, errors
from experts.api.pagination import count_of, following
from experts.api.public import days_of, within_days
from experts.api.schemas import Day, Followed, Input, Slug
from experts.api.staff_schemas import ExpertChange, ExpertIn, Preview, SlotChange, SlotIn, StaffExpertOut, StaffSlotOut
from experts.api.type_slugs import type_ids
from experts.errors import Invalid, NotFound
from experts.locking import slot_transaction
from experts.models import Category, Expert, Slot
from experts.ordering import MOST_NAMED
from experts.search import fold

router = Router(tags=["Staff: experts and slots"])
REFUSED = (401, 403)


class ExpertQuery(Input):
    search: str = Field("", max_length=100, description="Beginnings of words of name, headline or category.")
    is_active: bool | None = None
    after: Slug | None = Field(None, description="The ``next`` of the page before.")


class SlotQuery(Input):
    expert: Slug | None = None
    from_: Day | None = Field(None, alias="from", description="The first day. By default today.")
    to: Day | None = Field(None, description="The last day. By default 7 days after the first.")
    after: int | None = Field(None, ge=1, le=2**63 - 1, description="The ``next`` of the page before.")


def own_experts(request: HttpRequest):
    return Expert.objects.filter(organization=request.auth.organization).select_related("category", "organization")


def own_slots(request: HttpRequest):
    return Slot.objects.filter(expert__organization=request.auth.organization).with_expert()


def own_expert(request: HttpRequest, slug: str) -> Expert:
    expert = own_experts(request).filter(slug=slug).first()
    if expert is None:
        raise NotFound(_("There is no such expert."))
    return expert


def own_slot(request: HttpRequest, slot_id: int) -> Slot:
    slot = own_slots(request).filter(pk=slot_id).first()
    if slot is None:
        raise NotFound
    return slot


def known(rows):
    """The row that a page ended with. Raises Invalid for what was never the end of one."""
    row = rows.first()
    if row is None:
        raise Invalid(_("Send the “next” of the page before."), field="after")
    return row


@router.get("/experts", response={200: Followed[StaffExpertOut], **errors(401, 422)}, summary="List experts")
def list_own_experts(request: HttpRequest, query: Query[ExpertQuery]):
    """All of the organisation, inactive ones too, as they were added."""
    experts = own_experts(request)
    if query.search:
        experts = experts.matching(query.search) if fold(query.search) else experts.none()
    if query.is_active is not None:
        experts = experts.filter(is_active=query.is_active)
    count, page = count_of(experts), experts.order_by("pk")
    if query.after:
        page = page.filter(pk__gt=known(own_experts(request).filter(slug=query.after)).pk)
    rows, following_page = following(page, lambda expert: expert.slug)
    return Followed[StaffExpertOut](items=[StaffExpertOut.of(row) for row in rows], count=count, next=following_page)


@router.post(
    "/experts", response={201: StaffExpertOut, 409: Error, **errors(400, *REFUSED, 422)}, summary="Add an expert"
)
def add_expert(request: HttpRequest, details: ExpertIn):
    """A slug that is taken is 422; without one, the API finds one that is free."""
    organization = request.auth.organization
    defaults = {"timezone": organization.timezone, "slug": _free_slug(details.name)}
    expert = Expert(organization=organization, category=_category(details.category), **defaults | details.values())
    expert.full_clean(exclude=["organization", "category", "user"])
    return Status(201, StaffExpertOut.of(services.save_expert(expert=expert)))


@router.get("/experts/{slug:slug}", response={200: StaffExpertOut, **errors(401, 404)}, summary="One expert, for staff")
def get_own_expert(request: HttpRequest, slug: str):
    return StaffExpertOut.of(own_expert(request, slug))


@router.patch(
    "/experts/{slug:slug}",
    response={200: StaffExpertOut, 409: Error | Preview, **errors(400, *REFUSED, 404, 422)},
    summary="Change an expert",
)
def change_expert(request: HttpRequest, slug: str, details: ExpertChange):
    """Slots that came from weekly hours move with the time zone: that needs a look first (409, with ``seen``)."""
    expert, values = own_expert(request, slug), details.values()
    if details.category:
        values["category"] = _category(details.category)
    for name, value in values.items():
        setattr(expert, name, value)
    return StaffExpertOut.of(services.save_expert(expert=expert, fields=values.keys(), seen=details.seen))


def _category(slug: str) -> Category:
    category = Category.objects.filter(slug=slug).first()
    if category is None:
        raise Invalid(_("There is no such category."), field="category")
    return category


def _free_slug(name: str) -> str:
    """The name as an address; with the first number that makes it one of its own."""
    base = slugify(fold(name))[:70] or "expert"
    taken = set(Expert.objects.filter(Q(slug=base) | Q(slug__startswith=f"{base}-")).values_list("slug", flat=True))
    return next(slug for slug in (base, *(f"{base}-{n}" for n in range(2, len(taken) + 3))) if slug not in taken)


@router.get("/slots", response={200: Followed[StaffSlotOut], **errors(401, 404, 422)}, summary="List slots")
def list_own_slots(request: HttpRequest, query: Query[SlotQuery]):
    """By their start, closed ones and those of inactive experts too."""
    slots, now = own_slots(request), timezone.now()
    today = now.astimezone(request.auth.organization.zone).date()
    if query.expert:
        expert = own_expert(request, query.expert)
        slots, today = slots.filter(expert=expert), expert.today(now)
    else:
        # By the ids of the experts: the index of the list passes over the slots of others.
        ids = list(Expert.objects.filter(organization=request.auth.organization).values_list("pk")[: MOST_NAMED + 1])
        slots = slots if len(ids) > MOST_NAMED else slots.filter(expert__id__any_of=[pk for (pk,) in ids])
    slots = within_days(slots, *days_of(query.from_, query.to, today))
    count, page = count_of(slots), slots.order_by("starts_at", "pk")
    if query.after:
        last = known(own_slots(request).filter(pk=query.after))
        page = page.filter(Q(starts_at__gt=last.starts_at) | Q(starts_at=last.starts_at, pk__gt=last.pk))
    rows, following_page = following(page, lambda slot: slot.pk)
    return Followed[StaffSlotOut](items=StaffSlotOut.all_of(rows, now), count=count, next=following_page)


@router.post("/slots", response={201: StaffSlotOut, **errors(400, *REFUSED, 404, 422)}, summary="Add a slot")
def add_slot(request: HttpRequest, details: SlotIn):
    """A slot that overlaps another one of the expert, or a time that the day skips, is 422."""
    expert = own_expert(request, details.expert)
    added = services.add_slots(
        expert=expert,
        starts=[(details.date, details.time)],
        minutes=details.minutes,
        capacity=details.capacity,
        title=details.title,
        for_types=type_ids(expert.organization, details.types),
    )
    if not added:
        raise Invalid(_("The clocks skip that time on that day."), field="time")
    return Status(201, _slot_out(added[0].pk))


@router.get("/slots/{int:slot_id}", response={200: StaffSlotOut, **errors(401, 404)}, summary="One slot, for staff")
def get_own_slot(request: HttpRequest, slot_id: int):
    return _slot_out(own_slot(request, slot_id).pk)


@router.patch(
    "/slots/{int:slot_id}",
    response={200: StaffSlotOut, **errors(400, *REFUSED, 404, 422)},
    summary="Change, close or reopen a slot",
)
def change_slot(request: HttpRequest, slot_id: int, details: SlotChange):
    """All or nothing. Fewer seats than are taken are 422."""
    slot = own_slot(request, slot_id)
    sent = details.model_dump(exclude_unset=True)
    with slot_transaction():
        if "capacity" in sent:
            services.set_capacity(slot_id=slot.pk, capacity=sent["capacity"])
        if "title" in sent:
            services.set_title(slot_id=slot.pk, title=sent["title"])
        if "types" in sent:
            services.set_types(slot_id=slot.pk, for_types=type_ids(request.auth.organization, sent["types"]))
        if "closed" in sent:
            change = services.close_slot if sent["closed"] else services.reopen_slot
            change(slot_id=slot.pk)
    return _slot_out(slot.pk)


@router.delete("/slots/{int:slot_id}", response={204: None, **errors(*REFUSED, 404, 422)}, summary="Delete a slot")
def delete_slot(request: HttpRequest, slot_id: int):
    """Only one that nobody ever booked, else 422: close it instead."""
    services.delete_slot(slot_id=own_slot(request, slot_id).pk)
    return Status(204, None)


def _slot_out(slot_id: int) -> StaffSlotOut:
    return StaffSlotOut.all_of([Slot.objects.with_expert().get(pk=slot_id)], timezone.now())[0]
