"""Move a booking to another time of the same expert. The page is updated while it is open."""

from datetime import date, datetime
from functools import partial

from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from bookings import services
from bookings.access.rate_limits import check_change_limits
from bookings.access.visitor import client_address
from bookings.errors import Busy, InvalidDetails, NotAllowed, NotFound, SlotTaken, TooMany
from bookings.models import Status
from bookings.policy import asks_again, can_change, deadline_text
from bookings.selectors.day_strip import DayStrip
from bookings.selectors.expert_calendar import Calendar
from bookings.selectors.week import Week, parse_day
from bookings.transitions import in_sentence
from bookings.views.booking import booking_title, find_proven_booking, not_shown
from bookings.views.cancel import seen_sequence
from bookings.views.responses import load_instead, not_found, see_other, with_retry_after
from bookings.views.zones import clocks_of
from experts.htmx import is_partial
from experts.scheduling.fitting import AgreedType


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def reschedule(request, reference):
    booking = find_proven_booking(request, reference)
    if booking is None:
        return not_shown(request)
    if request.method != "POST":
        return _choose(request, booking, chosen=request.GET.get("slot", ""))
    chosen = request.POST.get("slot", "")
    if not chosen:
        return _choose(request, booking, chosen="", problem=_("Choose one of these times first."), status=422)
    slot_id = _slot_id(chosen)
    try:
        check_change_limits(visitor=request.visitor, address=client_address(request), booking_id=booking.pk)
        services.reschedule(
            booking_id=booking.pk, slot_id=slot_id, by_customer=True, seen_sequence=seen_sequence(request)
        )
    except (SlotTaken, NotAllowed, NotFound, InvalidDetails, Busy, TooMany) as error:
        booking = find_proven_booking(request, reference) or booking
        if isinstance(error, NotAllowed) and booking.is_open and booking.slot_id == slot_id:
            return see_other(reverse("booking", args=[booking.reference]))  # a double click: the first one has moved it
        return _refuse(request, booking, chosen, error)
    return see_other(reverse("booking", args=[booking.reference]))


def _slot_id(text: str) -> int:
    """Return the number of the chosen slot; 0, which no slot has, for anything else."""
    try:
        return int(text[:18])
    except ValueError:
        return 0


def _refuse(request, booking, chosen: str, error):
    """Show the times that are open now, and why the booking was not moved to the chosen one."""
    status, problem = error.status, str(error)
    # A slot that was deleted meanwhile is a conflict (409), too: the address of this page exists.
    if isinstance(error, SlotTaken | NotFound):
        status, problem = 409, _("That time was just taken. Your booking stays as it is; these times are open now.")
    if isinstance(error, InvalidDetails):
        status, problem = 409, _("That time can’t be had for so many people. Your booking stays as it is.")
    return with_retry_after(_choose(request, booking, chosen=chosen, problem=problem, status=status), error)


def _choose(request, booking, *, chosen: str, problem: str = "", status: int = 200):
    """Show the days and times that are open now. ``chosen``: the id of the slot to mark, which may be taken by now."""
    slot, expert = booking.session, booking.slot.expert
    url = reverse("reschedule", args=[booking.reference])
    clocks, now = clocks_of(request, booking), timezone.now()
    day = _read_day(request.GET.get("day"), booking, clocks.leading, now)
    if day is None:
        return not_found(request, _("There is no such day."), url, _("See open times"))
    is_possible = booking.is_open and can_change(slot, now)
    if is_partial(request) and not is_possible:
        return load_instead(_day_url(url, day))  # it was cancelled or it is too late: the whole page says which
    agreed = AgreedType(booking.session_type, booking.terms) if booking.session_type else None
    calendar = Calendar(expert, day, clocks, next_free_day=None, offered=agreed, without=booking)
    # The socket tells of slots: what was agreed may not be what is offered now.
    slots = Calendar(expert, calendar.day, clocks, next_free_day=None) if agreed else calendar
    if not request.GET.get("day"):
        calendar.day = day = _nearest_with_choice(calendar.week, booking, day)
    choices = calendar.week.open_to(booking, day)
    chosen_id = _slot_id(chosen)
    is_gone = bool(chosen) and not problem and all(choice.pk != chosen_id for choice in choices)
    if is_gone:
        problem = _("The time that you chose was just taken. Your booking stays as it is; these times are open now.")
    context = {
        "accent": expert.organization.accent,
        "booking": booking,
        "slot": slot,
        "expert": expert,
        "zone": clocks.leading,
        "title": booking_title(booking, clocks, now),
        "clock_line": calendar.clock_line,
        "deadline": deadline_text(slot, clocks),
        "asks_again": booking.status == Status.CONFIRMED and any(asks_again(slot, it.date) for it in choices),
        "is_possible": is_possible,
        "problem": problem or _why_not(booking, is_possible),
        "strip": DayStrip.of(calendar.week, day, partial(_day_url, url)),
        "day": day,
        "opens": calendar.opens,
        "choices": choices,
        "parts": calendar.parts_of([it for it in calendar.week.on(day) if it in choices or it.pk == slot.pk]),
        "chosen_id": chosen_id,
        "is_gone": is_gone,
        "words_are_below": is_gone and bool(choices),  # beside the button, where somebody who has chosen looks
        "here_url": _day_url(url, day),
        "booking_url": reverse("booking", args=[booking.reference]),
        "grid_key": slots.week.grid_key(day),
        "socket_url": slots.socket_url,
    }
    template = "bookings/_reschedule.html" if is_partial(request) else "bookings/reschedule.html"
    return render(request, template, context, status=status)


def _read_day(text: str | None, booking, zone, now: datetime) -> date | None:
    """Return the day that the address names, without one that of the booking; None if it is no day or too far away."""
    if text:
        return parse_day(text, booking.slot.expert, zone)
    return booking.slot.starts_at.astimezone(zone).date()


def _nearest_with_choice(week: Week, booking, day: date) -> date:
    """Return the day of the week with a time to move to that is nearest to ``day``, later ones first; else ``day``."""
    days = sorted(week.days, key=lambda it: (it < day, abs(it - day)))
    return next((it for it in days if week.open_to(booking, it)), day)


def _why_not(booking, is_possible: bool) -> str:
    if not booking.is_open:
        return _("This booking is %(status)s, so it can’t be moved.") % {"status": in_sentence(booking.status)}
    return "" if is_possible else _("It is too late to cancel or move this booking online. Please get in touch.")


def _day_url(url: str, day: date) -> str:
    return f"{url}?day={day.isoformat()}"
