from django.http import HttpResponse
from django.shortcuts import render


def is_partial(request) -> bool:
    """Whether htmx asked for a fragment (and not for a whole page, as its Back does)."""
    return bool(request.htmx) and request.htmx.request_type == "partial"


def not_found(request, message: str, back_url: str, back_label: str) -> HttpResponse:
    """A 404 that says what is missing and leads on."""
    return render(request, "404.html", {"message": message, "back_url": back_url, "back_label": back_label}, status=404)
