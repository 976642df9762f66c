"""What the expert page shows of an expert's calendar: a week as a strip, a day as tiles by part of day."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bookings.models import Booking
from experts import wording
from experts.models import Expert, Slot
from experts.models.slot import BOOKABLE_STATES
from experts.zones import city


@dataclass(frozen=True)
class Day:
    """One day of the strip. ``state`` is open, full, closed or past; ``open`` counts slots that can be booked."""

    date: date
    label: str
    open: int
    state: str
    text: str
    url: str
    is_selected: bool


@dataclass(frozen=True)
class Tile:
    """A slot as this viewer sees it. ``mark`` says what is the viewer's own; ``day_note`` names another shown date."""

    slot: Slot
    mark: str
    url: str
    day_note: str


@dataclass
class Part:
    name: str
    icon: str
    tiles: list[Tile] = field(default_factory=list)


class Calendar:
    """An expert's week around ``day``, for one viewer. Three queries, however many slots there are."""

    def __init__(self, expert: Expert, day: date, zone: ZoneInfo, *, visitor: str, zone_choice: str):
        self.expert, self.day, self.zone, self.zone_choice = expert, day, zone, zone_choice
        self.now = timezone.now()
        self.today = expert.today(self.now)
        self.monday = day - timedelta(days=day.weekday())
        self._booked = set(
            Booking.objects.of_visitor(visitor)
            .occupying()
            .filter(slot__expert=expert)
            .values_list("slot_id", flat=True)
        )
        slots = Slot.objects.on_days(self.monday, self.monday + timedelta(days=6)).filter(expert=expert)
        self._slots: dict[date, list[Slot]] = {}
        for slot in slots:
            slot.expert = expert  # its policy decides about the state; known already
            self._slots.setdefault(slot.date, []).append(slot)

    def url(self, day: date | None = None, *, zone_choice: str | None = None) -> str:
        """The address of a day of this expert."""
        query = {"day": (day or self.day).isoformat()}
        if (zone_choice or self.zone_choice) == "expert":
            query["zone"] = "expert"
        return f"{reverse('expert', args=[self.expert.slug])}?{urlencode(query)}"

    @property
    def week(self) -> list[Day]:
        return [self._day(self.monday + timedelta(days=n)) for n in range(7)]

    def _day(self, day: date) -> Day:
        states = [slot.state_at(self.now) for slot in self._slots.get(day, [])]
        count = sum(state in BOOKABLE_STATES for state in states)
        if count:
            state, text = "open", ngettext("%(count)d open", "%(count)d open", count) % {"count": count}
        elif day < self.today or (states and all(state == "past" for state in states)):
            state, text = "past", _("Past")
        elif any(state in ("full", "held") for state in states):
            state, text = "full", _("Full")
        else:
            state, text = "closed", _("Closed")
        return Day(
            date=day,
            label=_("Today") if day == self.today else date_format(day, "D"),
            open=count,
            state=state,
            text=text,
            url=self.url(day),
            is_selected=day == self.day,
        )

    @property
    def week_label(self) -> str:
        return wording.day_span(self.monday, self.monday + timedelta(days=6))

    @property
    def previous_week_url(self) -> str | None:
        """The same weekday a week before, but never a day that is over; None in the current week."""
        if self.monday <= self.today:
            return None
        return self.url(max(self.day - timedelta(days=7), self.today))

    @property
    def next_week_url(self) -> str | None:
        last = self.expert.last_bookable_day(self.now)
        return self.url(self.day + timedelta(days=7)) if self.monday + timedelta(days=7) <= last else None

    @property
    def next_free_url(self) -> str | None:
        """The first bookable day after the selected one, or the very first; None if there is no other."""
        free = Slot.objects.bookable().filter(expert=self.expert).order_by("starts_at")
        slot = free.filter(date__gt=self.day).first() or free.first()
        return self.url(slot.date) if slot and slot.date != self.day else None

    @property
    def open_count(self) -> int:
        return sum(slot.state_at(self.now) in BOOKABLE_STATES for slot in self._slots.get(self.day, []))

    @property
    def parts(self) -> list[Part]:
        """The day's slots by part of day in the shown zone, in order of time."""
        parts: list[Part] = []
        for slot in sorted(self._slots.get(self.day, []), key=lambda s: s.starts_at):
            shown = slot.starts_at.astimezone(self.zone)
            name, icon = _part_of_day(shown)
            if not parts or parts[-1].name != name:
                parts.append(Part(name, icon))
            parts[-1].tiles.append(
                Tile(
                    slot=slot,
                    mark="booked" if slot.pk in self._booked else "",
                    url=book_url(slot, self.zone_choice),
                    day_note=date_format(shown, "D j") if shown.date() != self.day else "",
                )
            )
        return parts

    @property
    def zone_note(self) -> str:
        """Which zone the times are in, and how the expert's differs, on the day that is shown."""
        noon = datetime(self.day.year, self.day.month, self.day.day, 12, tzinfo=self.zone)
        note = _("All times are in %(zone)s.") % {"zone": wording.zone_label(self.zone, noon)}
        difference = wording.zone_difference(self.expert.zone, self.zone, noon)
        if difference:
            note += " " + _("%(expert)s is in %(city)s, %(difference)s.") % {
                "expert": self.expert.name,
                "city": city(self.expert.zone),
                "difference": difference,
            }
        return note


def book_url(slot: Slot, zone_choice: str, *, again: bool = False) -> str:
    """Where the slot is booked, keeping the choice of zone; ``again``: by somebody who has booked it before."""
    query = {"zone": "expert"} if zone_choice == "expert" else {}
    if again:
        query["again"] = "1"
    return reverse("book", args=[slot.pk]) + (f"?{urlencode(query)}" if query else "")


def shown_zone(request, expert: Expert) -> tuple[ZoneInfo, str]:
    """The zone to show an expert's times in and the choice behind it: the visitor's (``mine``) or the ``expert``'s.

    A visitor whose zone is not known yet sees the expert's without having chosen it, and addresses do not say so.
    """
    if request.GET.get("zone") == "expert":
        return expert.zone, "expert"
    return request.zone or expert.zone, "mine"


def _part_of_day(shown: datetime) -> tuple[str, str]:
    """(name, icon) for a wall-clock time."""
    if shown.hour < 5:
        return _("Night"), "moon"
    if shown.hour < 12:
        return _("Morning"), "sunrise"
    if shown.hour < 17:
        return _("Afternoon"), "sun"
    return _("Evening"), "sunset"
