"""Serve the calendar feeds that staff subscribe to in their calendar programs."""

from django.http import HttpResponse
from django.utils.cache import get_conditional_response, patch_cache_control
from django.views.decorators.http import require_safe

from bookings.icalendar import feed as calendar_feed
from bookings.models import CalendarFeed


@require_safe
def feed(request, token):
    """Answer with the calendar; 304 when nothing has changed, 404 for an unknown feed, 410 for one that has ended."""
    found = CalendarFeed.objects.of_token(token)
    if found is None:
        response = HttpResponse(status=404)
    elif not calendar_feed.is_open(found):
        response = HttpResponse(status=410)
    else:
        found.note_use()
        response = _calendar(request, found)
    # The address is a key, and what it opens is private. Programs may keep it, but ask again each time.
    patch_cache_control(response, private=True, no_cache=True)
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return response


def _calendar(request, found: CalendarFeed) -> HttpResponse:
    file = calendar_feed.calendar(found)
    response = HttpResponse(file, content_type="text/calendar; charset=utf-8")
    response["ETag"] = calendar_feed.etag(file)
    return get_conditional_response(request, etag=response["ETag"], response=response)
