"""An expert's week as anybody sees it: no viewer's data, no zone. Shared by the page and the live push."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zlib import crc32

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from experts.models import Expert, Slot
from experts.models.slot import BOOKABLE_STATES

# Slots in these states are no buttons: a change to or from them changes the frame of the tile and not only its state.
PLAIN_STATES = frozenset({"past", "closed"})


@dataclass(frozen=True)
class DayCount:
    """What the strip says of a day. ``state`` is open, full, closed or past; ``open`` counts bookable slots."""

    date: date
    open: int
    state: str
    text: str


class Week:
    """The slots of one expert from Monday to Sunday (the expert's calendar), with their states at ``now``."""

    def __init__(self, expert: Expert, monday: date, slots: list[Slot], now: datetime):
        self.expert, self.monday, self.now = expert, monday, now
        self.today = expert.today(now)
        self.slots: dict[date, list[Slot]] = {}
        self.states: dict[int, str] = {}
        for slot in slots:
            slot.expert = expert  # known already; its policy decides about the state
            self.slots.setdefault(slot.date, []).append(slot)
            self.states[slot.pk] = slot.state_at(now)

    @classmethod
    def read(cls, expert: Expert, monday: date, now: datetime) -> "Week":
        """One query."""
        slots = Slot.objects.on_days(monday, monday + timedelta(days=6)).filter(expert=expert)
        return cls(expert, monday, list(slots), now)

    @classmethod
    def around(cls, expert: Expert, day: date, now: datetime) -> "Week":
        """Read the week that ``day`` is in. One query."""
        return cls.read(expert, day - timedelta(days=day.weekday()), now)

    @property
    def days(self) -> list[date]:
        return [self.monday + timedelta(days=n) for n in range(7)]

    def a_week_before(self, day: date) -> date | None:
        """The same weekday of the week before, but never a day that is over; None in the current week."""
        return max(day - timedelta(days=7), self.today) if self.monday > self.today else None

    def a_week_after(self, day: date) -> date | None:
        """The same weekday of the week after; None when nothing in it can be booked yet."""
        is_reached = self.monday + timedelta(days=7) <= self.expert.last_bookable_day(self.now)
        return day + timedelta(days=7) if is_reached else None

    def on(self, day: date) -> list[Slot]:
        return self.slots.get(day, [])

    def open_to(self, booking, day: date) -> list[Slot]:
        """The slots of the day that an open booking of this expert could move to."""
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
        """Names the tiles of a day: which slots, when, and which of them are buttons. Their states are no part of it.

        A page compares its own with the one that the server tells, and loads the day again when they differ.
        """
        tiles = [
            (slot.pk, slot.starts_at.timestamp(), slot.title, self.states[slot.pk] == "closed") for slot in self.on(day)
        ]
        return f"{crc32(repr((self.today == day, tiles)).encode()):08x}"


# Days outside of this are nobody's calendar, and would only make dates overflow.
_DAYS_BACK, _DAYS_BEYOND_HORIZON = 366, 366


def parse_day(text: str | None, expert: Expert) -> date | None:
    """The day that was asked for; without one, that of the next bookable slot, else today. None if there is no such."""
    today = expert.today()
    if not text:
        slot = Slot.objects.bookable().filter(expert=expert).order_by("starts_at").first()
        return slot.date if slot else today
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    last = expert.last_bookable_day() + timedelta(days=_DAYS_BEYOND_HORIZON)
    return day if today - timedelta(days=_DAYS_BACK) <= day <= last else None
