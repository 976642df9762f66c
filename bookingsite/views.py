"""What belongs to the site as a whole: a person's preferences."""

from django.conf import settings
from django.http import HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods

from bookingsite.middleware import THEMES
from experts.htmx import is_partial
from experts.timezones import zone_names

ONE_YEAR = 365 * 24 * 3600


@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request):
    """Choose a time zone; keep the chosen theme or time zone in a cookie and go back."""
    if request.method == "POST":
        return _keep_preferences(request)
    return render(
        request,
        "_zone_form.html" if is_partial(request) else "preferences.html",
        {"next": _way_back(request, request.GET)},
    )


def _keep_preferences(request):
    response = HttpResponseRedirect(_way_back(request, request.POST))
    response.status_code = 303
    for name, allowed in (("theme", THEMES), ("zone", zone_names())):
        if request.POST.get(name) in allowed:
            # Readable by site.js, which sets the zone on a first visit.
            response.set_cookie(
                name, request.POST[name], max_age=ONE_YEAR, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE
            )
    return response


def _way_back(request, data) -> str:
    """Where the person came from: a page of this site, whatever the address says."""
    back = data.get("next", "/")
    if url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        return back
    return "/"
