"""Moving a booking to another time of the same expert: a plain page of days and times, and what comes of a choice."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from bookings import services
from bookings.calendar import parse_day
from bookings.errors import Busy, InvalidDetails, NotAllowed, NotFound, SlotTaken
from bookings.policy import can_change, deadline_text
from bookings.views.answers import not_found, see_other
from bookings.views.booking import booking_title, not_shown, proven_booking, shown_zone_of
from bookings.views.cancel import seen_sequence
from bookings.week import DayCount, Week
from experts import wording
from experts.models import Slot


@dataclass(frozen=True)
class Day:
    count: DayCount
    label: str
    url: str
    is_selected: bool


@dataclass(frozen=True)
class Choice:
    """A time that the booking can move to. ``day_note`` names another date where the visitor's calendar has one."""

    slot: Slot
    time: str
    day_note: str


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def reschedule(request, reference):
    booking = proven_booking(request, reference)
    if booking is None:
        return not_shown(request)
    if request.method != "POST":
        return _choose(request, booking)
    try:
        slot_id = int(request.POST.get("slot", "")[:18])
    except ValueError:
        slot_id = 0  # no slot has it
    try:
        services.reschedule(
            booking_id=booking.pk, slot_id=slot_id, by_customer=True, seen_sequence=seen_sequence(request)
        )
    except (SlotTaken, NotAllowed, NotFound, InvalidDetails, Busy) as error:
        booking = proven_booking(request, reference) or booking
        if isinstance(error, NotAllowed) and booking.is_open and booking.slot_id == slot_id:
            return see_other(reverse("booking", args=[booking.reference]))  # the second click of a double click
        return _choose(request, booking, refusal=error)
    return see_other(reverse("booking", args=[booking.reference]))


def _choose(request, booking, *, refusal=None):
    """The days and times that are open now; with a refusal, why the chosen one could not be had."""
    slot, expert = booking.slot, booking.slot.expert
    url = reverse("reschedule", args=[booking.reference])
    asked = request.GET.get("day")
    day = parse_day(asked, expert)
    if day is None:
        return not_found(request, _("There is no such day."), url, _("See open times"))
    zone, now = shown_zone_of(request, booking), timezone.now()
    monday = day - timedelta(days=day.weekday())
    week = Week.read(expert, monday, now)
    is_possible = booking.is_open and can_change(slot, now)
    context = {
        "accent": expert.organization.accent,
        "booking": booking,
        "slot": slot,
        "expert": expert,
        "title": booking_title(booking, zone, now),
        # Of the day that is shown: between the two, the clocks may change.
        "zone_label": wording.zone_label(zone, datetime.combine(day, time(12), tzinfo=zone)),
        "deadline": deadline_text(slot, zone),
        "is_possible": is_possible,
        "problem": _problem(booking, refusal, is_possible),
        "week_label": wording.day_span(monday, monday + timedelta(days=6)),
        "week": [_day(item, week, day, url) for item in week.days],
        "day": day,
        "choices": [
            Choice(other, wording.clock(other.starts_at, zone), _day_note(other, day, zone))
            for other in week.open_to(booking, day)
        ],
        "previous_url": _day_url(url, max(day - timedelta(days=7), week.today)) if monday > week.today else "",
        "next_url": _day_url(url, day + timedelta(days=7))
        if monday + timedelta(days=7) <= expert.last_bookable_day(now)
        else "",
        "here_url": _day_url(url, day),
        "booking_url": reverse("booking", args=[booking.reference]),
    }
    response = render(request, "bookings/reschedule.html", context, status=_status(refusal))
    if isinstance(refusal, Busy):
        response["Retry-After"] = 2
    return response


def _status(refusal) -> int:
    if refusal is None:
        return 200
    # A time that went away while somebody chose is a conflict, not an address that does not exist.
    return 409 if isinstance(refusal, NotFound | InvalidDetails) else refusal.status


def _problem(booking, refusal, is_possible) -> str:
    if isinstance(refusal, SlotTaken | NotFound):
        return _("That time was just taken. Your booking stays as it is; these times are open now.")
    if isinstance(refusal, InvalidDetails):
        return _("That time can’t be had for so many people. Your booking stays as it is.")
    if refusal is not None:
        return str(refusal)
    if not booking.is_open:
        return _("This booking is %(status)s, so it can’t be moved.") % {"status": booking.get_status_display().lower()}
    return "" if is_possible else _("It is too late to cancel or move this booking online. Please get in touch.")


def _day(item: date, week: Week, selected: date, url: str) -> Day:
    label = _("Today") if item == week.today else date_format(item, "D")
    return Day(week.count(item), label, _day_url(url, item), item == selected)


def _day_url(url: str, day: date) -> str:
    return f"{url}?day={day.isoformat()}"


def _day_note(slot: Slot, day: date, zone) -> str:
    shown = slot.starts_at.astimezone(zone)
    return date_format(shown, "D j") if shown.date() != day else ""
