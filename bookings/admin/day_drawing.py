"""How a day is drawn: columns of blocks, and for each its symbol, its words and where it leads. No page of its own:
the day, the week and printed days show what is drawn here.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bookings.admin.day_address import DayAddress, book_url
from bookings.admin.day_booking import runs_out
from bookings.models import Booking
from bookings.selectors.staff_columns import Away, Column, Count, Entry, Look, StaffDay, Stretch
from experts import formatting
from experts.models import Expert
from experts.templatetags.expertbook import icon
from experts.timezones import minutes_in, offset_label

TALL_FROM = 27  # minutes: from there on a block has room for a second line
LABEL_MINUTES = 15  # that the words take which say why nothing can be booked

ICONS = {
    Look.CONFIRMED: "circle-check",
    Look.ARRIVED: "user-check",
    Look.DONE: "check-check",
    Look.NO_SHOW: "user-x",
    Look.PENDING: "hourglass",
    Look.RESCUE: "life-buoy",
    Look.CLASS: "users",
    Look.HELD: "timer",
    Look.FREE: "plus",
    Look.UNBOOKABLE: "clock",
}
WORDS = {
    Look.CONFIRMED: gettext_lazy("Confirmed"),
    Look.ARRIVED: gettext_lazy("Arrived"),
    Look.DONE: gettext_lazy("Completed"),
    Look.NO_SHOW: gettext_lazy("No-show"),
    Look.PENDING: gettext_lazy("Waiting for approval"),
    Look.RESCUE: gettext_lazy("To rescue"),
    Look.CLASS: gettext_lazy("Class"),
    Look.HELD: gettext_lazy("Being booked"),
    Look.FREE: gettext_lazy("Free"),
    Look.UNBOOKABLE: gettext_lazy("Not bookable now"),
}
AWAY_ICONS = {Away.OFF: "tree-palm", Away.CLOSED: "ban", Away.BREAK: "coffee", Away.NOT_WORKING: "lock"}


@dataclass(slots=True)
class DrawnBlock:
    """A block as the template draws it. ``at`` and ``minutes`` are minutes from the top of the axis; ``label`` is what
    is read aloud; ``data`` are attributes for scripts. Of the list: ``desk_time`` is by the organisation's clock,
    ``own_time`` by the expert's where that is another one.
    """

    id: str
    css: str
    icon: str
    name: str
    line: str
    label: str
    time: str
    at: int
    minutes: int
    lane: int
    lanes: int
    href: str
    data: str
    is_listed: bool
    expert_name: str
    state: str
    desk_time: str
    own_time: str

    @property
    def tag(self) -> str:
        return "a" if self.href else "div"


class Drawing:
    """Draws the blocks of one look at a day. A thousand of them have few times and words: each is written once."""

    def __init__(self, found: StaffDay, address: DayAddress, *, opened: int, may_book: bool):
        self.found, self.address, self.opened, self.may_book = found, address, opened, may_book
        self.zone = found.organization.zone
        self.words = {look: str(text) for look, text in WORDS.items()}
        self.clock, self.span = cache(formatting.clock), cache(formatting.time_span)
        self.book = book_url()

    def column(self, column: Column, show: Count | None) -> dict:
        found, expert, zone = self.found, column.expert, column.expert.zone
        at_noon = found.opens_at + (found.closes_at - found.opens_at) / 2
        has_own_clock = offset_label(zone, at_noon) != offset_label(self.zone, at_noon)
        free = column.next_free if self.may_book else None
        words = {"city": expert.zone_city, "time": self.clock(found.now, zone)}
        return {
            "expert": expert,
            "name": expert.formal_name,
            "clock": _("%(city)s, %(time)s") % words if has_own_clock else "",
            "load": _("%(taken)d of %(seats)d") % {"taken": column.seats_taken, "seats": column.seats},
            "percent": round(100 * column.seats_taken / column.seats) if column.seats else 0,
            "free": {"time": self.clock(free.starts_at, zone), "url": self._book_url(free)} if free else None,
            "later": self._later(column),
            "blocks": [self.block(expert, entry) for entry in column.entries if show is None or entry.counts_for(show)],
            "away": [_away(found, expert, stretch, column.entries) for stretch in column.away],
        }

    def _later(self, column: Column) -> dict | None:
        """Where the day of an expert has nothing left to book: the next day that has."""
        if (at := column.later_free_at) is None:
            return None
        when = formatting.soon(at, column.expert.zone, self.found.now)
        return {"when": when, "url": self.address.to(day=at.astimezone(self.zone).date())}

    def block(self, expert: Expert, entry: Entry) -> DrawnBlock:
        zone, look, slot, booking = expert.zone, entry.look, entry.slot, entry.booking
        start, end = max(entry.starts_at, self.found.opens_at), min(entry.ends_at, self.found.closes_at)
        minutes = max(minutes_in(end - start), 1)
        time, desk_time = self.clock(entry.starts_at, zone), self.clock(entry.starts_at, self.zone)
        name, line, href = self._texts(entry, time, zone)
        css = f"is-{look}{' is-tall' if minutes >= TALL_FROM else ''}"
        data = f' data-slot="{slot.pk}" data-expert="{expert.pk}"'
        # What stays while who comes to a class changes: the focus stays, too.
        key = f"slot-{slot.pk}-{minutes}"
        if entry.bookings and slot.capacity == 1:
            key = f"booking-{entry.bookings[0].pk}"
        if booking is not None:
            css += " is-open" if booking.pk == self.opened else ""
            data += f' data-booking="{booking.pk}"'
        elif look == Look.FREE:
            data += f' data-free-slot="{slot.pk}"'
        words = (name, line, self.span(entry.starts_at, entry.ends_at, zone), self.words[look])
        return DrawnBlock(
            id=f"{key}-{expert.pk}",
            css=css,
            icon=icon(ICONS[look]),
            name=name,
            line=line,
            label=", ".join(word for word in words if word),
            time=time,
            at=minutes_in(start - self.found.opens_at),
            minutes=minutes,
            lane=entry.lane,
            lanes=entry.lanes,
            href=href,
            data=mark_safe(data),  # names of ours and numbers
            is_listed=bool(entry.bookings),
            expert_name=expert.name,
            state=self.words[look],
            desk_time=desk_time,
            own_time="" if time == desk_time else _("%(time)s in %(city)s") % {"time": time, "city": expert.zone_city},
        )

    def _texts(self, entry: Entry, time: str, zone: ZoneInfo) -> tuple[str, str, str]:
        """The name of a block, its second line, and where it leads."""
        booking = entry.booking
        match entry.look:
            case Look.FREE:
                return time, "", self._book_url(entry) if self.may_book else ""
            case Look.UNBOOKABLE:
                return time, "", ""
            case Look.HELD:
                return self.words[Look.HELD], "", ""
        if booking is None:
            seats = {"taken": entry.seats_taken, "seats": entry.slot.capacity}
            return class_name(entry), _("%(taken)d of %(seats)d seats") % seats, self.address.to(slot=entry.slot.pk)
        return booking.name or _("Erased"), _line(booking, entry, zone), self.address.to(booking=booking.pk)

    def _book_url(self, entry: Entry) -> str:
        return f"{self.book}?slot={entry.slot.pk}"


def draw_column(found: StaffDay, column: Column, address: DayAddress) -> dict:
    """Return what other pages draw of a column: its ``blocks``, which lead to the day, ``away`` and ``percent``."""
    drawn = Drawing(found, address, opened=0, may_book=False).column(column, None)
    return {name: drawn[name] for name in ("blocks", "away", "percent")}


def class_name(entry: Entry) -> str:
    titles = {booking.title for booking in entry.bookings if booking.title} or {entry.slot.title}
    return min(titles) or _("Group")


def _line(booking: Booking, entry: Entry, zone: ZoneInfo) -> str:
    """The second line: what matters most about it now."""
    if entry.look == Look.PENDING:
        return runs_out(booking, zone, timezone.now())
    if entry.look == Look.ARRIVED and booking.arrived_at is not None:
        return _("Arrived %(time)s") % {"time": formatting.clock(booking.arrived_at, zone)}
    if booking.seats > 1 and not booking.title:
        return ngettext("%(count)d seat", "%(count)d seats", booking.seats) % {"count": booking.seats}
    return booking.title


def _away(found: StaffDay, expert: Expert, stretch: Stretch, entries: list[Entry]) -> dict:
    zone = expert.zone
    times = {"start": formatting.clock(stretch.starts_at, zone), "end": formatting.clock(stretch.ends_at, zone)}
    match stretch.why:
        case Away.BREAK:
            text = _("Break")
        case Away.CLOSED:
            text = _("Closed")
        case Away.NOT_WORKING:
            text = _("Not working")
        case _ if stretch.starts_at <= found.opens_at and stretch.ends_at >= found.closes_at:
            text = _("Off all day")
        case _ if stretch.starts_at <= found.opens_at:
            text = _("Off until %(end)s") % times
        case _ if stretch.ends_at >= found.closes_at:
            text = _("Off from %(start)s") % times
        case _:
            text = _("Off %(start)s to %(end)s") % times
    minutes = minutes_in(stretch.ends_at - stretch.starts_at)
    return {
        "css": f"is-{stretch.why}",
        "icon": icon(AWAY_ICONS[stretch.why]),
        "text": text,
        "at": minutes_in(stretch.starts_at - found.opens_at),
        "minutes": minutes,
        "has_room": minutes >= LABEL_MINUTES
        and not any(
            entry.starts_at < stretch.starts_at + timedelta(minutes=LABEL_MINUTES) and stretch.starts_at < entry.ends_at
            for entry in entries
        ),
    }
