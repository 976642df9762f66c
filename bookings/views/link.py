"""Open the links in e-mails. It takes a button, because programs that scan mails follow links but send no forms."""

from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from bookings.access import proofs
from bookings.access.links import opens_offer, opens_one_booking
from bookings.access.visitor import ensure_visitor
from bookings.errors import LinkGone, LinkUnknown
from bookings.views.offer import offer
from bookings.views.responses import see_other


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def link(request, token):
    if opens_offer(token):
        response = offer(request, token)
    else:
        response = _open(request, token) if request.method == "POST" else _ask(request, token)
    # The address opens bookings, so no other site may learn it. Not "no-referrer": the form's origin would be "null",
    # and the CSRF check would refuse it.
    response["Referrer-Policy"] = "strict-origin"
    return response


def _ask(request, token):
    """Show the page with the button. It is the same for every token of a kind and reads nothing."""
    # Known from now on, so that both clicks of a double click come from one browser.
    ensure_visitor(request)
    return render(request, "bookings/link.html", {"opens_one": opens_one_booking(token)})


def _open(request, token):
    try:
        booking = proofs.open_link(visitor=ensure_visitor(request), token=token)
    except LinkUnknown as error:
        context = {"is_over": isinstance(error, LinkGone), "opens_one": opens_one_booking(token)}
        return render(request, "bookings/link_over.html", context, status=error.status)
    if booking:
        return see_other(reverse("booking", args=[booking.reference]))
    return see_other(reverse("your_data" if request.GET.get("to") == "data" else "my_bookings"))
