"""A booking as a file for the visitor's own calendar."""

from django.http import HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from bookings.icalendar import event
from bookings.views.booking import not_shown, proven_booking


@require_safe
@never_cache
def calendar_file(request, reference):
    booking = proven_booking(request, reference)
    if booking is None:
        return not_shown(request)
    return HttpResponse(
        event.calendar_file(booking, event.download_method(booking)),
        content_type="text/calendar; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{booking.reference}.ics"'},
    )
