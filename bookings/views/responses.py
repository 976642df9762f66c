"""Build the answers that several views give."""

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from experts.errors import Refused


def not_found(request, message: str, back_url: str, back_label: str) -> HttpResponse:
    """Answer 404 with what is missing, and a link that leads on."""
    return render(request, "404.html", {"message": message, "back_url": back_url, "back_label": back_label}, status=404)


def with_retry_after(response: HttpResponse, error: Refused) -> HttpResponse:
    """Set Retry-After, in seconds, if the error says when to try again. Returns the response."""
    if error.retry_after:
        response["Retry-After"] = error.retry_after
    return response


def see_other(url: str) -> HttpResponse:
    """Redirect after a form (303), so that a reload of the next page sends nothing again."""
    return HttpResponseRedirect(url, status=303)


def load_instead(url: str) -> HttpResponse:
    """Make the whole page go to ``url`` when htmx asked for a fragment that cannot be shown any more."""
    return HttpResponse(status=204, headers={"HX-Redirect": url})
