"""Site-wide middleware: busy answers, a person's preferences, who and from where for the history."""

import copy
import logging
import re

import csp.middleware
import django.middleware.locale
import pghistory.middleware
from csp.constants import HEADER as POLICY
from csp.utils import build_policy
from django.conf import settings
from django.db import connection
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import Resolver404, resolve
from django.utils import timezone, translation
from django.utils.cache import get_conditional_response, patch_cache_control, patch_vary_headers, set_response_etag
from django.utils.http import parse_etags
from django.utils.translation import gettext as _
from django.views.defaults import page_not_found
from whitenoise.middleware import WhiteNoiseMiddleware as _WhiteNoiseMiddleware

from bookingsite.api_handler import ApiHandler
from bookingsite.bodies import UPLOADS
from bookingsite.errors import bad_request
from experts.api.error_schemas import CODES
from experts.errors import Busy, Unavailable
from experts.locking import slot_transaction
from experts.outages import busy_for, is_outage
from experts.timezones import known_zone

logger = logging.getLogger(__name__)
THEMES = ("light", "dark")


class WhiteNoiseMiddleware(_WhiteNoiseMiddleware):
    """As WhiteNoise's, which would look for a file with each request of the API."""

    def __call__(self, request):
        if request.path.startswith("/api/"):
            return self.get_response(request)
        return super().__call__(request)


class BusyMiddleware:
    """A database that is away, broken or overloaded is answered by 503 "please retry", not by a traceback."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, exception):
        if not is_outage(exception):
            return None
        busy = busy_for(exception)
        response = render(request, "503.html", {"is_crowd": not isinstance(busy, Unavailable)}, status=503)
        response["Retry-After"] = str(busy.retry_after)
        return response


# What no page of ours needs, so that no script that got in could ask for it either.
NOT_NEEDED = (
    *("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer", "microphone", "midi"),
    *("payment", "usb"),
)
PERMISSIONS = ", ".join(f"{feature}=()" for feature in NOT_NEEDED)


class CSPMiddleware(csp.middleware.CSPMiddleware):
    """Sets the content security policy, and which features of the browser are off.

    Most answers have the usual policy, which is put together once.
    """

    def __init__(self, get_response):
        super().__init__(get_response)
        self._usual = _in_order(build_policy())

    def process_response(self, request, response):
        """A view that wants another policy has written that into its answer, with django-csp's decorators.

        Django's own pages for developers want none.
        """
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        if settings.DEBUG or any(name.startswith("_csp") for name in vars(response)):
            response = super().process_response(request, response)
            if POLICY in response.headers:
                response.headers[POLICY] = _in_order(response.headers[POLICY])
            return response
        response.headers.setdefault(POLICY, self._usual)
        return response


def _in_order(policy: str) -> str:
    """The same parts in the same order in all processes: django-csp walks a set, whose order each process draws."""
    return "; ".join(sorted(policy.split("; ")))


# Of an answer that becomes JSON; the last two keep other sites from framing it.
KEPT_HEADERS = ("Allow", "Retry-After", "Content-Security-Policy", "Permissions-Policy", "X-Frame-Options")


class ApiMiddleware:
    """What each answer of the API has: JSON also where Django itself answers, an ETag, and HEAD like GET.

    Outermost but for security and static files, as middleware and the router answer too: 404, 405, a bad host name.
    What comes after it is for pages: addresses of the API go through ``API_MIDDLEWARE``.
    """

    def __init__(self, get_response):
        self.get_page = get_response
        self.get_response = ApiHandler().answer

    def __call__(self, request):
        if not request.path.startswith("/api/"):
            return self.get_page(request)
        if request.method == "HEAD":
            request.method = "GET"  # the server sends no body
        seen = request.headers.get("If-Match", "") if request.method in ("PATCH", "PUT", "DELETE") else ""
        response = self._answer_if_as_seen(request, seen) if seen else self.get_response(request)
        if response.status_code >= 400 and not response.get("Content-Type", "").startswith("application/json"):
            response = self._as_json(response)
        patch_vary_headers(response, ["Authorization"])
        if request.method != "GET" or response.status_code != 200:
            patch_cache_control(response, no_store=True)
            if request.method in ("PATCH", "PUT") and response.status_code == 200:
                set_response_etag(response)  # what is there now, as GET says it
            return response
        if "Cache-Control" not in response:
            patch_cache_control(response, private=True, no_cache=True)
        if not response.streaming and not response.has_header("ETag"):
            set_response_etag(response)
        return get_conditional_response(request, etag=response.get("ETag"), response=response)

    def _answer_if_as_seen(self, request, seen: str):
        """Do what is asked if the address still answers as it did: one such request about it after the other."""
        try:
            with slot_transaction(), connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [request.path])
                look = copy.copy(request)
                look.method, look.META = "GET", request.META | {"REQUEST_METHOD": "GET", "CONTENT_LENGTH": ""}
                now = self.get_response(look)
                if now.status_code == 200 and not self._is_as_seen(now, seen):
                    return self._as_json(HttpResponse(status=412))
                return self.get_response(request)
        except Busy as busy:
            return self._as_json(HttpResponse(status=503, headers={"Retry-After": str(busy.retry_after)}))

    @staticmethod
    def _is_as_seen(now, seen: str) -> bool:
        """Weak ones, too: compression makes them of strong ones on the way."""
        set_response_etag(now)
        return seen.strip() == "*" or now["ETag"] in [tag.removeprefix("W/") for tag in parse_etags(seen)]

    @staticmethod
    def _as_json(response):
        text = {
            404: _("There is nothing here."),
            405: _("This address does not take that method."),
            411: _("Say how long the body is, with Content-Length."),
            412: _("Somebody has changed this meanwhile. Look at it again first."),
            413: _("The body is too large."),
            415: _("Send JSON, with Content-Type: application/json."),
            503: Unavailable.message,
        }.get(response.status_code, _("This request cannot be fulfilled."))
        body = {"code": CODES.get(response.status_code, "error"), "detail": str(text)}
        kept = {name: response[name] for name in KEPT_HEADERS if name in response}
        return JsonResponse(body, status=response.status_code, headers=kept)


class LocaleMiddleware(django.middleware.locale.LocaleMiddleware):
    """As Django's, which also looks, with each request and each answer, for a language in addresses: ours have none."""

    def process_request(self, request):
        translation.activate(translation.get_language_from_request(request))
        request.LANGUAGE_CODE = translation.get_language()

    def process_response(self, request, response):
        patch_vary_headers(response, ("Accept-Language",))
        response.headers.setdefault("Content-Language", translation.get_language())
        return response


