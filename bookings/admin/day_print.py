"""The day on paper: a page of A4 for each expert, to hang on the door or to tick who has come."""

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.admin.day_address import DayAddress
from bookings.admin.day_drawing import WORDS
from bookings.admin.staff_choice import chosen_organization, wanted_day, wanted_experts
from bookings.admin.staff_page import StaffPage, render_page
from bookings.models import Booking, Status
from bookings.selectors.staff_columns import Column, Entry, Look, StaffDay
from bookings.selectors.staff_day import read_day
from bookings.selectors.staff_experts import choose_columns, experts_to_choose, who_work
from experts import formatting
from experts.admin.scoping import reach
from experts.models import Organization

MOST_PAGES = 100
# What somebody types at this moment may be nobody's in a minute, and what nobody can book is no news on paper.
_LEFT_OUT = (Look.HELD, Look.UNBOOKABLE)


def print_view(request: HttpRequest) -> HttpResponse:
    """The experts who were chosen for the day, else all who work. Those without anything have no page."""
    organization = chosen_organization(request)
    if organization is None:
        return render_page(request, "admin/day/nobody.html", _("Day"), {})
    now = timezone.now()
    day = wanted_day(request, organization, now)
    found = experts_to_choose(reach(request), organization, day)
    chosen = wanted_experts(request, organization)
    experts = choose_columns(found, chosen) if chosen else who_work(found)
    read = read_day(organization=organization, experts=experts[:MOST_PAGES], day=day, now=now, reach=reach(request))
    context = _context(organization, read) | {"back_url": DayAddress(request.GET).to()}
    return TemplateResponse(request, "admin/day_print.html", context)


def _context(organization: Organization, read: StaffDay) -> dict:
    pages = [_page(column, read) for column in read.columns]
    return {
        "organization": organization,
        "day": date_format(read.day, "FULL_DAY_YEAR_FORMAT"),
        "pages": [page for page in pages if page["rows"]],
        "printed_at": formatting.full_day_and_time(read.now, organization.zone),
    }


def _page(column: Column, read: StaffDay) -> dict:
    zone = column.expert.zone
    rows = [row for entry in column.entries if entry.look not in _LEFT_OUT for row in _rows(entry, zone)]
    return {
        "expert": column.expert,
        "zone": formatting.zone_label_of_day(zone, read.day),
        "rows": rows,
        "taken": column.seats_taken,
        "seats": column.seats,
    }


def _rows(entry: Entry, zone) -> list[dict]:
    """A line for each booking; one for a time that is free."""
    when = formatting.time_span(entry.starts_at, entry.ends_at, zone)
    lines = [_line(entry, booking) for booking in entry.bookings] or [
        {"name": "", "what": entry.slot.title, "state": _free(entry), "is_free": True}
    ]
    for line in lines[1:]:
        line["follows"] = True
    return [line | {"when": when} for line in lines]


def _free(entry: Entry) -> str:
    if entry.slot.capacity == 1:
        return str(WORDS[Look.FREE])
    return _("%(count)d seats, nobody yet") % {"count": entry.slot.capacity}


def _line(entry: Entry, booking: Booking) -> dict:
    if entry.booking is not None:
        state = "" if entry.look in (Look.CONFIRMED, Look.ARRIVED) else WORDS[entry.look]
    else:
        state = "" if booking.status == Status.CONFIRMED else booking.get_status_display()
    return {
        "name": _("Erased") if booking.erased_at else booking.name,
        "phone": booking.phone_shown,
        "what": booking.title,
        "seats": booking.seats,
        "reference": booking.reference,
        "state": state,
        "came": booking.arrived_at is not None,
        "is_free": False,
    }


PAGE = StaffPage(name="day_print", route="day/print/", view=print_view, title=gettext_lazy("Printed day"))
