"""Let who booked correct the address that the booking's mails go to."""

from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from bookings import services
from bookings.access.rate_limits import check_change_limits
from bookings.access.visitor import client_address
from bookings.errors import Busy, InvalidDetails, NotFound, TooMany
from bookings.forms import AddressForm
from bookings.views.booking import booking_title, find_proven_booking, may_correct, not_shown
from bookings.views.responses import see_other, with_retry_after
from bookings.views.zones import clocks_of


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def correct_address(request, reference):
    """Ask for the right address, and send the booking's mail there."""
    booking = find_proven_booking(request, reference)
    if booking is None or not may_correct(request, booking):
        return not_shown(request)
    if request.method != "POST":
        return _show(request, booking, AddressForm(initial={"email": booking.email}))
    form = AddressForm(request.POST)
    if not form.is_valid():
        return _show(request, booking, form, status=422)
    if form.has_to_ask():
        return _show(request, booking, form)
    try:
        check_change_limits(visitor=request.visitor, address=client_address(request), booking_id=booking.pk)
        services.change_details(booking_id=booking.pk, email=form.cleaned_data["email"], by_customer=True)
    except InvalidDetails as error:
        form.add_error("email", error.fields.get("email", [str(error)]))
        return _show(request, booking, form, status=error.status)
    except (Busy, NotFound, TooMany) as error:
        form.add_error(None, str(error))
        return with_retry_after(_show(request, booking, form, status=error.status), error)
    return see_other(reverse("booking", args=[booking.reference]))


def _show(request, booking, form, *, status=200):
    expert, clocks = booking.slot.expert, clocks_of(request, booking)
    context = {
        "accent": expert.organization.accent,
        "booking": booking,
        "expert": expert,
        "title": booking_title(booking, clocks, timezone.now()),
        "form": form,
        "booking_url": reverse("booking", args=[booking.reference]),
    }
    return render(request, "bookings/address.html", context, status=status)
