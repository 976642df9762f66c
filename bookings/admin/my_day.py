"""An expert's own day, for a phone and one thumb: who comes, what they wrote, whether they came, and time to block.

Each line is a link that unfolds it, each step a form: without a script all of it is pages. With static/js/admin-desk.js
only the part is loaded.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache

from bookings import services
from bookings.admin.day_address import book_url
from bookings.admin.day_drawing import ICONS, WORDS
from bookings.admin.my_day_block import Here, block
from bookings.admin.people_read import read_words
from bookings.admin.requests import visits_in_words
from bookings.admin.staff_choice import (
    chosen_organization,
    named_in_addresses,
    organizations_to_choose,
    wanted_day,
)
from bookings.admin.staff_live import staff_live
from bookings.admin.staff_page import StaffPage, render_page
from bookings.errors import Refused
from bookings.models import Booking, Status
from bookings.selectors.staff_columns import Away, Column, Entry, Look, Stretch, has_arrived
from bookings.selectors.staff_day import read_day
from bookings.selectors.staff_experts import experts_to_choose, who_work
from bookings.selectors.visits import Visits, visits_of
from bookings.views.responses import see_other
from experts import formatting
from experts.admin.base import read_key
from experts.admin.scoping import may, reach
from experts.models import Expert
from experts.permissions import ADD, CHANGE
from experts.templatetags.expertbook import icon
from experts.timezones import minutes_in

ATTEND = {
    "arrived": services.mark_arrived,
    "no_show": services.mark_no_show,
    "done": services.complete,
    "undo": services.undo_attendance,
}
_AWAY = {
    Away.OFF: ("beach_access", gettext_lazy("Time off until %(time)s")),
    Away.BREAK: ("coffee", gettext_lazy("Break until %(time)s")),
    Away.CLOSED: ("block", gettext_lazy("Closed until %(time)s")),
}


@dataclass
class Person:
    """Somebody in a line, or one of a class."""

    booking: Booking
    look: Look
    line: str = ""
    url: str = ""
    is_open: bool = False

    @property
    def state(self) -> dict:
        return {"icon": icon(ICONS[self.look]), "text": WORDS[self.look], "css": f"eb-is-{self.look}"}


@dataclass
class Line:
    """One line of the day. ``kind``: person, class, free, held, away."""

    kind: str
    at: datetime
    ends_at: datetime
    time: str
    title: str = ""
    line: str = ""
    icon: str = ""
    url: str = ""
    people: list[Person] = field(default_factory=list)
    is_open: bool = False
    is_now: bool = False

    @property
    def key(self) -> str:
        return f"{self.kind}-{self.at.timestamp():.0f}"


@never_cache
def my_day_view(request):
    """Show the day of one expert; a POST says who came, or blocks time."""
    organization = chosen_organization(request)
    if organization is None:
        return render_page(request, "admin/day/nobody.html", str(_TITLE), {})
    now = timezone.now()
    day = wanted_day(request, organization, now)
    experts = experts_to_choose(reach(request), organization, day)
    expert = _chosen_expert(request, experts)
    if expert is None:
        return render_page(request, "admin/my_day_nobody.html", str(_TITLE), {"organization": organization})
    if request.method == "POST" and "attend" in request.POST:
        return _attend(request)
    live = staff_live(organization, day, [expert])
    organizations = organizations_to_choose(request, organization)
    here = Here(request, day, expert, named_in_addresses(organization, organizations))
    found = read_day(organization=organization, experts=[expert], day=day, now=now, reach=reach(request))
    [column] = found.columns
    asks = None
    if request.method == "POST" or "block" in request.GET:
        if not _may_block(request, expert):
            return see_other(here.to())
        asks = block(request, here, column, now)
        if isinstance(asks, HttpResponseRedirect):
            return asks
    context = _context(request, here, column, now, experts)
    context |= {"organization": organization, "organizations": organizations}
    context |= {"staff_live": live, "blocking": asks}
    if request.GET.get("part") == "list":
        return TemplateResponse(request, "admin/_my_day_list.html", context)
    if request.headers.get("X-Part") == "my-day":
        return TemplateResponse(request, "admin/_my_day.html", context)
    return render_page(request, "admin/my_day.html", str(_TITLE), context)


def _chosen_expert(request, experts: list[Expert]) -> Expert | None:
    """Whom the address names, else themselves, else the first who works on that day."""
    asked = read_key(request.GET.get("expert", ""))
    by_key = {expert.pk: expert for expert in experts}
    if asked in by_key:
        return by_key[asked]
    own = [expert for expert in experts if expert.user_id == request.user.pk]
    return next(iter(own or who_work(experts) or experts), None)


def _context(request, here: Here, column: Column, now: datetime, experts: list[Expert]) -> dict:
    expert, zone = column.expert, column.expert.zone
    today = now.astimezone(zone).date()
    entries = [entry for entry in column.entries if entry.look != Look.UNBOOKABLE]
    keys = [booking.pk for entry in entries for booking in entry.bookings if booking.status != Status.HELD]
    page = admin.site.get_model_admin(Booking)
    visits = visits_of(page.get_queryset(request), keys)
    opened, opened_class = read_key(request.GET.get("open", "")), read_key(request.GET.get("class", ""))
    lines = [_line(entry, here, zone, visits, opened, opened_class) for entry in entries]
    lines += [_away_line(stretch, zone) for stretch in column.away if stretch.why != Away.NOT_WORKING]
    lines.sort(key=lambda it: (it.at, it.kind == "away"))
    is_today = here.day == today
    earlier = [it for it in lines if is_today and it.ends_at <= now and not it.is_open]
    later = [it for it in lines if it not in earlier]
    context = {
        "expert": expert,
        "experts": experts if len(experts) > 1 else [],
        "day_value": "" if is_today else here.day.isoformat(),
        "day_title": formatting.full_day(here.day, today),
        "is_today": is_today,
        "load": _("%(taken)d of %(seats)d booked, %(city)s %(time)s")
        % {
            "taken": column.seats_taken,
            "seats": column.seats,
            "city": expert.zone_city,
            "time": formatting.clock(now, zone),
        },
        "earlier": earlier,
        "earlier_count": len([it for it in earlier if it.people]),
        "done": sum(person.look == Look.DONE for it in earlier for person in it.people),
        "lines": _with_now(later, now) if is_today else later,
        "now_time": formatting.clock(now, zone),
        "here": here.to(),
        "yesterday": here.to(day=(here.day - timedelta(days=1)).isoformat()),
        "tomorrow": here.to(day=(here.day + timedelta(days=1)).isoformat()),
        "today": here.to(day=""),
        "live_url": here.to(part="list", open=str(opened or ""), **{"class": str(opened_class or "")}),
        "block_url": here.to(block="1") if _may_block(request, expert) else "",
        "book_url": book_url(expert=expert.pk) if may(request, "bookings.booking", ADD) else "",
    }
    if opened in keys:
        booking = page.get_queryset(request).filter(pk=opened).first()
        if booking is not None:
            context["opened"] = _opened(request, booking, visits.get(booking.pk), now)
    return context


# Lines


def _line(entry: Entry, here: Here, zone, visits: dict[int, Visits], opened: int, opened_class: int) -> Line:
    start = formatting.clock(entry.starts_at, zone)
    minutes = _("%(count)d min") % {"count": minutes_in(entry.ends_at - entry.starts_at)}
    shown = Line("person", entry.starts_at, entry.ends_at, start)
    if entry.look == Look.FREE:
        shown.kind, shown.line, shown.url = "free", minutes, book_url(slot=entry.slot.pk)
    elif entry.look == Look.HELD:
        shown.kind, shown.title = "held", _("Being booked")
    else:
        shown.people = [
            _person(booking, entry, here, zone, visits.get(booking.pk), opened, minutes)
            for booking in entry.bookings
            if booking.status != Status.HELD
        ]
        shown.is_open = any(person.is_open for person in shown.people)
        if entry.booking is None:
            shown.kind = "class"
            shown.is_open = shown.is_open or entry.slot.pk == opened_class
            titles = {person.booking.title for person in shown.people if person.booking.title} or {entry.slot.title}
            shown.title = min(titles) or _("Group")
            words = {"taken": entry.seats_taken, "seats": entry.slot.capacity}
            shown.line = _("%(taken)d of %(seats)d, attendance list") % words
            shown.url = here.to(**{"class": "" if shown.is_open else str(entry.slot.pk)})
            for person in shown.people:
                person.url = here.to(
                    **{"class": str(entry.slot.pk), "open": "" if person.is_open else person.booking.pk}
                )
    return shown


def _person(
    booking: Booking, entry: Entry, here: Here, zone, visits: Visits | None, opened: int, minutes: str
) -> Person:
    is_open = booking.pk == opened
    person = Person(booking, entry.look if entry.booking else _look_of(booking, entry), is_open=is_open)
    words = [booking.title or minutes]
    if booking.title:
        words.append(minutes)
    if person.look == Look.PENDING:
        words = [_("Runs out %(time)s") % {"time": formatting.lately(booking.runs_out_at, zone, timezone.now())}]
    elif person.look == Look.ARRIVED and booking.arrived_at:
        words = [booking.title, _("here since %(time)s") % {"time": formatting.clock(booking.arrived_at, zone)}]
    elif visits is not None and entry.booking:
        words.append(_("first visit") if not visits.came else _nth_visit(visits.came + 1))
    if booking.seats > 1:
        words.append(ngettext("%(count)d seat", "%(count)d seats", booking.seats) % {"count": booking.seats})
    person.line = ", ".join(word for word in words if word)
    person.url = here.to(open="" if is_open else str(booking.pk))
    return person


def _look_of(booking: Booking, entry: Entry) -> Look:
    """Of one of a class."""
    if booking.pk in entry.in_danger:
        return Look.RESCUE
    if has_arrived(booking):
        return Look.ARRIVED
    looks = {Status.PENDING: Look.PENDING, Status.COMPLETED: Look.DONE, Status.NO_SHOW: Look.NO_SHOW}
    return looks.get(Status(booking.status), Look.CONFIRMED)


def _nth_visit(number: int) -> str:
    return _("visit no. %(number)d") % {"number": number}


def _away_line(stretch: Stretch, zone) -> Line:
    symbol, text = _AWAY[stretch.why]
    shown = Line("away", stretch.starts_at, stretch.ends_at, formatting.clock(stretch.starts_at, zone), icon=symbol)
    shown.title = text % {"time": formatting.clock(stretch.ends_at, zone)}
    return shown


def _with_now(lines: list[Line], now: datetime) -> list[Line]:
    """The line of what begins next says so: what is over or has begun stands above it."""
    following = next((it for it in lines if it.at > now), None)
    if following is not None:
        following.is_now = True
    return lines


def _opened(request, booking: Booking, visits: Visits | None, now: datetime) -> dict:
    """What unfolds: read, and logged as read, only now that somebody wants it."""
    may_change = admin.site.get_model_admin(Booking).reaches(request, booking, CHANGE)
    status, starts_at = booking.status, booking.slot.starts_at
    has_come = booking.arrived_at is not None
    is_day = booking.slot.date <= now.astimezone(booking.slot.expert.zone).date()
    history = ""
    if visits is not None:
        history = visits_in_words(visits)
        if visits.last is not None:
            history = _("%(visits)s. Last %(day)s") % {
                "visits": history,
                "day": date_format(visits.last, "MONTH_DAY_FORMAT" if visits.last.year == now.year else "DATE_FORMAT"),
            }
    buttons = []
    if may_change and status in (Status.CONFIRMED, Status.COMPLETED, Status.NO_SHOW):
        is_open = status == Status.CONFIRMED
        buttons = [
            _button("arrived", _("Arrived"), "how_to_reg", is_day and not has_come and status != Status.COMPLETED),
            _button("no_show", _("No-show"), "person_off", starts_at <= now and status != Status.NO_SHOW),
            _button("done", _("Done"), "done_all", booking.ends_at <= now and status != Status.COMPLETED),
        ]
        main = next((it for it in buttons if it["is_possible"]), None)
        if main is not None and is_open:
            main["is_main"] = True
    return {
        "pk": booking.pk,
        "read": read_words(request, booking),
        "history": history,
        "buttons": buttons if any(it["is_possible"] for it in buttons) else [],
        "can_undo": may_change and (has_come or status in (Status.COMPLETED, Status.NO_SHOW)),
        "is_request": status == Status.PENDING and may_change,
        "answer_url": reverse(
            "admin:requests",
            query={"organization": booking.slot.expert.organization_id},
            fragment=f"request-{booking.pk}",
        ),
        "phone": booking.phone,
        "phone_shown": booking.phone_shown,
        "url": reverse("admin:bookings_booking_change", args=[booking.pk]),
    }


def _button(name: str, text: str, icon: str, is_possible: bool) -> dict:
    return {"name": name, "text": text, "icon": icon, "is_possible": is_possible, "is_main": False}


# What is done


def _attend(request):
    """Say of one booking whether its person came."""
    page = admin.site.get_model_admin(Booking)
    name, key = request.POST["attend"], read_key(request.POST.get("booking", ""))
    booking = page.within(request, page.get_queryset(request), CHANGE).filter(pk=key).first()
    if booking is None or name not in ATTEND:
        messages.warning(request, _("There is no such booking."))
    else:
        try:
            ATTEND[name](booking_id=booking.pk)
        except Refused as refusal:
            messages.warning(request, str(refusal))
    query = {
        key: request.GET[key] for key in ("organization", "expert", "day", "open", "class") if request.GET.get(key)
    }
    return see_other(reverse("admin:my_day") + (f"?{urlencode(query)}" if query else ""))


def _may_block(request, expert: Expert) -> bool:
    everywhere, own = reach(request).with_right("experts.timeoff", ADD)
    if reach(request).everything or expert.organization_id in everywhere:
        return True
    return expert.organization_id in own and expert.user_id == request.user.pk


_TITLE = gettext_lazy("My day")
PAGE = StaffPage("my_day", "my-day/", my_day_view, _TITLE, "event_upcoming")
