"""Weekly hours for staff's programs: read, and written together with what they do to the slots."""

from datetime import date, time
from typing import Annotated, Literal

from django.http import HttpRequest
from ninja import Router
from pydantic import BaseModel, Field

from experts import services
from experts.api.error_schemas import Error, errors
from experts.api.schemas import Clock, Day, Input, Line, Listed, Whole, example
from experts.api.staff import REFUSED, own_expert
from experts.api.staff_schemas import Minutes, Preview, Seats, Types
from experts.api.type_slugs import type_ids_by_slug, type_slugs
from experts.models import Expert, WeeklyHours

router = Router(tags=["Staff: hours"])
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MOST_STRETCHES = 100
STRETCH = {
    "weekday": "monday",
    "start": "09:00",
    "end": "12:00",
    "slot_minutes": 30,
    "buffer_minutes": 0,
    "capacity": 1,
    "title": "",
    "valid_from": None,
    "valid_to": None,
}


class StretchIn(Input):
    """A stretch of each such weekday, on the expert's wall clock. An ``end`` of 00:00 is the end of the day."""

    weekday: Literal[DAYS]
    start: Clock
    end: Clock
    slot_minutes: Minutes
    buffer_minutes: Annotated[Whole, Field(ge=0, le=services.LONGEST_MINUTES)] = 0
    capacity: Seats = 1
    title: Line = Field("", max_length=80)
    valid_from: Day | None = None
    valid_to: Day | None = None
    types: Types | None = Field(
        None, description="Left out, those of the stretch that begins then stay; [] is all session types."
    )

    def row(self, ids: dict[str, int], stored: list[WeeklyHours]) -> WeeklyHours:
        """``ids`` are those of session types, by slug; ``stored``: the hours that there are."""
        values = self.model_dump(exclude={"types"}) | {"weekday": DAYS.index(self.weekday)}
        if self.types is not None:
            return WeeklyHours(**values, for_types=sorted({ids[slug] for slug in self.types}))
        begins = (values["weekday"], self.start, self.valid_from)
        same = (row for row in stored if (row.weekday, row.start, row.valid_from) == begins)
        return WeeklyHours(**values, for_types=next((list(row.for_types) for row in same), []))


class HoursIn(Input):
    """All the hours of the expert: what is not sent is taken away. ``seen`` comes from the 409 that showed what
    happens to the slots."""

    model_config = Input.model_config | example({"hours": [STRETCH], "seen": ""})

    hours: list[StretchIn] = Field(max_length=MOST_STRETCHES)
    seen: str = Field("", max_length=64)


class StretchOut(BaseModel):
    model_config = example(STRETCH)

    weekday: str = Field(json_schema_extra={"enum": list(DAYS)})
    start: str
    end: str
    slot_minutes: int
    buffer_minutes: int
    capacity: int
    title: str
    valid_from: date | None
    valid_to: date | None
    types: list[str] = Field([], description="The session types that they are for; left out where they are for all.")

    @classmethod
    def of(cls, row: WeeklyHours, slugs: dict[int, str]) -> "StretchOut":
        """``slugs`` are those of session types, by id."""
        names = ("slot_minutes", "buffer_minutes", "capacity", "title", "valid_from", "valid_to")
        values = {name: getattr(row, name) for name in names}
        if row.for_types:
            values["types"] = [slugs[key] for key in row.for_types if key in slugs]
        return cls.model_construct(weekday=DAYS[row.weekday], start=_clock(row.start), end=_clock(row.end), **values)


@router.get(
    "/experts/{slug:slug}/hours",
    response={200: Listed[StretchOut], **errors(401, 404)},
    exclude_unset=True,
    summary="Weekly hours",
)
def get_hours(request: HttpRequest, slug: str):
    """All of them, by weekday."""
    return _hours_of(own_expert(request, slug))


@router.put(
    "/experts/{slug:slug}/hours",
    response={200: Listed[StretchOut], 409: Error | Preview, **errors(400, *REFUSED, 404, 422)},
    exclude_unset=True,
    summary="Set weekly hours",
)
def set_hours(request: HttpRequest, slug: str, wanted: HoursIn):
    """Slots come and go with the hours. Nothing is written that nobody has seen: the first answer is a 409 with a
    preview, and the same request with its ``seen`` does it. Slots with bookings stay, closed."""
    expert = own_expert(request, slug)
    ids = type_ids_by_slug(expert.organization, (slug for stretch in wanted.hours for slug in stretch.types or ()))
    stored = list(WeeklyHours.objects.filter(expert=expert))
    rows = [stretch.row(ids, stored) for stretch in wanted.hours]
    _recognise(expert, rows)
    services.apply_hours(expert_id=expert.pk, hours=rows, seen=wanted.seen)
    return _hours_of(expert)


def _recognise(expert: Expert, rows: list[WeeklyHours]) -> None:
    """Give rows that are there already their keys, so that the history tells of what has changed only."""
    stored = {_shape(row): row.pk for row in WeeklyHours.objects.filter(expert=expert)}
    for row in rows:
        row.pk = stored.pop(_shape(row), None)


def _shape(row: WeeklyHours) -> tuple[str, tuple[int, ...]]:
    return StretchOut.of(row, {}).model_dump_json(), tuple(row.for_types)


def _hours_of(expert: Expert) -> Listed[StretchOut]:
    stored = list(WeeklyHours.objects.filter(expert=expert))
    slugs = type_slugs(key for row in stored for key in row.for_types)
    rows = [StretchOut.of(row, slugs) for row in stored]
    return Listed[StretchOut](items=rows, count=len(rows))


def _clock(value: time) -> str:
    return value.isoformat("minutes")
