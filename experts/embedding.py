"""Let other sites show pages in frames: check which sites may, and tell the browser."""

import re

from csp.constants import NONE
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.utils.translation import gettext as _

from experts.requests import SiteRequest
from experts.timezones import known_zone

MOST_ORIGINS = 20
# A host as browsers write it: no path, no wildcard, no user; letters outside of ASCII are written xn--…
_HOST = r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
_ORIGIN = re.compile(rf"(?:https://{_HOST}|http://(?:localhost|127\.0\.0\.1))(?::[1-9]\d{{0,4}})?")
_DEFAULT_PORT = re.compile(r"(https://[^:]+):443|(http://[^:]+):80")


def read_origin(text: str) -> str:
    """Return an origin that people copied (``HTTPS://Www.Example.com/``) in the form that browsers compare."""
    text = text.strip().lower().removesuffix("/")
    found = _DEFAULT_PORT.fullmatch(text)
    return (found[1] or found[2]) if found else text


def validate_origin(origin: str) -> None:
    """Raise ValidationError unless it is ``https://host`` or ``https://host:port``, or http on localhost for trials."""
    port = origin.rpartition(":")[2]
    if len(origin) > 255 or not _ORIGIN.fullmatch(origin) or (port.isdecimal() and int(port) > 65535):
        raise ValidationError(
            _("“%(origin)s” is not an address such as https://www.example.com, without anything behind the name."),
            params={"origin": origin},
        )


def frame_query(request: SiteRequest) -> dict[str, str]:
    """Return the query that links within a frame carry, because frames have no cookies: ``tz``, ``theme``, ``list``.

    ``list`` says that there is a list of experts to go back to. Sets the request's zone and theme.
    """
    query = {"list": "1"} if request.GET.get("list") else {}
    if zone := known_zone(request.GET.get("tz")):
        request.zone = zone
        query["tz"] = zone.key
    if (theme := request.GET.get("theme")) in ("light", "dark"):
        request.theme = query["theme"] = theme
    return query


def let_frame(response: HttpResponse, origins: list[str]) -> HttpResponse:
    """Allow pages of these origins to frame the response; without any, nobody may, as with every other page."""
    response._csp_replace = {"frame-ancestors": origins or [NONE]}  # type: ignore[attr-defined]  # django-csp looks for it
    # X-Frame-Options cannot list origins. Browsers that know frame-ancestors ignore it.
    response.xframe_options_exempt = bool(origins)
    return response
