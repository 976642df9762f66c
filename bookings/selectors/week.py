"""Read an expert's week by the clock that leads (experts/clocks.py), for the page and the live push alike.

Without a viewer's data: all to whom the same clock leads see the same.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any
from zlib import crc32
from zoneinfo import ZoneInfo

from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bookings.models import Booking
from experts.clocks import clocks_for
from experts.models import Expert, Slot
from experts.models.slot import BOOKABLE_STATES
from experts.prepared import PreparedValues
from experts.timezones import day_bounds, next_midnight

# Tiles of slots in these states are no buttons, so a change to or from them needs a new tile, not only a new state.
PLAIN_STATES = frozenset({"past", "closed"})


@dataclass(frozen=True)
class DayCount:
    """What the strip shows of a day. ``state``: open, full, closed or past; ``open``: the number of bookable slots."""

    date: date
    open: int
    state: str
    text: str


class Week:
    """The slots of one expert from Monday to Sunday, with their states at ``now``.

    Its days are those of the clock in ``zone``: a slot belongs to the day on which it starts there.
    """

    def __init__(self, expert: Expert, monday: date, zone: ZoneInfo, slots: list[Slot], now: datetime):
        self.expert, self.monday, self.zone, self.now = expert, monday, zone, now
        self.today = now.astimezone(zone).date()
        self.slots: dict[date, list[Slot]] = {}
        self.states: dict[int, str] = {}
        for slot in slots:
            slot.expert = expert  # known already; its policy decides about the state
            self.slots.setdefault(slot.starts_at.astimezone(zone).date(), []).append(slot)
            self.states[slot.pk] = slot.state_at(now)

    @classmethod
    def read(cls, expert: Expert, monday: date, now: datetime, zone: ZoneInfo | None = None) -> "Week":
        """Read the week that begins at ``monday``, by the expert's clock unless ``zone`` is given. One query."""
        zone = zone or expert.zone
        start, end = day_bounds(monday, zone)[0], day_bounds(monday + timedelta(days=6), zone)[1]
        slots = Slot.objects.starting_within(start, end, expert)
        return cls(expert, monday, zone, list(slots), now)

    @classmethod
    def around(cls, expert: Expert, day: date, now: datetime, zone: ZoneInfo | None = None) -> "Week":
        """Read the week that ``day`` is in, as ``read``. One query."""
        return cls.read(expert, day - timedelta(days=day.weekday()), now, zone)

    @property
    def days(self) -> list[date]:
        return [self.monday + timedelta(days=n) for n in range(7)]

    def a_week_before(self, day: date) -> date | None:
        """The same weekday of the week before, but never a day that is over; None in the current week."""
        return max(day - timedelta(days=7), self.today) if self.monday > self.today else None

    def a_week_after(self, day: date) -> date | None:
        """The same weekday of the week after; None when nothing in it can be booked yet."""
        horizon = self.now + timedelta(days=self.expert.policy("horizon_days"))
        is_reached = self.monday + timedelta(days=7) <= horizon.astimezone(self.zone).date()
        return day + timedelta(days=7) if is_reached else None

    @cached_property
    def changes_at(self) -> datetime:
        """Return the first instant after ``now`` at which time alone changes something: a slot, or the day."""
        changes = (slot.changes_at(self.now) for slots in self.slots.values() for slot in slots)
        return min([next_midnight(self.now, self.zone), *(at for at in changes if at is not None)])

    def on(self, day: date) -> list[Slot]:
        return self.slots.get(day, [])

    def open_to(self, booking: Booking, day: date) -> list[Slot]:
        """Return the slots of the day that an open booking of this expert can be moved to."""
        return [
            slot
            for slot in self.on(day)
            if self.states[slot.pk] in BOOKABLE_STATES
            and slot.pk != booking.slot_id
            and slot.seats_left_at(self.now) >= booking.seats
        ]

    def open_count(self, day: date) -> int:
        return sum(self.states[slot.pk] in BOOKABLE_STATES for slot in self.on(day))

    def count(self, day: date) -> DayCount:
        states = {self.states[slot.pk] for slot in self.on(day)}
        open_slots = self.open_count(day)
        if open_slots:
            state, text = "open", ngettext("%(count)d open", "%(count)d open", open_slots) % {"count": open_slots}
        elif day < self.today or states == {"past"}:
            state, text = "past", _("Past")
        elif states & {"full", "held"}:
            state, text = "full", _("Full")
        else:
            state, text = "closed", _("Closed")
        return DayCount(day, open_slots, state, text)

    def grid_key(self, day: date) -> str:
        """Return a key of the tiles of a day: which slots, when, with what title, and which of them are closed.

        A page loads the day again when the server tells it another key, also where another clock leads by now. Other
        changes of state need no new tiles.
        """
        tiles = [
            (slot.pk, slot.starts_at.timestamp(), slot.title, self.states[slot.pk] == "closed") for slot in self.on(day)
        ]
        return f"{crc32(repr((self.expert.venue, self.expert.timezone, self.today == day, tiles)).encode()):08x}"


# Days farther away are refused: nothing can be booked there, and dates could overflow.
_DAYS_BACK, _DAYS_BEYOND_HORIZON = 366, 366


def parse_day(text: str | None, expert: Expert, visitor_zone: ZoneInfo | None = None) -> date | None:
    """Return the day that an address names (ISO), None if it is no day or too far away.

    Without a day: ``first_day``.
    """
    if not text:
        return first_day(expert.slug, visitor_zone)
    day = read_day(text)
    return day if day and is_within_reach(day, expert) else None


def first_day(slug: str, visitor_zone: ZoneInfo | None = None) -> date | None:
    """Return the day of the expert's next bookable slot, else today; None without an expert.

    By the clock that leads (experts/clocks.py).
    """
    for venue, zone_name, free_at in _next_free(slug):
        zone = clocks_for(venue, ZoneInfo(zone_name), visitor_zone).leading
        return (free_at or timezone.now()).astimezone(zone).date()
    return None


@PreparedValues
def _next_free(slug: str) -> QuerySet[Any]:
    return Expert.objects.filter(slug=slug).values_list("venue", "timezone", first_start(Slot.objects.bookable()))


def first_start(slots: QuerySet[Slot]) -> Subquery:
    """When the first of these slots that is the expert's starts, in a query of experts."""
    return Subquery(slots.filter(expert=OuterRef("pk")).order_by("starts_at").values("starts_at")[:1])


def read_day(text: str) -> date | None:
    """Return the day that is written there (ISO); None if it is none, or one without a whole week around it."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if date.min.year < day.year < date.max.year else None


def is_within_reach(day: date, expert: Expert) -> bool:
    """Return whether pages show that day of the expert."""
    last = expert.last_bookable_day() + timedelta(days=_DAYS_BEYOND_HORIZON)
    return expert.today() - timedelta(days=_DAYS_BACK) <= day <= last
