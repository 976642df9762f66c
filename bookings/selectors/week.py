"""Read days of an expert by the clock that leads (experts/clocks.py), for the page and the live push alike.

Without a viewer's data: all to whom the same clock leads see the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any
from zlib import crc32
from zoneinfo import ZoneInfo

from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bookings.models import Booking
from experts.clocks import clocks_for
from experts.models import Expert, Slot
from experts.models.slot import BOOKABLE_STATES
from experts.prepared import PreparedValues
from experts.scheduling.fitting import Offered, shown_sessions
from experts.scheduling.openings import not_made_yet
from experts.scheduling.sessions import slots_touching
from experts.timezones import day_bounds, next_midnight

# Tiles of slots in these states are no buttons, so a change to or from them needs a new tile, not only a new state.
PLAIN_STATES = frozenset({"past", "closed"})


@dataclass(frozen=True)
class DayCount:
    """What the strip and the month show of a day.

    ``state``: open, full, closed, past or later, which is beyond the horizon; ``open``: the number of bookable slots.
    """

    date: date
    open: int
    state: str
    text: str

    @property
    def is_few(self) -> bool:
        return 0 < self.open <= 2


DAYS_OF_WEEK = 7


def week_of(day: date, today: date) -> date:
    """Return the first of the seven days that are shown with ``day``: weeks begin today, and every seven days."""
    return today + timedelta(days=(day - today).days // DAYS_OF_WEEK * DAYS_OF_WEEK)


class Week:
    """The slots of one expert on seven days, or on those of a month, with their states at ``now``.

    Or the sessions of a type that the expert offers: those that people are shown (``shown_sessions``), each named by
    the slot in which it starts.

    Its days are those of the clock in ``zone``: a slot belongs to the day on which it starts there. ``opens``: of days
    beyond the horizon that have times or will have them, when the first of these can be booked.
    """

    def __init__(
        self,
        expert: Expert,
        first: date,
        zone: ZoneInfo,
        slots: list[Slot],
        now: datetime,
        *,
        length: int = DAYS_OF_WEEK,
        wanted: Iterable[datetime] = (),
        offered: Offered | None = None,
    ):
        self.expert, self.first, self.zone, self.now, self._length = expert, first, zone, now, length
        self.offered = offered
        self.today = now.astimezone(zone).date()
        self.slots: dict[date, list[Slot]] = {}
        self.states: dict[int, str] = {}
        for slot in slots:
            slot.expert = expert  # known already; its policy decides about the state
            self.slots.setdefault(slot.starts_at.astimezone(zone).date(), []).append(slot)
            self.states[slot.pk] = slot.state_at(now)
        made = timedelta(days=expert.policy("horizon_days"))
        self._horizon = timedelta(days=offered.session_type.policy("horizon_days", expert)) if offered else made
        later = [slot.starts_at for slot in slots if not slot.is_closed and now < slot.bookable_from]
        # What is not made yet opens when it is made, at the earliest.
        opens = {starts_at: starts_at - min(self._horizon, made) for starts_at in wanted}
        opens |= {starts_at: starts_at - self._horizon for starts_at in later}
        self.opens = {
            starts_at.astimezone(zone).date(): opens[starts_at]
            for starts_at in sorted(opens, reverse=True)  # the first of each day has the last word
        }

    @classmethod
    def read(
        cls,
        expert: Expert,
        first: date,
        now: datetime,
        zone: ZoneInfo | None = None,
        length: int = DAYS_OF_WEEK,
        *,
        offered: Offered | None = None,
        without: Booking | None = None,
    ) -> "Week":
        """Read ``length`` days from ``first``, by the expert's clock unless ``zone`` is given.

        With an ``offered`` type its sessions; ``without`` an open booking as they would be if it were not there.

        One query, two for a type; two more where some of these days are beyond the horizon: hours and time off tell.
        """
        zone = zone or expert.zone
        start, end = day_bounds(first, zone)[0], day_bounds(first + timedelta(days=length - 1), zone)[1]
        if offered is None:
            slots = list(Slot.objects.starting_within(start, end, expert))
        else:
            slots = _read_sessions(expert, start, end, now, offered, without)
        wanted = not_made_yet(expert, start, end, now, offered)
        return cls(expert, first, zone, slots, now, length=length, wanted=wanted, offered=offered)

    @classmethod
    def around(
        cls,
        expert: Expert,
        day: date,
        now: datetime,
        zone: ZoneInfo | None = None,
        *,
        offered: Offered | None = None,
        without: Booking | None = None,
    ) -> "Week":
        """Read the week that ``day`` is in (``week_of``), as ``read``."""
        today = now.astimezone(zone or expert.zone).date()
        return cls.read(expert, week_of(day, today), now, zone, offered=offered, without=without)

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range(self._length)]

    @property
    def last_bookable_day(self) -> date:
        """The last day of which something can be booked by now."""
        return (self.now + self._horizon).astimezone(self.zone).date()

    def a_week_before(self, day: date) -> date | None:
        """The same weekday of the week before; None in the week that begins today."""
        return day - timedelta(days=DAYS_OF_WEEK) if self.first > self.today else None

    def a_week_after(self, day: date) -> date | None:
        """The same weekday of the week after; None when nothing in it can be booked yet."""
        next_week = timedelta(days=DAYS_OF_WEEK)
        return day + next_week if self.first + next_week <= self.last_bookable_day else None

    @property
    def first_open_day(self) -> date | None:
        return next((day for day in self.days if self.open_count(day)), None)

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
            state, text = "open", ngettext("%(count)d free", "%(count)d free", open_slots) % {"count": open_slots}
        elif day < self.today or states == {"past"}:
            state, text = "past", _("Past")
        elif states & {"full", "held"}:
            state, text = "full", _("Full")
        elif day in self.opens:
            state, text = "later", self._opens_in_words(day)
        else:
            state, text = "closed", _("Closed")
        return DayCount(day, open_slots, state, text)

    def _opens_in_words(self, day: date) -> str:
        opens = self.opens[day].astimezone(self.zone).date()
        if opens == self.today:
            return _("Opens today")
        return _("Opens %(day)s") % {"day": date_format(opens, "BRIEF_MONTH_DAY_FORMAT")}

    def grid_key(self, day: date) -> str:
        """Return a key of the tiles of a day: which slots, when, with what title, and which of them are closed.

        Of sessions also what they are and take. A page loads the day again when the server tells it another key, also
        where another clock leads by now, and at midnight, as its strip begins today. Other changes of state need no new
        tiles.
        """
        tiles = [
            (slot.pk, slot.starts_at.timestamp(), slot.title, self.states[slot.pk] == "closed") for slot in self.on(day)
        ]
        kind: tuple[Any, ...] = ()
        if self.offered is not None:
            taken = [[each.pk for each in slot.covered] for slot in self.on(day)]
            kind = (self.offered.session_type.pk, self.offered.terms, taken)
        return f"{crc32(repr((self.expert.venue, self.expert.timezone, self.today, *kind, tiles)).encode()):08x}"


def _read_sessions(
    expert: Expert, start: datetime, end: datetime, now: datetime, offered: Offered, without: Booking | None
) -> list[Slot]:
    """Read the sessions that are shown and start from ``start`` until before ``end``, soonest first."""
    terms = offered.terms
    slots = list(slots_touching(start - terms.before, end + terms.length + terms.after, expert.pk))
    if without is not None:
        slots = [slot.with_seats(booked=-without.seats, only=without.slot_ids) for slot in slots]
    for slot in slots:
        slot.expert = expert  # known already; its policy decides about the state
    begun = Booking.objects.occupying().filter(
        session_type=offered.session_type, slot__in=[slot.pk for slot in slots if slot.seats_booked or slot.seats_held]
    )
    starts = set(begun.order_by().values_list("slot_id", flat=True))
    shown = shown_sessions(slots, offered.session_type, terms, now, begun=starts)
    return [session for session in shown if start <= session.starts_at < end]


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
