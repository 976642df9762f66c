"""Name what the site's middleware adds to a request."""

from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class SiteRequest(HttpRequest):
    """A request as views get it."""

    htmx: HtmxDetails
    theme: str  # "auto", "light" or "dark"
    zone: ZoneInfo | None  # the visitor's; None when not known yet
    visitor: str  # the browser's identity (bookings/access/visitor.py); "" when it has none yet
