"""Read an expert's calendar as everybody sees it: a week as a strip of days, a day as tiles by part of day.

What is a viewer's own in it is read apart (bookings/selectors/own_slots.py).
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from bookings.addresses import book_url, day_url, hold_url
from bookings.selectors.day_strip import DayStrip
from bookings.selectors.week import PLAIN_STATES, Week
from experts import formatting
from experts.models import Expert, Slot
from experts.timezones import city


@dataclass(frozen=True)
class Tile:
    """A slot as everybody sees it.

    ``is_button``: it can be pressed, whatever state the slot has by then (bookings/views/hold.py). ``day_note``: the
    date, where it is another one in the zone that is shown.
    """

    slot: Slot
    state: str
    is_button: bool
    url: str
    day_note: str


@dataclass
class Part:
    name: str
    icon: str
    tiles: list[Tile] = field(default_factory=list)


class Calendar:
    """An expert's week around ``day``, with times in ``zone``. The number of queries does not depend on that of slots.

    ``next_free_day``: the day that the page leads on to (bookings/selectors/calendar_version.py), None without one.
    ``frame_query``: what addresses carry in a frame on another site (experts/embedding.py); None on a page of our own.
    """

    def __init__(
        self,
        expert: Expert,
        day: date,
        zone: ZoneInfo,
        *,
        next_free_day: date | None,
        zone_choice: str,
        frame_query: dict[str, str] | None = None,
    ):
        self._next_free_day = next_free_day
        self._frame_query, self._is_framed = frame_query, frame_query is not None
        self.expert, self.day, self.zone, self.zone_choice = expert, day, zone, zone_choice
        self.now = timezone.now()
        self._week = Week.around(expert, day, self.now)

    def url(self, day: date | None = None, *, zone_choice: str | None = None) -> str:
        """Return the address of a day of this expert."""
        return day_url(self.expert, day or self.day, zone_choice or self.zone_choice, frame_query=self._frame_query)

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
    def parts(self) -> list[Part]:
        """Return the slots of the day by part of day in the shown zone, in order of time."""
        parts: list[Part] = []
        for slot in sorted(self._week.on(self.day), key=lambda s: s.starts_at):
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
            url=book_url(slot, self.zone_choice) if self._is_framed else hold_url(slot, self.zone_choice),
            day_note=date_format(shown, "D j") if shown.date() != self.day else "",
        )

    @property
    def zone_note(self) -> str:
        """Say in which zone the times are, and how the expert's differs on that day."""
        noon = datetime(self.day.year, self.day.month, self.day.day, 12, tzinfo=self.zone)
        note = _("All times are in %(zone)s.") % {"zone": formatting.zone_label_of_day(self.zone, self.day)}
        difference = formatting.zone_difference(self.expert.zone, self.zone, noon)
        if difference:
            note += " " + _("%(expert)s is in %(city)s, %(difference)s.") % {
                "expert": self.expert.name,
                "city": city(self.expert.zone),
                "difference": difference,
            }
        return note


def _part_of_day(shown: datetime) -> tuple[str, str]:
    """Return name and icon of the part of day of a wall-clock time."""
    if shown.hour < 5:
        return _("Night"), "moon"
    if shown.hour < 12:
        return _("Morning"), "sunrise"
    if shown.hour < 17:
        return _("Afternoon"), "sun"
    return _("Evening"), "sunset"
