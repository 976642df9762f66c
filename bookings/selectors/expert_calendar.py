"""Read an expert's calendar as everybody sees it: a week as a strip of days, a day as tiles by part of day.

What is a viewer's own in it is read apart (bookings/selectors/own_slots.py).
"""

from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import cached_property

from django.utils import timezone

from bookings.addresses import book_url, day_socket_url, day_url, hold_url, resync_url
from bookings.models import Booking
from bookings.selectors.day_strip import earlier_label
from bookings.selectors.days_to_choose import DaysToChoose
from bookings.selectors.month import length_of_month
from bookings.selectors.week import PLAIN_STATES, Week
from experts import formatting
from experts.clocks import Clocks
from experts.models import Expert, Session, Slot
from experts.models.slot import BOOKABLE_STATES
from experts.parts_of_day import part_of_day
from experts.scheduling.fitting import Offered
from experts.timezones import city, is_shown_twice, offset_label


@dataclass(frozen=True)
class Tile:
    """A slot as everybody sees it.

    ``is_button``: it can be pressed, whatever state the slot has by then (bookings/views/hold.py). ``offset``:
    ``GMT+1``, where the clock shows the time twice on that day. ``other_clock``: ``15:00 in Berlin``, the visitor's
    where the place's leads and they differ. Both "" otherwise. ``ends_at``: of a session, whose end is shown; None of
    a slot.
    """

    slot: Slot
    state: str
    is_button: bool
    url: str
    offset: str
    other_clock: str
    ends_at: datetime | None = None


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


