"""What staff's programs send and get about experts and slots."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal

from django.utils.translation import gettext as _
from pydantic import BaseModel, Field

from experts.api.schemas import EXPERT, SLOT, Clock, Day, Flag, Input, Line, SlotOut, Slug, Text, Whole, example
from experts.api.type_slugs import type_slugs
from experts.errors import PreviewNeeded
from experts.models import Expert, Slot
from experts.models.expert import LANGUAGES
from experts.services import LONGEST_MINUTES
from experts.timezones import minutes_in

MOST_SEATS = 1000
Types = Annotated[list[Slug], Field(max_length=50, description="Slugs of session types. Empty: all.")]
_A_YEAR = 366 * 24 * 60
Minutes = Annotated[Whole, Field(ge=1, le=LONGEST_MINUTES)]
Seats = Annotated[Whole, Field(ge=1, le=MOST_SEATS)]
Span = Annotated[Whole, Field(ge=0, le=_A_YEAR, description="Minutes. Null follows the organisation.")]
Language = Literal[tuple(LANGUAGES)]
Venue = Literal["in_person", "phone", "video"]
# Policy in the API -> the model's field. Lengths of time are minutes.
_SPANS = {"min_notice_minutes": "min_notice", "cancel_until_minutes": "cancel_until"}
_POLICY = ("requires_approval", "move_approval", "hold_minutes", "approval_hours", "horizon_days", "max_party")
_PLAIN = (
    "slug",
    "name",
    "headline",
    "bio",
    "timezone",
    "languages",
    "session_minutes",
    "default_capacity",
    "venue",
    "venue_note",
    "is_active",
    *_POLICY,
)
STAFF_EXPERT = {name: value for name, value in EXPERT.items() if name not in ("photo", "next_slot_at")} | {
    "bio": "Helps people move again.",
    "default_capacity": 1,
    "venue_note": "12 High Street",
    "is_active": True,
    "requires_approval": None,
    "move_approval": None,
    "hold_minutes": None,
    "approval_hours": None,
    "horizon_days": None,
    "max_party": None,
    "min_notice_minutes": None,
    "cancel_until_minutes": 120,
}
STAFF_SLOT = SLOT | {"seats_booked": 0, "seats_held": 0, "closed": False, "types": []}


class PreviewCounts(BaseModel):
    """How many slots a change adds, removes and so on. ``kept`` have bookings and stay as they are, or closed."""

    added: int
    removed: int
    changed: int
    kept: int
    closed: int
    moved: int
    skipped: int


class Preview(BaseModel):
    """Nothing was written yet: this is what would happen to slots. The same request with ``seen`` does it."""

    model_config = example(
        {
            "code": "preview_needed",
            "detail": "This changes slots. Look at the preview, then send the same again with “seen”.",
            "seen": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "preview": {"added": 40, "removed": 0, "changed": 0, "kept": 2, "closed": 0, "moved": 0, "skipped": 1},
        }
    )

    code: str
    detail: str
    seen: str
    preview: PreviewCounts

    @classmethod
    def of(cls, needed: PreviewNeeded) -> "Preview":
        sums = {
            name: sum(len(getattr(plan, of)) for plan in needed.plans)
            for name, of in [
                *((name, name) for name in PreviewCounts.model_fields if name != "closed"),
                ("closed", "retired"),
            ]
        }
        return cls(
            code="preview_needed",
            detail=_("This changes slots. Look at the preview, then send the same again with “seen”."),
            seen=needed.key,
            preview=PreviewCounts(**sums),
        )


class ExpertChange(Input):
    """What is left out stays as it is. Rules of their own that are null follow the organisation."""

    model_config = Input.model_config | example({"headline": "Physiotherapist", "max_party": 2})

    name: Line = Field(None, min_length=1, max_length=120)
    category: Slug = Field(None, description="The slug of a category.")
    headline: Line = Field(None, max_length=120)
    bio: Text = Field(None, max_length=4000)
    timezone: Line = Field(None, max_length=64, examples=["Europe/London"])
    languages: list[Language] = Field(None, max_length=20)
    session_minutes: Minutes = None
    default_capacity: Seats = None
    venue: Venue = None
    venue_note: Line = Field(None, max_length=300)
    is_active: Flag = None
    requires_approval: Flag | None = None
    move_approval: Literal["ask", "same_day"] | None = Field(
        None,
        description="Whether a customer who moves an approved booking asks again: always, or only to another day.",
    )
    hold_minutes: Annotated[Whole, Field(ge=1, le=60)] | None = None
    approval_hours: Annotated[Whole, Field(ge=1, le=720)] | None = None
    horizon_days: Annotated[Whole, Field(ge=1, le=730)] | None = None
    max_party: Annotated[Whole, Field(ge=1, le=50)] | None = None
    min_notice_minutes: Span | None = None
    cancel_until_minutes: Span | None = None
    seen: str = Field("", max_length=64, description="From the 409 that showed what another time zone does to slots.")

    def values(self) -> dict:
        """What was sent, by the model's names; without the category."""
        sent = self.model_dump(exclude_unset=True, exclude={"category", "seen"})
        for name, field in _SPANS.items():
            if name in sent:
                minutes = sent.pop(name)
                sent[field] = None if minutes is None else timedelta(minutes=minutes)
        return sent


