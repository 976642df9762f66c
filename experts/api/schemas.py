"""What the API says and takes: plain JSON shapes. What goes in is strict, so that a typo is told and not ignored."""

import re
from datetime import UTC, date, datetime, time
from typing import Annotated, Generic, TypeVar
from urllib.parse import urljoin

from django.conf import settings
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from experts.models import Audience, Expert, OfferedType, Slot
from experts.models.expert import Venue
from experts.scheduling.anyone import FreeStart
from experts.slot_facts import slot_facts

Item = TypeVar("Item")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_FIRST_YEAR, _LAST_YEAR = 2000, 2199


def _day(value):
    """Only as ISO 8601 says it: pydantic would also take numbers for seconds since 1970."""
    if isinstance(value, str) and _DAY.fullmatch(value):
        return value
    raise ValueError("Write a day as 2026-03-12.")


def _sane_year(value: date) -> date:
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        raise ValueError(f"Choose a year between {_FIRST_YEAR} and {_LAST_YEAR}.")
    return value


def _clock(value):
    if isinstance(value, str) and _CLOCK.fullmatch(value):
        return time.fromisoformat(value)
    raise ValueError("Write a time as 16:15.")


Day = Annotated[date, BeforeValidator(_day), AfterValidator(_sane_year)]
Clock = Annotated[
    time,
    BeforeValidator(_clock),
    WithJsonSchema({"type": "string", "pattern": f"^{_CLOCK.pattern}$", "examples": ["16:15"]}),
]
Slug = Annotated[str, Field(max_length=80, pattern=r"^[-a-zA-Z0-9_]+$")]
Whole = Annotated[int, Field(strict=True)]
Flag = Annotated[bool, Field(strict=True)]

START = {
    "starts_at": "2026-11-24T14:00:00Z",
    "ends_at": "2026-11-24T14:40:00Z",
    "experts": ["amara-okafor", "tom-whitfield"],
}
SLOT = {
    "id": 4711,
    "expert": "amara-okafor",
    "date": "2026-03-12",
    "time": "16:15",
    "timezone": "Europe/London",
    "starts_at": "2026-03-12T16:15:00Z",
    "ends_at": "2026-03-12T16:45:00Z",
    "title": "",
    "capacity": 1,
    "seats_left": 1,
    "state": "open",
}
SESSION_TYPE = {
    "slug": "first-visit",
    "name": "First visit",
    "description": "We look at what hurts and plan what to do.",
    "minutes": 45,
    "price": "€60",
    "venue": "in_person",
    "address": "12 High Street",
    "audience": "everybody",
    "requires_approval": False,
    "max_party": 1,
}
EXPERT = {
    "slug": "amara-okafor",
    "name": "Dr Amara Okafor",
    "headline": "Physiotherapist",
    "category": "health",
    "organization": "northgate",
    "timezone": "Europe/London",
    "languages": ["en", "fr"],
    "session_minutes": 30,
    "venue": "in_person",
    "requires_approval": False,
    "max_party": 1,
    "photo": {
        "small": "https://book.example.org/media/experts/7/5f1c0c4e-96.webp",
        "medium": "https://book.example.org/media/experts/7/5f1c0c4e-192.webp",
        "large": "https://book.example.org/media/experts/7/5f1c0c4e-640.webp",
    },
    "next_slot_at": "2026-03-12T16:15:00Z",
}


def _plain(value: str) -> str:
    """On one line, and nothing that nobody can see: such a text cannot be stored, or reads otherwise than it is."""
    if not value.isprintable():
        raise ValueError("Remove line breaks and invisible characters.")
    return value


def _printable(value: str) -> str:
    _plain(value.replace("\n", "").replace("\r", "").replace("\t", ""))
    return value


Line = Annotated[str, AfterValidator(_plain)]
Text = Annotated[str, AfterValidator(_printable)]


def example(value: dict) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [value]})


class Input(BaseModel):
    """What a caller sends. An unknown field is an error."""

    model_config = ConfigDict(extra="forbid")


class Listed(BaseModel, Generic[Item]):
    """A page of a list. ``count`` is how many there are in all; 1000 means 1000 or more."""

    items: list[Item]
    count: int


class Followed(Listed[Item], Generic[Item]):
    """A page of a list of staff's. ``next`` is what to send as ``after`` to get the next page; null on the last one."""

    next: str | None


