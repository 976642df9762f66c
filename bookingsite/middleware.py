"""Site-wide middleware: busy answers, a person's preferences, who and from where for the history."""

import logging

import pghistory.middleware
from django.db import OperationalError
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_cache_control, patch_vary_headers

from experts.zones import known_zone

logger = logging.getLogger(__name__)
THEMES = ("light", "dark")


class BusyMiddleware:
    """A database that is away or overloaded is answered by 503 "please retry", not by a traceback."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, exception):
        if not isinstance(exception, OperationalError):
            return None
        logger.error("The database did not answer: %s", type(exception.__cause__ or exception).__name__)
        response = render(request, "503.html", status=503)
        response["Retry-After"] = "5"
        return response


class PreferencesMiddleware:
    """Reads theme and time zone from cookies and shows times in that zone.

    ``request.theme`` is "auto", "light" or "dark"; ``request.zone`` a ZoneInfo, or None when not known yet.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        theme = request.COOKIES.get("theme")
        request.theme = theme if theme in THEMES else "auto"
        request.zone = known_zone(request.COOKIES.get("zone"))
        with timezone.override(request.zone):
            response = self.get_response(request)
        if response.get("Content-Type", "").startswith("text/html"):
            # The same address answers a page or a fragment, and shows what is the viewer's own.
            patch_vary_headers(response, ["Cookie", "HX-Request-Type"])
            if "Cache-Control" not in response:
                patch_cache_control(response, private=True, no_cache=True)
        return response


class HistoryMiddleware(pghistory.middleware.HistoryMiddleware):
    """Tells the history who made a change and from where. Reading changes nothing, so it needs no context."""

    def __call__(self, request):
        if request.method in ("GET", "HEAD", "OPTIONS"):
            return self.get_response(request)
        return super().__call__(request)

    def get_context(self, request):
        """Who, from where, and in the admin on which page. Other addresses may hold a link's token or a reference."""
        context = super().get_context(request)
        if request.path.startswith("/admin/"):
            return {**context, "source": "staff"}
        return {"user": context["user"], "source": "web"}