class Calendar(DaysToChoose):
    """An expert's week around ``day``, or ``month`` (its first day), by the leading one of ``clocks``.

    The number of queries does not depend on that of slots.

    ``next_free_day``: the day that the page leads on to (bookings/selectors/calendar_version.py), None without one.
    ``frame_query``: what addresses carry in a frame on another site (experts/embedding.py); None on a page of our own.
    ``folded``: the last slot that a page which looks again has folded away, 0 for none; None for a page that is opened.
    ``offered``: the type whose sessions are shown, None for the slots as they are. ``without``: as ``Week.read``.
    """

    def __init__(
        self,
        expert: Expert,
        day: date | None,
        clocks: Clocks,
        *,
        month: date | None = None,
        next_free_day: date | None,
        frame_query: dict[str, str] | None = None,
        folded: int | None = None,
        offered: Offered | None = None,
        without: Booking | None = None,
    ):
        self.offered, self.session_type = offered, offered.session_type.slug if offered else ""
        self._next_free_day, self._folded = next_free_day, folded
        self._frame_query, self._is_framed = frame_query, frame_query is not None
        self.expert, self.clocks, self.zone = expert, clocks, clocks.leading
        self.now, self._month = timezone.now(), month
        if month:
            length = length_of_month(month)
            self.week = Week.read(expert, month, self.now, self.zone, length, offered=offered, without=without)
            self.day = day or self.week.first_open_day or max(month, min(self.week.today, self.week.days[-1]))
        else:
            self.day = day or clocks.today(self.now)
            self.week = Week.around(expert, self.day, self.now, self.zone, offered=offered, without=without)

    def address(self, day: date | None, month: date | None = None) -> str:
        return day_url(self.expert, day, month=month, frame_query=self._frame_query, session_type=self.session_type)

    @property
    def socket_url(self) -> str:
        return day_socket_url(self.expert, self.day, self.zone, self.week.days, self.session_type)

    @property
    def opens(self) -> str:
        """Return when the first time of the day can be booked, which is beyond the horizon; "" of all other days."""
        opens_at = self.week.opens.get(self.day)
        return formatting.full_day_and_time(opens_at, self.zone) if opens_at else ""

    @property
    def grid_key(self) -> str:
        """Identify the tiles that are shown, as ``Week.grid_key``."""
        return self.week.grid_key(self.day)

    @property
    def next_free_url(self) -> str | None:
        """Return the address of ``next_free_day``; in a month that has free days, these lead on."""
        day = self._next_free_day
        if day is None or (self._month and self.week.first_open_day):
            return None
        month = day.replace(day=1) if self._month else None
        return self.address(day, month)

    @property
    def changes_at(self) -> datetime:
        """Return when time alone changes something of it, as ``Week.changes_at``."""
        return self.week.changes_at

    @property
    def open_count(self) -> int:
        return self.week.open_count(self.day)

    @cached_property
    def earlier(self) -> list[Slot]:
        """Return the slots of the day that are over, which a page folds away, in order of time.

        While a page is open nothing more is folded, also when it looks again: what somebody is about to press must not
        move. So a page says up to which slot it has folded.
        """
        over = [slot for slot in self.week.on(self.day) if self.week.states[slot.pk] == "past"]
        if self._folded is None:
            return over
        last = next((slot.starts_at for slot in over if slot.pk == self._folded), None)
        return [slot for slot in over if last and slot.starts_at <= last]

    @property
    def earlier_tiles(self) -> list[Tile]:
        return [self._tile(slot, slot.starts_at.astimezone(self.zone)) for slot in self.earlier]

    @property
    def earlier_label(self) -> str:
        return earlier_label(len(self.earlier), is_today=self.day == self.week.today)

    @property
    def resync_url(self) -> str:
        """Return the address from which the page, while it is open, loads the day again."""
        return resync_url(self.url(), folded=self.earlier[-1].pk if self.earlier else 0)

    @property
    def free(self) -> list[tuple[Slot, bool]]:
        """Return the slots of the week that can be booked, in order of time, and whether only few seats are left.

        Beside a month those of the chosen day: a month of them would be most of the page.
        """
        days = [self.day] if self._month else self.week.days
        slots = [slot for day in days for slot in self.week.on(day)]
        states = [(slot, self.week.states[slot.pk]) for slot in slots]
        return [(slot, state == "few") for slot, state in states if state in BOOKABLE_STATES]

    @property
    def parts(self) -> list[Part]:
        """Return the slots of the day that are not ``earlier`` nor beyond the horizon, as ``parts_of``."""
        rest = self.week.on(self.day)[len(self.earlier) :]
        return self.parts_of([slot for slot in rest if slot.bookable_from <= self.now])

    def parts_of(self, slots: list[Slot]) -> list[Part]:
        """Return slots that are in order of time, by part of day."""
        parts: list[Part] = []
        for slot in slots:
            shown = slot.starts_at.astimezone(self.zone)
            part = part_of_day(shown)
            if not parts or parts[-1].name != part.name:
                parts.append(Part(str(part.name), part.icon))
            parts[-1].tiles.append(self._tile(slot, shown))
        return parts

    def _tile(self, slot: Slot, shown: datetime) -> Tile:
        state = self.week.states[slot.pk]
        return Tile(
            slot=slot,
            state=state,
            is_button=state not in PLAIN_STATES,
            url=book_url(slot) if self._is_framed else hold_url(slot),
            offset=offset_label(self.zone, slot.starts_at) if is_shown_twice(shown) else "",
            other_clock=formatting.visitors_clock(self.clocks, slot.starts_at),
            ends_at=slot.ends_at if isinstance(slot, Session) else None,
        )

    @property
    def clock_line(self) -> ClockLine:
        """Return by which clock the times of the day are; how it differs is shown on the first of them."""
        slots = self.week.on(self.day)
        instant = slots[0].starts_at if slots else datetime.combine(self.day, time(12), tzinfo=self.zone)
        of = "place" if self.clocks.is_of_place else "expert" if self.zone.key == self.expert.timezone else "visitor"
        clock, other = formatting.clock_of_day(self.zone, self.day), self.clocks.beside(instant)
        if other is None:
            return ClockLine(clock, of)
        here, there = (formatting.clock(instant, zone) for zone in (self.zone, other))
        return ClockLine(clock, of, here, there, city(other))
