"""Find bookings that this browser did not make, by e-mail alone or by reference and e-mail.

The answer to an e-mail alone never depends on whether anybody booked with it; only the worker looks that up, later.
"""

from datetime import timedelta

from django.conf import settings
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation

from bookings.access import proofs
from bookings.access.rate_limits import check_lookup_limits
from bookings.access.visitor import client_address, ensure_visitor
from bookings.errors import NoSuchBooking, TooMany
from bookings.forms import LookupForm
from bookings.models import LookupRequest
from bookings.views.responses import see_other, with_retry_after

SENT_SHOWN = timedelta(hours=1)


def show_form(request, *, form=None, status=200):
    """Show the form."""
    context = {"form": form or LookupForm(), "signed_out": "signed-out" in request.GET}
    return render(request, "bookings/lookup.html", context, status=status)


def answer_form(request):
    """Open the booking that was named by reference and e-mail, or queue a link to the bookings of the e-mail."""
    form = LookupForm(request.POST)
    if not form.is_valid():
        return show_form(request, form=form, status=422)
    if form.has_to_ask():
        return show_form(request, form=form)
    visitor, email = ensure_visitor(request), form.cleaned_data["email"]
    try:
        check_lookup_limits(visitor=visitor, address=client_address(request))
        if reference := form.cleaned_data["reference"]:
            booking = proofs.open_by_reference(visitor=visitor, reference=reference, email=email)
            return see_other(reverse("booking", args=[booking.reference]))
    except (NoSuchBooking, TooMany) as error:
        form.add_error(None, str(error))
        return with_retry_after(show_form(request, form=form, status=error.status), error)
    proofs.request_link(
        visitor=visitor,
        email=email,
        language=translation.get_language() or "en",
        timezone=request.zone.key if request.zone else "",
    )
    return see_other(reverse("my_bookings") + "?sent=1")


def show_sent(request):
    """Show that a link is on its way, and to which address. This browser's last request names it, not the URL."""
    asked = LookupRequest.objects.filter(visitor=request.visitor, created_at__gt=timezone.now() - SENT_SHOWN)
    latest = asked.order_by("-created_at", "-id").first() if request.visitor else None
    if latest is None:
        return show_form(request)
    context = {"email": latest.email, "shows_mailbox": settings.DEBUG}
    return render(request, "bookings/lookup_sent.html", context)
