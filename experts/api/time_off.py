"""Time off for staff's programs: of one expert, or of the whole organisation."""

from datetime import date

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Router, Status
from pydantic import BaseModel, Field

from experts import services
from experts.api.error_schemas import Error, errors
from experts.api.pagination import count_of, following
from experts.api.schemas import Clock, Day, Followed, Input, Line, Slug, example
from experts.api.staff import REFUSED, known, own_expert
from experts.api.staff_schemas import Preview
from experts.errors import NotFound
from experts.models import Expert, TimeOff

router = Router(tags=["Staff: time off"])
HOLIDAY = {
    "id": 12,
    "expert": "amara-okafor",
    "first_day": "2026-12-24",
    "last_day": "2027-01-01",
    "from_time": "13:00",
    "to_time": None,
    "reason": "Holiday",
}


class TimeOffQuery(Input):
    expert: Slug | None = Field(None, description="Of this expert, and of the whole organisation.")
    from_: Day | None = Field(None, alias="from", description="What ends on this day or later.")
    after: int | None = Field(None, ge=1, le=2**63 - 1, description="The ``next`` of the page before.")


class TimeOffIn(Input):
    """From ``from_time`` of the first day, or its beginning, to ``to_time`` of the last, or its end, where the expert
    is. Without ``expert`` nobody of the organisation works."""

    model_config = Input.model_config | example(
        {name: value for name, value in HOLIDAY.items() if name not in ("id", "to_time")}
    )

    expert: Slug | None = None
    first_day: Day
    last_day: Day
    from_time: Clock | None = None
    to_time: Clock | None = None
    reason: Line = Field("", max_length=120)
    seen: str = Field("", max_length=64, description="From the 409 that showed what happens to the slots.")


class TimeOffOut(BaseModel):
    """``expert`` is null for a holiday of the whole organisation."""

    model_config = example(HOLIDAY)

    id: int
    expert: str | None
    first_day: date
    last_day: date
    from_time: str | None
    to_time: str | None
    reason: str

    @classmethod
    def of(cls, row: TimeOff) -> "TimeOffOut":
        values = {name: getattr(row, name) for name in ("id", "first_day", "last_day", "reason")}
        times = {"from_time": row.from_time, "to_time": row.to_time}
        clocks = {name: at.isoformat("minutes") if at else None for name, at in times.items()}
        return cls.model_construct(**values, **clocks, expert=row.expert.slug if row.expert else None)


def own_time_off(request: HttpRequest):
    ours = request.auth.organization
    # As an array, by which the index on the expert is found.
    experts = ArraySubquery(Expert.objects.order_by().filter(organization=ours).values("pk"))
    return TimeOff.objects.filter(Q(organization=ours) | Q(expert__id__any_of=experts)).select_related("expert")


@router.get("/time-off", response={200: Followed[TimeOffOut], **errors(401, 404, 422)}, summary="List time off")
def list_time_off(request: HttpRequest, query: Query[TimeOffQuery]):
    """As it was entered."""
    rows = own_time_off(request)
    if query.expert:
        expert = own_expert(request, query.expert)
        rows = rows.filter(pk__in=TimeOff.objects.of_expert(expert).values("pk"))
    if query.from_:
        rows = rows.filter(last_day__gte=query.from_)
    count, page = count_of(rows), rows.order_by("pk")
    if query.after:
        page = page.filter(pk__gt=known(own_time_off(request).filter(pk=query.after)).pk)
    items, following_page = following(page, lambda row: row.pk)
    return Followed[TimeOffOut](items=[TimeOffOut.of(row) for row in items], count=count, next=following_page)


@router.post(
    "/time-off",
    response={201: TimeOffOut, 409: Error | Preview, **errors(400, *REFUSED, 404, 422)},
    summary="Add time off",
)
def add_time_off(request: HttpRequest, details: TimeOffIn):
    """Slots that came from weekly hours go, those with bookings stay, closed: that needs a look first, as for hours."""
    expert = own_expert(request, details.expert) if details.expert else None
    row = TimeOff(
        expert=expert,
        organization=None if expert else request.auth.organization,
        **details.model_dump(exclude={"expert", "seen"}),
    )
    services.save_time_off(time_off=row, seen=details.seen)
    return Status(201, TimeOffOut.of(row))


@router.delete(
    "/time-off/{int:time_off_id}",
    response={204: None, 409: Error | Preview, **errors(*REFUSED, 404, 422)},
    summary="Take time off back",
)
def delete_time_off(request: HttpRequest, time_off_id: int, seen: Query[str] = ""):
    """The slots of those days are there again: that needs a look first, as for hours."""
    row = own_time_off(request).filter(pk=time_off_id).first()
    if row is None:
        raise NotFound(_("There is no such time off."))
    services.delete_time_off(time_off_id=row.pk, seen=seen)
    return Status(204, None)
