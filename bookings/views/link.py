"""Open the links in e-mails. It takes a button, because programs that scan mails follow links but send no forms."""

from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from bookings import services
from bookings.access import links, proofs
from bookings.access.links import keeps_booking, opens_offer, opens_one_booking, opens_rescue
from bookings.access.visitor import ensure_visitor
from bookings.errors import (
    Blocked,
    Busy,
    LinkGone,
    LinkUnknown,
    NotFound,
    NotReturning,
    SlotTaken,
    TooManyBookings,
)
from bookings.forms import new_key, opened_now
from bookings.selectors.alternatives import Conflict
from bookings.selectors.slot_for_visitor import SlotForVisitor
from bookings.views.booking_flow import form_with, show_blocked, show_conflict
from bookings.views.offer import offer
from bookings.views.rescue import rescue
from bookings.views.responses import see_other, with_retry_after


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def link(request, token):
    if opens_offer(token):
        response = offer(request, token)
    elif opens_rescue(token):
        response = rescue(request, token)
    else:
        response = _open(request, token) if request.method == "POST" else _ask(request, token)
    # The address opens bookings, so no other site may learn it. Not "no-referrer": the form's origin would be "null",
    # and the CSRF check would refuse it.
    response["Referrer-Policy"] = "strict-origin"
    return response


def _ask(request, token, *, problem=""):
    """Show the page with the button. It is the same for every token of a kind and reads nothing."""
    # Known from now on, so that both clicks of a double click come from one browser.
    ensure_visitor(request)
    context = {"opens_one": opens_one_booking(token), "keeps": keeps_booking(token), "problem": problem}
    return render(request, "bookings/link.html", context, status=503 if problem else 200)


def _open(request, token):
    try:
        booking = proofs.open_link(visitor=ensure_visitor(request), token=token)
    except LinkUnknown as error:
        context = {"is_over": isinstance(error, LinkGone), "opens_one": opens_one_booking(token)}
        return render(request, "bookings/link_over.html", context, status=error.status)
    if booking is None:
        return see_other(reverse("your_data" if request.GET.get("to") == "data" else "my_bookings"))
    return _book(request, booking) if booking.awaits_proof else see_other(reverse("booking", args=[booking.reference]))


def _book(request, booking):
    """Make it count, now that its address is proven; or show what else is free (409)."""
    try:
        services.book_by_link(booking_id=booking.pk)
    except (Blocked, NotReturning, TooManyBookings) as error:
        return show_blocked(request, booking.slot, error)
    except SlotTaken as error:
        values = {name: getattr(booking, name) for name in ("name", "email", "phone", "notes", "seats")}
        form = form_with(SlotForVisitor(error.slot), values | {"agree": True, "key": new_key(), "opened": opened_now()})
        return show_conflict(request, error.slot, Conflict.in_race(error.slot, error.reason), form)
    except Busy as error:
        return with_retry_after(_ask(request, links.keeping_token(booking), problem=str(error)), error)
    except NotFound:
        return render(request, "bookings/link_over.html", {"opens_one": True}, status=404)
    return see_other(reverse("booking", args=[booking.reference]))