class ExpertIn(ExpertChange):
    """A new expert. What is left out has its usual value; the time zone is the organisation's, the slug made of
    the name."""

    model_config = Input.model_config | example({"name": "Dr Amara Okafor", "category": "health"})

    name: Line = Field(min_length=1, max_length=120)
    category: Slug = Field(description="The slug of a category.")
    slug: Slug = Field(None, description="The expert's address. Unique in the installation.")


class StaffExpertOut(BaseModel):
    """An expert as staff see it: rules that are null follow the organisation."""

    model_config = example(STAFF_EXPERT)

    slug: str
    name: str
    headline: str
    bio: str
    category: str
    organization: str
    timezone: str
    languages: list[str]
    session_minutes: int
    default_capacity: int
    venue: str
    venue_note: str
    is_active: bool
    requires_approval: bool | None
    move_approval: str | None
    hold_minutes: int | None
    approval_hours: int | None
    horizon_days: int | None
    max_party: int | None
    min_notice_minutes: int | None
    cancel_until_minutes: int | None

    @classmethod
    def of(cls, expert: Expert) -> "StaffExpertOut":
        """Needs the category and the organisation."""
        values = {name: getattr(expert, name) for name in _PLAIN}
        for name, field in _SPANS.items():
            span = getattr(expert, field)
            values[name] = None if span is None else minutes_in(span)
        return cls.model_construct(**values, category=expert.category.slug, organization=expert.organization.slug)


class SlotIn(Input):
    """A new slot at the expert's wall-clock date and time. Length and seats are the expert's unless they are sent."""

    model_config = Input.model_config | example({"expert": "amara-okafor", "date": "2026-03-12", "time": "16:15"})

    expert: Slug
    date: Day
    time: Clock
    minutes: Minutes | None = None
    capacity: Seats | None = None
    title: Line = Field("", max_length=80)
    types: Types = []


class SlotChange(Input):
    """What is left out stays as it is. A closed slot keeps its bookings and takes no more."""

    model_config = Input.model_config | example({"capacity": 4, "closed": False})

    capacity: Seats = None
    title: Line = Field(None, max_length=80)
    types: Types = None
    closed: Flag = None


class StaffSlotOut(SlotOut):
    """A slot, with how its seats are taken. ``state`` says what visitors see; ``closed`` what staff decided."""

    model_config = example(STAFF_SLOT)

    seats_booked: int
    seats_held: int
    closed: bool
    types: list[str] = Field(description="The session types that can be booked in it; empty: all.")

    @classmethod
    def facts(cls, slot: Slot, now: datetime) -> dict:
        counters = {"seats_booked": slot.seats_booked, "seats_held": slot.seats_held, "closed": slot.is_closed}
        return super().facts(slot, now) | counters

    @classmethod
    def all_of(cls, slots: Sequence[Slot], now: datetime) -> list["StaffSlotOut"]:
        """The slots as they are at ``now``; need ``with_expert()``. A query where some are for some types only."""
        slugs = type_slugs(key for slot in slots for key in slot.for_types)
        named = [[slugs[key] for key in slot.for_types if key in slugs] for slot in slots]
        rows = zip(slots, named, strict=True)
        return [cls.model_construct(**cls.facts(slot, now), types=types) for slot, types in rows]
