"""Read an expert's calendar as everybody sees it: a week as a strip of days, a day as tiles by part of day.

What is a viewer's own in it is read apart (bookings/selectors/own_slots.py).
"""

from dataclasses import dataclass, field
from datetime import date, datetime, time

from django.utils import timezone
from django.utils.translation import gettext as _

from bookings.addresses import book_url, day_url, hold_url
from bookings.selectors.day_strip import DayStrip
from bookings.selectors.week import PLAIN_STATES, Week
from experts import formatting
from experts.clocks import Clocks
from experts.models import Expert, Slot
from experts.models.slot import BOOKABLE_STATES
from experts.timezones import city, is_shown_twice, offset_label


@dataclass(frozen=True)
class Tile:
    """A slot as everybody sees it.

    ``is_button``: it can be pressed, whatever state the slot has by then (bookings/views/hold.py). ``offset``:
    ``GMT+1``, where the clock shows the time twice on that day. ``other_clock``: ``15:00 in Berlin``, the visitor's
    where the place's leads and they differ. Both "" otherwise.
    """

    slot: Slot
    state: str
    is_button: bool
    url: str
    offset: str
    other_clock: str


@dataclass
class Part:
    name: str
    icon: str
    tiles: list[Tile] = field(default_factory=list)


@dataclass(frozen=True)
class ClockLine:
    """By which clock the times of a day are, ``clock`` in words, and how the other one differs.

    ``of``: whose it is: "place", "visitor" or "expert". ``time`` is what the leading clock shows when that in
    ``other_city`` shows ``other_time``; all three "" where there is no other, or it shows the same.
    """

    clock: str
    of: str
    time: str = ""
    other_time: str = ""
    other_city: str = ""


class Calendar:
    """An expert's week around ``day``, by the leading one of ``clocks``.

    The number of queries does not depend on that of slots.

    ``next_free_day``: the day that the page leads on to (bookings/selectors/calendar_version.py), None without one.
    ``frame_query``: what addresses carry in a frame on another site (experts/embedding.py); None on a page of our own.
    """

    def __init__(
        self,
        expert: Expert,
        day: date,
        clocks: Clocks,
        *,
        next_free_day: date | None,
        frame_query: dict[str, str] | None = None,
    ):
        self._next_free_day = next_free_day
        self._frame_query, self._is_framed = frame_query, frame_query is not None
        self.expert, self.day, self.clocks, self.zone = expert, day, clocks, clocks.leading
        self.now = timezone.now()
        self._week = Week.around(expert, day, self.now, self.zone)

    def url(self, day: date | None = None) -> str:
        """Return the address of a day of this expert."""
        return day_url(self.expert, day or self.day, frame_query=self._frame_query)

    @property
    def strip(self) -> DayStrip:
        return DayStrip.of(self._week, self.day, self.url)

    @property
    def grid_key(self) -> str:
        """Identify the tiles that are shown, as ``Week.grid_key``."""
        return self._week.grid_key(self.day)

    @property
    def next_free_url(self) -> str | None:
        """Return the address of ``next_free_day``."""
        return self.url(self._next_free_day) if self._next_free_day not in (None, self.day) else None

    @property
    def changes_at(self) -> datetime:
        """Return when time alone changes something of it, as ``Week.changes_at``."""
        return self._week.changes_at

    @property
    def open_count(self) -> int:
        return self._week.open_count(self.day)

    @property
    def free(self) -> list[tuple[Slot, bool]]:
        """Return the slots of the week that can be booked, in order of time, and whether only few seats are left."""
        slots = [slot for day in self._week.days for slot in self._week.on(day)]
        states = [(slot, self._week.states[slot.pk]) for slot in slots]
        return [(slot, state == "few") for slot, state in states if state in BOOKABLE_STATES]

    @property
    def parts(self) -> list[Part]:
        """Return the slots of the day by part of day, in order of time."""
        parts: list[Part] = []
        for slot in self._week.on(self.day):
            shown = slot.starts_at.astimezone(self.zone)
            name, icon = _part_of_day(shown)
            if not parts or parts[-1].name != name:
                parts.append(Part(name, icon))
            parts[-1].tiles.append(self._tile(slot, shown))
        return parts

    def _tile(self, slot: Slot, shown: datetime) -> Tile:
        state = self._week.states[slot.pk]
        return Tile(
            slot=slot,
            state=state,
            is_button=state not in PLAIN_STATES,
            url=book_url(slot) if self._is_framed else hold_url(slot),
            offset=offset_label(self.zone, slot.starts_at) if is_shown_twice(shown) else "",
            other_clock=formatting.visitors_clock(self.clocks, slot.starts_at),
        )

    @property
    def clock_line(self) -> ClockLine:
        """Return by which clock the times of the day are; how it differs is shown on the first of them."""
        slots = self._week.on(self.day)
        instant = slots[0].starts_at if slots else datetime.combine(self.day, time(12), tzinfo=self.zone)
        of = "place" if self.clocks.is_of_place else "expert" if self.zone.key == self.expert.timezone else "visitor"
        clock, other = formatting.clock_of_day(self.zone, self.day), self.clocks.beside(instant)
        if other is None:
            return ClockLine(clock, of)
        here, there = (formatting.clock(instant, zone) for zone in (self.zone, other))
        return ClockLine(clock, of, here, there, city(other))


def _part_of_day(shown: datetime) -> tuple[str, str]:
    """Return name and icon of the part of day of a wall-clock time."""
    if shown.hour < 5:
        return _("Night"), "moon"
    if shown.hour < 12:
        return _("Morning"), "sunrise"
    if shown.hour < 17:
        return _("Afternoon"), "sun"
    return _("Evening"), "sunset"