class SlotOut(BaseModel):
    """``date`` and ``time`` are the expert's wall clock in ``timezone``; ``starts_at`` and ``ends_at`` are UTC."""

    model_config = example(SLOT)

    id: int
    expert: str
    date: date
    time: str
    timezone: str
    starts_at: datetime
    ends_at: datetime
    title: str
    capacity: int
    seats_left: int
    state: str = Field(json_schema_extra={"enum": ["open", "few", "held", "full", "closed", "past"]})

    @classmethod
    def facts(cls, slot: Slot, now: datetime) -> dict:
        return slot_facts(slot, now)

    @classmethod
    def of(cls, slot: Slot, now: datetime) -> "SlotOut":
        """The slot as it is at ``now``; needs ``with_expert()``."""
        return cls.model_construct(**cls.facts(slot, now))


class StartOut(BaseModel):
    """When a session of a type can begin, and with whom (slugs): who is free then. The end is that of the longest."""

    model_config = example(START)

    starts_at: datetime
    ends_at: datetime
    experts: list[str]

    @classmethod
    def of(cls, start: FreeStart) -> "StartOut":
        starts_at, ends_at = start.starts_at.astimezone(UTC), start.ends_at.astimezone(UTC)
        return cls.model_construct(starts_at=starts_at, ends_at=ends_at, experts=start.experts)


class SessionTypeOut(BaseModel):
    """What somebody can be booked for. ``returning``: only who has been before may book it."""

    model_config = example(SESSION_TYPE)

    slug: str
    name: str
    description: str
    minutes: int
    price: str = Field(description="As it is shown, in words; empty without one.")
    venue: str = Field(json_schema_extra={"enum": Venue.values})
    address: str = Field(description="Where to come to, in person; else empty.")
    audience: str = Field(json_schema_extra={"enum": [Audience.EVERYBODY.value, Audience.RETURNING.value]})
    requires_approval: bool
    max_party: int

    @classmethod
    def of(cls, offered: OfferedType, expert: Expert) -> "SessionTypeOut":
        """Needs the type of the offer, and the expert with the organisation."""
        kind, terms = offered.session_type, offered.terms
        venue = terms.venue_with(expert)
        return cls.model_construct(
            slug=kind.slug,
            name=terms.name,
            description=kind.description,
            minutes=terms.minutes,
            price=terms.price,
            venue=venue.value,
            address=terms.note_with(expert) if venue == Venue.IN_PERSON else "",
            audience=kind.audience,
            requires_approval=kind.policy("requires_approval", expert),
            max_party=kind.policy("max_party", expert),
        )


class PhotoOut(BaseModel):
    """Whole addresses of one photo, a square of 96, 192 and 640 pixels (WebP). Another photo has others."""

    small: str
    medium: str
    large: str

    @classmethod
    def of(cls, expert: Expert) -> "PhotoOut | None":
        if not expert.photo:
            return None
        sizes = {"small": expert.photo_small, "medium": expert.photo_medium, "large": expert.photo_large}
        return cls.model_construct(**{name: urljoin(settings.SITE_URL, url) for name, url in sizes.items()})


class ExpertOut(BaseModel):
    """Somebody who can be booked. ``next_slot_at`` (UTC) is the start of the first slot that is bookable, if any.

    Of those who offer session types: the first start at which a session of one of the listed types can be booked.
    """

    model_config = example(EXPERT)

    slug: str
    name: str
    headline: str
    category: str
    organization: str
    timezone: str
    languages: list[str]
    session_minutes: int
    venue: str = Field(json_schema_extra={"enum": ["in_person", "phone", "video"]})
    requires_approval: bool
    max_party: int
    photo: PhotoOut | None
    next_slot_at: datetime | None

    @classmethod
    def facts(cls, expert: Expert) -> dict:
        names = ("slug", "name", "headline", "timezone", "languages", "session_minutes", "venue", "next_slot_at")
        return {name: getattr(expert, name) for name in names} | {
            "category": expert.category.slug,
            "organization": expert.organization.slug,
            "requires_approval": expert.policy("requires_approval"),
            "max_party": expert.policy("max_party"),
            "photo": PhotoOut.of(expert),
        }

    @classmethod
    def of(cls, expert: Expert) -> "ExpertOut":
        """Needs ``correct_starts()``, the category and the organisation."""
        return cls.model_construct(**cls.facts(expert))


class ExpertDetailOut(ExpertOut):
    """An expert, with what is told about them."""

    model_config = example(EXPERT | {"bio": "Helps people move again."})

    bio: str

    @classmethod
    def facts(cls, expert: Expert) -> dict:
        return super().facts(expert) | {"bio": expert.bio}
