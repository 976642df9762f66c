"""My bookings: what was booked in this browser."""

from dataclasses import dataclass

from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from bookings.models import Booking, Status
from experts import wording
from experts.models import Expert, Slot

MOST_EARLIER = 50


@dataclass(frozen=True)
class Row:
    booking: Booking
    slot: Slot
    expert: Expert
    month: str
    day: str
    when: str
    note: str
    note_icon: str


@require_safe
def my_bookings(request):
    mine = Booking.objects.of_visitor(request.visitor).with_slot()
    context = {
        "coming": [_row(booking, request.zone) for booking in mine.upcoming()],
        "earlier": [_row(booking, request.zone) for booking in mine.earlier()[:MOST_EARLIER]],
    }
    return render(request, "bookings/my_bookings.html", context)


def _row(booking, zone) -> Row:
    slot, expert = booking.slot, booking.slot.expert
    zone = zone or expert.zone
    now = timezone.now()
    start, today = slot.starts_at.astimezone(zone), now.astimezone(zone).date()
    note, icon = _note(booking, zone, now)
    return Row(
        booking=booking,
        slot=slot,
        expert=expert,
        month=date_format(start, "M"),
        day=date_format(start, "j"),
        when=f"{wording.day_name(start.date(), today)}, {wording.time_span(slot.starts_at, slot.ends_at, zone)}",
        note=note,
        note_icon=icon,
    )


def _note(booking, zone, now) -> tuple[str, str]:
    if booking.status == Status.PENDING:
        deadline = wording.soon(booking.expires_at, zone, now)
        return _("Decision by %(deadline)s") % {"deadline": deadline}, "hourglass"
    if booking.status == Status.EXPIRED:
        return _("No answer in time, so the seat was freed"), "timer-off"
    expert = booking.slot.expert
    return str(expert.get_venue_display()), expert.venue_icon
