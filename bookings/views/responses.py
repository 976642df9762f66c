from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from experts.errors import Refused


def not_found(request, message: str, back_url: str, back_label: str) -> HttpResponse:
    """A 404 that says what is missing and leads on."""
    return render(request, "404.html", {"message": message, "back_url": back_url, "back_label": back_label}, status=404)


def with_retry_after(response: HttpResponse, error: Refused) -> HttpResponse:
    """Say in the headers in how many seconds the same request may do better, where the error knows it."""
    if error.retry_after:
        response["Retry-After"] = error.retry_after
    return response


def see_other(url: str) -> HttpResponse:
    """After a form: look there (303). A reload shows that page and sends nothing again."""
    return HttpResponseRedirect(url, status=303)


def load_instead(url: str) -> HttpResponse:
    """The answer to a fragment's request when there is nothing left to show in its place: the page goes there."""
    return HttpResponse(status=204, headers={"HX-Redirect": url})
