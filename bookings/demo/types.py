"""The session types of the demo site. Two organisations have some; the third is booked by the slot."""

from decimal import Decimal
from typing import Any

from experts.models import Organization, SessionType
from experts.models.organization import Accent

_TYPES: dict[str, list[dict[str, Any]]] = {
    "northgate-clinic": [
        {
            "name": "First visit",
            "slug": "first-visit",
            "description": "For everybody who has not been here before, or comes with something new.",
            "minutes": 40,
            "price_amount": Decimal(60),
            "price_currency": "GBP",
            "colour": Accent.PETROL,
        },
        {
            "name": "Follow-up",
            "slug": "follow-up",
            "description": "How you are since the last visit, and what comes next.",
            "minutes": 20,
            "price_amount": Decimal(35),
            "price_currency": "GBP",
            "colour": Accent.FOREST,
        },
        {
            "name": "Video consultation",
            "slug": "video-consultation",
            "description": "From wherever you are. You get the link with the confirmation.",
            "minutes": 20,
            "buffer_after": 20,
            "price_amount": Decimal(45),
            "price_currency": "GBP",
            "venue": "video",
            "venue_note": "https://meet.example.com/{reference}-{secret}",
            "colour": Accent.OCEAN,
        },
        {
            "name": "Joint assessment",
            "slug": "joint-assessment",
            "description": "Two of us look at it together, and you leave with one plan.",
            "minutes": 40,
            "experts_needed": 2,
            "price_amount": Decimal(110),
            "price_currency": "GBP",
            "colour": Accent.PLUM,
        },
    ],
    "brightside-collective": [
        {
            "name": "Trial lesson",
            "slug": "trial-lesson",
            "description": "Find out your level, and whether you like it.",
            "minutes": 30,
            "price_words": "Free",
            "colour": Accent.FOREST,
        },
        {
            "name": "Private lesson",
            "slug": "private-lesson",
            "description": "At your pace, with one teacher.",
            "minutes": 60,
            "price_amount": Decimal(48),
            "price_currency": "USD",
            "colour": Accent.PETROL,
        },
        {
            "name": "Group class",
            "slug": "group-class",
            "description": "With a few others of your level.",
            "minutes": 60,
            "is_group": True,
            "max_party": 2,
            "price_amount": Decimal(18),
            "price_currency": "USD",
            "colour": Accent.OCEAN,
        },
    ],
}


def session_types(organizations: list[Organization]) -> list[SessionType]:
    """Return those of all organisations, in order, not written yet."""
    return [
        SessionType(organization=organization, position=position, **values)
        for organization in organizations
        for position, values in enumerate(_TYPES.get(organization.slug, ()), start=1)
    ]
