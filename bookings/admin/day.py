"""The staff's day: who comes when to whom, who has arrived, what is free. Where people at a desk work.

The page is whole without scripts: each block is a link, the panel is part of the page, what is done is a form.
static/js/admin-day.js fetches the same parts.
"""

from datetime import date, timedelta

from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bookings.admin.checklist import checklist
from bookings.admin.day_address import DayAddress, book_url
from bookings.admin.day_booking import act_on, panel_of, panel_part, said
from bookings.admin.day_drawing import WORDS, Drawing, DrawnBlock, class_name
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
from bookings.selectors.booking_search import MOST_LISTED, find_bookings
from bookings.selectors.requests import MOST_COUNTED
from bookings.selectors.staff_columns import Count, Look, StaffDay, has_arrived
from bookings.selectors.staff_day import read_day
from bookings.selectors.staff_experts import choose_columns, experts_to_choose
from experts import formatting
from experts.admin.base import read_key
from experts.admin.scoping import may, reach
from experts.models import Organization
from experts.permissions import ADD
from experts.templatetags.expertbook import icon
from experts.timezones import city, minutes_in, offset_label

VIEWS = ("day", "list")


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
    zone = organization.zone
    experts = experts_to_choose(mine, organization, day)
    wanted = wanted_experts(request, organization)
    chosen = choose_columns(experts, wanted)
    live = staff_live(organization, day, chosen)
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
    now_at = minutes_in(now - found.opens_at)
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
        "minutes_shown": minutes_in(found.closes_at - found.opens_at),
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
        "week_url": reverse("admin:week", query=named | {"day": day}),
        "views": [(name, label, address.to(view=name), view == name) for name, label in _views()],
        "may_book": may_book,
        "book_url": book_url(),
    } | _ways_on(address, day, going_on)


def _ways_on(address: DayAddress, day: date, going_on: dict[str, int]) -> dict[str, str]:
    """The addresses of other days, and of this one as a grid alone and on paper."""
    return {
        "earlier_url": address.to(day=day - timedelta(days=1), **going_on),
        "later_url": address.to(day=day + timedelta(days=1), **going_on),
        "today_url": address.to(day="", **going_on),
        "grid_url": f"{reverse('admin:day_grid')}?{address.query()}",
        "print_url": f"{reverse('admin:day_print')}?{address.query(day=day, view='', show='', q='')}",
    }


def _is_phone(request: HttpRequest) -> bool:
    """Whether columns would have no room, as far as a browser says so. A narrow window has lines by its style sheet."""
    return "Mobi" in request.headers.get("User-Agent", "")


def _views():
    return (("day", _("Day")), ("list", _("List")))


# What is shown


def _hours(found: StaffDay) -> list[dict]:
    zone, hours, at = found.organization.zone, [], found.opens_at
    while at <= found.closes_at:
        hours.append({"text": formatting.clock(at, zone), "at": minutes_in(at - found.opens_at)})
        at += timedelta(hours=1)
    return hours


def _rows(columns: list[dict], show: Count | None) -> list[DrawnBlock]:
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
    zone = organization.zone
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
        "found_count": formatting.count_label(len(rows), len(rows) == MOST_LISTED),
        "found_close_url": address.to(q=""),
    }


def _next_up(found: StaffDay, address: DayAddress) -> dict | None:
    """Who is next, to be seen without any click."""
    if (following := found.next_up) is None:
        return None
    column, entry = following
    booking = entry.booking
    return {
        "time": formatting.clock(entry.starts_at, found.organization.zone),
        "name": booking.name if booking else class_name(entry),
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
