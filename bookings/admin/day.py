"""The staff's day: who comes when to whom, who has arrived, what is free. Where people at a desk work.

The page is whole without scripts: each block is a link, the panel is part of the page, what is done is a form.
static/js/admin-day.js fetches the same parts.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bookings.admin.checklist import checklist
from bookings.admin.day_address import DayAddress, book_url
from bookings.admin.day_booking import act_on, panel_of, panel_part, runs_out, said
from bookings.admin.moves import in_hand
from bookings.admin.staff_choice import (
    chosen_organization,
    named_in_addresses,
    organizations_to_choose,
    wanted_day,
    wanted_experts,
)
from bookings.admin.staff_live import staff_live
from bookings.admin.staff_page import StaffPage, render_page
from bookings.models import Booking
from bookings.selectors.staff_day import (
    MOST_COUNTED,
    MOST_FOUND,
    Away,
    Column,
    Count,
    Entry,
    Look,
    StaffDay,
    Stretch,
    choose_columns,
    experts_to_choose,
    find_bookings,
    has_arrived,
    organization_zone,
    read_day,
)
from experts import formatting
from experts.admin.base import read_key
from experts.admin.scoping import may, reach
from experts.models import Expert, Organization
from experts.permissions import ADD
from experts.templatetags.expertbook import icon
from experts.timezones import city, offset_label

VIEWS = ("day", "list")
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
class Shown:
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


def day_page(request: HttpRequest) -> HttpResponse:
    organization = chosen_organization(request)
    if organization is None:
        return render_page(request, "admin/day/nobody.html", _("Day"), {})
    context = _context(request, organization)
    context |= _found(request, organization, context["staff_day"], context["address"])
    context |= panel_of(request, context["address"]) | said(request) | {"checklist": checklist(request)}
    title = formatting.full_day(context["staff_day"].day, context["today"])
    return render_page(request, "admin/day/page.html", title, context)


def grid_part(request: HttpRequest) -> HttpResponse:
    """The numbers and the columns, for a page that is open."""
    organization = chosen_organization(request)
    if organization is None:
        raise Http404
    return TemplateResponse(request, "admin/day/_body.html", _context(request, organization))


def _context(request: HttpRequest, organization: Organization) -> dict:
    now, mine = timezone.now(), reach(request)
    day = wanted_day(request, organization, now)
    live = staff_live(organization, day)
    zone = organization_zone(organization)
    experts = experts_to_choose(mine, organization, day)
    wanted = wanted_experts(request, organization)
    chosen = choose_columns(experts, wanted)
    organizations = organizations_to_choose(request, organization)
    named = named_in_addresses(organization, organizations)
    found = read_day(organization=organization, experts=chosen, day=day, now=now, reach=mine)
    view = request.GET.get("view", "")
    view = view if view in VIEWS else ("list" if _is_phone(request) else "day")
    show = request.GET.get("show", "")
    show = Count(show) if show in list(Count) else None
    opened = read_key(request.GET.get("booking", ""))
    today = now.astimezone(zone).date()
    address = DayAddress(request.GET, named | {"experts": ",".join(map(str, wanted))})
    moving = in_hand(request, organization, day)
    going_on = {"moving": moving["booking"].pk} if moving else {}  # from day to day
    may_book = may(request, "bookings.booking", ADD)
    drawing = Drawing(found, address, opened=opened, may_book=may_book)
    columns = [drawing.column(column, show) for column in found.columns]
    rows = _rows(columns, show) if view == "list" else []
    now_at = _minutes(now - found.opens_at)
    return {
        "staff_day": found,
        "staff_live": live,
        "organization": organization,
        "organizations": organizations,
        "today": today,
        "is_today": day == today,
        "view": view,
        "show": show,
        "columns": columns,
        "rows": rows,
        "first_ahead": next((it.id for it in rows if day == today and it.at + it.minutes > now_at), None),
        "hours": _hours(found),
        "minutes_shown": _minutes(found.closes_at - found.opens_at),
        "now_at": now_at if found.opens_at <= now < found.closes_at else None,
        "city": city(zone),
        "clock_span": format_html("<span data-clock>{}</span>", formatting.clock(now, zone)),
        "now_time": formatting.clock(now, zone),
        "zone": zone.key,
        "hour_cycle": formatting.hour_cycle(),
        "offset": offset_label(zone, found.opens_at),
        "numbers": _numbers(found, show, address),
        "waiting": _waiting(found, named),
        "next_up": _next_up(found, address),
        "experts": experts,
        "chosen": {expert.pk for expert in chosen},
        "address": address,
        "moving": moving,
        "fields": address.kept | going_on,
        "earlier_url": address.to(day=day - timedelta(days=1), **going_on),
        "later_url": address.to(day=day + timedelta(days=1), **going_on),
        "today_url": address.to(day="", **going_on),
        "grid_url": f"{reverse('admin:day_grid')}?{address.query()}",
        "print_url": f"{reverse('admin:day_print')}?{address.query(day=day, view='', show='', q='')}",
        "week_url": reverse("admin:week", query=named | {"day": day}),
        "views": [(name, label, address.to(view=name), view == name) for name, label in _views()],
        "may_book": may_book,
        "book_url": book_url(),
    }


def _is_phone(request: HttpRequest) -> bool:
    """Whether columns would have no room, as far as a browser says so. A narrow window has lines by its style sheet."""
    return "Mobi" in request.headers.get("User-Agent", "")


def _views():
    return (("day", _("Day")), ("list", _("List")))


# What is shown


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)


def _hours(found: StaffDay) -> list[dict]:
    zone, hours, at = organization_zone(found.organization), [], found.opens_at
    while at <= found.closes_at:
        hours.append({"text": formatting.clock(at, zone), "at": _minutes(at - found.opens_at)})
        at += timedelta(hours=1)
    return hours


class Drawing:
    """Draws the blocks of one look at a day. A thousand of them have few times and words: each is written once."""

    def __init__(self, found: StaffDay, address: DayAddress, *, opened: int, may_book: bool):
        self.found, self.address, self.opened, self.may_book = found, address, opened, may_book
        self.zone = organization_zone(found.organization)
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

    def block(self, expert: Expert, entry: Entry) -> Shown:
        zone, look, slot, booking = expert.zone, entry.look, entry.slot, entry.booking
        start, end = max(entry.starts_at, self.found.opens_at), min(entry.ends_at, self.found.closes_at)
        minutes = max(_minutes(end - start), 1)
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
        return Shown(
            id=f"{key}-{expert.pk}",
            css=css,
            icon=icon(ICONS[look]),
            name=name,
            line=line,
            label=", ".join(word for word in words if word),
            time=time,
            at=_minutes(start - self.found.opens_at),
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
            return _class_name(entry), _("%(taken)d of %(seats)d seats") % seats, self.address.to(slot=entry.slot.pk)
        return booking.name or _("Erased"), _line(booking, entry, zone), self.address.to(booking=booking.pk)

    def _book_url(self, entry: Entry) -> str:
        return f"{self.book}?slot={entry.slot.pk}"


def draw_column(found: StaffDay, column: Column, address: DayAddress) -> dict:
    """Return what other pages draw of a column: its ``blocks``, which lead to the day, ``away`` and ``percent``."""
    drawn = Drawing(found, address, opened=0, may_book=False).column(column, None)
    return {name: drawn[name] for name in ("blocks", "away", "percent")}


def _class_name(entry: Entry) -> str:
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
    minutes = _minutes(stretch.ends_at - stretch.starts_at)
    return {
        "css": f"is-{stretch.why}",
        "icon": icon(AWAY_ICONS[stretch.why]),
        "text": text,
        "at": _minutes(stretch.starts_at - found.opens_at),
        "minutes": minutes,
        "has_room": minutes >= LABEL_MINUTES
        and not any(
            entry.starts_at < stretch.starts_at + timedelta(minutes=LABEL_MINUTES) and stretch.starts_at < entry.ends_at
            for entry in entries
        ),
    }


def _rows(columns: list[dict], show: Count | None) -> list[Shown]:
    """The day in one list, by time. What is free is left out, unless it is what was asked for."""
    blocks = [it for column in columns for it in column["blocks"] if it.is_listed or show == Count.FREE]
    return sorted(blocks, key=lambda it: (it.at, it.expert_name, it.id))


def _numbers(found: StaffDay, show: Count | None, address: DayAddress) -> list[dict]:
    """The numbers of the day that are any, and how many are booked and free."""
    words = {
        Count.BOOKED: ("circle-check", ngettext("booked", "booked", found.numbers[Count.BOOKED])),
        Count.ARRIVED: ("user-check", ngettext("arrived", "arrived", found.numbers[Count.ARRIVED])),
        Count.NO_SHOW: ("user-x", ngettext("no-show", "no-shows", found.numbers[Count.NO_SHOW])),
        Count.PENDING: ("hourglass", ngettext("to approve", "to approve", found.numbers[Count.PENDING])),
        Count.RESCUE: ("life-buoy", ngettext("to rescue", "to rescue", found.numbers[Count.RESCUE])),
        Count.FREE: ("plus", ngettext("free", "free", found.numbers[Count.FREE])),
    }
    is_over = found.closes_at <= found.now
    always = {Count.BOOKED, show} | (set() if is_over else {Count.FREE})
    return [
        {
            "css": f"is-{count}",
            "icon": icon(words[count][0]),
            "number": found.numbers[count],
            "text": words[count][1],
            "url": address.to(show="" if show == count else count.value),
            "is_on": show == count,
        }
        for count in Count
        if found.numbers[count] or count in always
    ]


def _waiting(found: StaffDay, named: dict[str, str]) -> dict | None:
    """The requests of all days, which run out: they lead to where they are answered."""
    waiting = found.waiting
    if waiting.first_ends_at is None:
        return None
    number = formatting.count_label(min(waiting.count, MOST_COUNTED), waiting.count > MOST_COUNTED)
    span = formatting.duration(waiting.first_ends_at - found.now)
    text = ngettext("request, runs out in %(span)s", "requests, first runs out in %(span)s", waiting.count)
    return {"number": number, "text": text % {"span": span}, "url": reverse("admin:requests", query=named)}


def _found(request: HttpRequest, organization: Organization, found: StaffDay, address: DayAddress) -> dict:
    """What a search finds, on whatever day."""
    text = request.GET.get("q", "").strip()[:100]
    if not text:
        return {}
    zone = organization_zone(organization)
    rows = find_bookings(reach(request), organization, text, found.now)
    return {
        "q": text,
        "found": [
            {
                "name": row.name,
                "when": formatting.soon(row.slot.starts_at, zone, found.now),
                "expert": row.slot.expert.name,
                "state": WORDS[Look.ARRIVED] if has_arrived(row) else row.get_status_display(),
                "url": address.to(q="", show="", day=row.slot.starts_at.astimezone(zone).date(), booking=row.pk),
            }
            for row in rows
        ],
        "found_count": formatting.count_label(len(rows), len(rows) == MOST_FOUND),
        "found_close_url": address.to(q=""),
    }


def _next_up(found: StaffDay, address: DayAddress) -> dict | None:
    """Who is next, to be seen without any click."""
    if (following := found.next_up) is None:
        return None
    column, entry = following
    booking = entry.booking
    return {
        "time": formatting.clock(entry.starts_at, organization_zone(found.organization)),
        "name": booking.name if booking else _class_name(entry),
        "expert": column.expert.name,
        "url": address.to(booking=booking.pk) if booking else address.to(slot=entry.slot.pk),
        "booking": booking.pk if booking else None,
    }


PAGE = StaffPage(
    name="day",
    route="day/",
    view=day_page,
    title=gettext_lazy("Day"),
    icon="calendar_today",
    parts=(
        ("day_grid", "day/grid/", grid_part),
        ("day_panel", "day/panel/", panel_part),
        ("day_act", "day/booking/<int:booking_id>/<str:name>/", act_on),
    ),
)
