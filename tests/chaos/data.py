"""What the people of a chaos run book: two organisations, one that asks to be asked, with a webhook each."""

import json
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from experts.models import Expert, Slot
from tests.api.caller import make_token
from tests.cast import make_category, make_expert, make_organization, make_webhook, when

DAYS, EACH_DAY, SEATS = 12, 18, 3
PEOPLE = 20_000  # addresses that have opened a link of a mail: nobody is asked for one
_KNOWN = """
    INSERT INTO bookings_proven (hash, kind, proven_at)
    SELECT encode(sha256(convert_to('address p' || n || '@example.com', 'UTF8')), 'hex'), 'address', now()
    FROM generate_series(0, %s) AS n
"""


@dataclass(frozen=True)
class Calendar:
    """One expert: slots of several seats, slots of one seat for those who wait, and the token of the house."""

    slug: str
    token: str
    asks: bool  # bookings are requests
    slots: list[int]
    single: list[int]
    days: list[str]  # of the slots of several seats


@dataclass(frozen=True)
class Data:
    calendars: list[Calendar]

    def to_json(self) -> str:
        return json.dumps([vars(calendar) for calendar in self.calendars])

    @classmethod
    def from_json(cls, text: str) -> "Data":
        return cls([Calendar(**values) for values in json.loads(text)])


def make(webhook: str) -> Data:
    """Fill the database that Django is connected to. ``webhook``: the address of a receiver."""
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [PEOPLE])
    category, calendars = make_category(), []
    for asks in (False, True):
        organization = make_organization(requires_approval=asks, contact_email="desk@example.com", timezone="UTC")
        make_webhook(organization, url=webhook)
        token = make_token(organization)
        for _ in range(2):
            expert = make_expert(organization=organization, category=category, timezone="UTC")
            slots, single = _make_slots(expert, 0, SEATS), _make_slots(expert, DAYS, 1)
            days = sorted({slot.date.isoformat() for slot in slots})
            calendars.append(
                Calendar(expert.slug, token, asks, [slot.pk for slot in slots], [slot.pk for slot in single], days)
            )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return Data(calendars)


def _make_slots(expert: Expert, first_day: int, capacity: int) -> list[Slot]:
    """Slots of half an hour from 8 o'clock on, in each of a dozen days."""
    first = timezone.now().replace(hour=8, minute=0, second=0, microsecond=0) + timedelta(days=3 + first_day)
    starts = [first + timedelta(days=day, minutes=30 * n) for day in range(DAYS) for n in range(EACH_DAY)]
    return Slot.objects.bulk_create(
        Slot(expert=expert, ends_at=start + timedelta(minutes=30), capacity=capacity, **when(expert, start))
        for start in starts
    )
