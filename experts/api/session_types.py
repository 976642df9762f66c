"""Session types for staff's programs: listed, and added with who offers them."""

from decimal import Decimal
from typing import Annotated, Literal

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router, Status
from pydantic import BaseModel, Field

from experts import services
from experts.api.error_schemas import Error, errors
from experts.api.schemas import Flag, Input, Line, Listed, Slug, Text, Whole, example
from experts.api.staff_schemas import Minutes
from experts.errors import NotFound, TypePreviewNeeded
from experts.models import Audience, Expert, OfferedType, SessionType
from experts.models.session_type import LONGEST_SESSION
from experts.scheduling.type_plan import TogetherChange

router = Router(tags=["Staff: session types"])
MOST_EXPERTS = 200
_PLAIN = (
    "slug",
    "name",
    "description",
    "minutes",
    "buffer_before",
    "buffer_after",
    "audience",
    "is_group",
    "experts_needed",
    "is_active",
)
TYPE = {
    "slug": "first-visit",
    "name": "First visit",
    "description": "",
    "minutes": 40,
    "buffer_before": 0,
    "buffer_after": 10,
    "price_amount": "60.00",
    "price_currency": "EUR",
    "price_words": "",
    "venue": "",
    "audience": "everybody",
    "is_group": False,
    "experts_needed": 1,
    "is_active": True,
    "experts": ["amara-okafor"],
}
_Buffer = Annotated[Whole, Field(ge=0, le=LONGEST_SESSION)]
_AUDIENCES = tuple(Audience.values)


class SessionTypeIn(Input):
    """A new type, last in order. ``experts`` offer it. ``seen`` comes from the 409 that showed what it means."""

    model_config = Input.model_config | example({"name": "First visit", "minutes": 40, "experts": ["amara-okafor"]})

    name: Line = Field(min_length=1, max_length=80)
    slug: Annotated[Slug, Field(max_length=60)] = Field("", description="Made of the name if left out.")
    description: Text = Field("", max_length=1000)
    minutes: Minutes
    buffer_before: _Buffer = 0
    buffer_after: _Buffer = 0
    price_amount: Annotated[Decimal, Field(ge=0, max_digits=9, decimal_places=2)] | None = None
    price_currency: str = Field("", pattern="^([A-Z]{3})?$")
    price_words: Line = Field("", max_length=60)
    venue: Literal["", "in_person", "phone", "video"] = ""
    audience: Literal[_AUDIENCES] = Audience.EVERYBODY.value
    is_group: Flag = False
    experts_needed: Literal[1, 2] = 1
    experts: list[Slug] = Field([], max_length=MOST_EXPERTS)
    seen: str = Field("", max_length=64)


class StaffSessionTypeOut(BaseModel):
    """What a session is for. An empty ``venue`` is the expert's. ``experts`` offer it."""

    model_config = example(TYPE)

    slug: str
    name: str
    description: str
    minutes: int
    buffer_before: int
    buffer_after: int
    price_amount: str | None
    price_currency: str
    price_words: str
    venue: str
    audience: str = Field(json_schema_extra={"enum": list(_AUDIENCES)})
    is_group: bool
    experts_needed: int
    is_active: bool
    experts: list[str]

    @classmethod
    def of(cls, kind: SessionType) -> "StaffSessionTypeOut":
        values = {name: getattr(kind, name) for name in (*_PLAIN, "price_currency", "price_words", "venue")}
        amount = None if kind.price_amount is None else f"{kind.price_amount:.2f}"
        experts = sorted(offer.expert.slug for offer in kind.offers.all())
        return cls.model_construct(**values, price_amount=amount, experts=experts)


class StartsOut(BaseModel):
    """How many starts of an expert can be booked in the next two weeks; null where nobody counted."""

    expert: str
    before: int | None
    after: int | None


class TogetherOut(BaseModel):
    """At how many times in the next two weeks two who offer the type are free."""

    before: int
    after: int

    @classmethod
    def of(cls, change: TogetherChange) -> "TogetherOut":
        return cls(before=change.starts_before, after=change.starts_after)


class TypePreview(BaseModel):
    """Nothing was written yet: this is what it means. The same request with ``seen`` does it.

    Of a type of two experts ``together`` counts, else it is null.
    """

    model_config = example(
        {
            "code": "preview_needed",
            "detail": "This changes which times can be booked. Look at it, then send the same again with “seen”.",
            "seen": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "starts": [{"expert": "amara-okafor", "before": 120, "after": 80}],
            "together": None,
        }
    )

    code: str
    detail: str
    seen: str
    starts: list[StartsOut]
    together: TogetherOut | None

    @classmethod
    def of(cls, needed: TypePreviewNeeded) -> "TypePreview":
        return cls(
            code="preview_needed",
            detail=_("This changes which times can be booked. Look at it, then send the same again with “seen”."),
            seen=needed.key,
            starts=[
                StartsOut(expert=change.expert.slug, before=change.starts_before, after=change.starts_after)
                for change in needed.plan.changes
            ],
            together=next((TogetherOut.of(change) for change in needed.plan.together), None),
        )


@router.get(
    "/session-types",
    response={200: Listed[StaffSessionTypeOut], **errors(401)},
    summary="List session types, for staff",
)
def list_own_session_types(request: HttpRequest):
    """All of the organisation in their order, retired ones too."""
    kinds = SessionType.objects.filter(organization=request.auth.organization).prefetch_related("offers__expert")
    rows = [StaffSessionTypeOut.of(kind) for kind in kinds]
    return Listed[StaffSessionTypeOut](items=rows, count=len(rows))


@router.post(
    "/session-types",
    response={201: StaffSessionTypeOut, 409: Error | TypePreview, **errors(400, 401, 403, 404, 422)},
    summary="Add a session type",
)
def add_session_type(request: HttpRequest, details: SessionTypeIn):
    """With ``experts`` the first answer is a 409: it says how many of their times can be booked before and after."""
    organization = request.auth.organization
    values = details.model_dump(exclude={"experts", "seen"})
    experts = list(Expert.objects.filter(organization=organization, slug__in=details.experts).order_by("pk"))
    if len(experts) < len(set(details.experts)):
        raise NotFound(_("There is no such expert."))
    kind = services.save_session_type(
        session_type=SessionType(organization=organization, **values),
        offered=[OfferedType(expert=expert) for expert in experts],
        seen=details.seen,
    )
    return Status(201, StaffSessionTypeOut.of(kind))