class NotFoundMiddleware:
    """Shows our page of what is not there where Django, with DEBUG on, would list all addresses. Innermost."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        try:
            resolve(request.path_info)
        except Resolver404 as error:
            return page_not_found(request, error)
        return self.get_response(request)

    def process_exception(self, request, exception):
        return page_not_found(request, exception) if isinstance(exception, Http404) else None


class UnchangedPageMiddleware:
    """Answers by an empty 304 where the browser has the page already, by its ETag.

    Outside of those that set policies: a browser that has the page has these with it, and a 304 that named others, as
    it is an answer of its own, would put them in their place.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if "ETag" not in response:
            return response
        return get_conditional_response(request, etag=response["ETag"], response=response)


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
        if request.path.startswith("/api/"):
            return {"source": "api"}  # a cookie counts for nothing there; the token adds its name
        context = super().get_context(request)
        # A change that waited for a password is made where that was asked for (bookingsite/accounts/middleware.py).
        if request.path.startswith(("/admin/", "/account/")):
            return {**context, "source": "staff"}
        return {"user": context["user"], "source": "web"}


class AdminInputMiddleware:
    """Refuses, with 400, what no form or link of the admin sends and Django's admin itself stumbles over.

    That is numbers that Python refuses to read (over 4,300 digits), NUL in a filter, and selected rows that are no
    numbers. Everything else is answered at its field.
    """

    _ENDLESS_NUMBER = re.compile(r"\d{1000,}")

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.path.startswith("/admin/") and self._is_nonsense(request):
            return bad_request(request)
        return self.get_response(request)

    def _is_nonsense(self, request) -> bool:
        # Nothing of a file is read before it is known who sends it.
        selected = [] if UPLOADS.fullmatch(request.path) else request.POST.getlist("_selected_action")
        values = [value for _key, values in request.GET.lists() for value in values] + selected
        filters = [value for key, values in request.GET.lists() if key.endswith("__exact") for value in values]
        return (
            any(self._ENDLESS_NUMBER.search(value) for value in values)
            or any("\x00" in value for value in filters)
            or not all(value.isdecimal() for value in selected)
        )
