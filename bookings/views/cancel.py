"""Cancel a booking: ask first, on a page or in a dialog, then do it."""

from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from bookings import services
from bookings.access.rate_limits import check_change_limits
from bookings.access.visitor import client_address
from bookings.errors import Busy, NotAllowed, TooMany
from bookings.forms import CancelForm
from bookings.policy import can_change, deadline_text
from bookings.transitions import in_sentence
from bookings.views.booking import booking_title, find_proven_booking, not_shown
from bookings.views.responses import load_instead, see_other, with_retry_after
from bookings.views.zones import clocks_of
from experts.htmx import is_partial


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def cancel(request, reference):
    booking = find_proven_booking(request, reference)
    if booking is None:
        return not_shown(request)
    form = CancelForm(request.POST if request.method == "POST" else None, organization=booking.slot.expert.organization)
    if request.method != "POST":
        return _ask(request, booking, form)
    try:
        check_change_limits(visitor=request.visitor, address=client_address(request), booking_id=booking.pk)
        if not form.is_valid():
            return _ask(request, booking, form, status=422)
        services.cancel(
            booking_id=booking.pk,
            by_customer=True,
            cancel_reason=form.cleaned_data["reason"],
            seen_sequence=seen_sequence(request),
        )
    except (NotAllowed, Busy, TooMany) as error:
        now = find_proven_booking(request, reference) or booking
        return _ask(request, now, form, refusal=error, status=error.status)
    url = reverse("booking", args=[booking.reference])
    return load_instead(url) if is_partial(request) else see_other(url)


def seen_sequence(request) -> int:
    """Return the booking's ``sequence`` that the form was made with; -1, which no booking has, without one."""
    try:
        return int(request.POST.get("sequence", ""))
    except ValueError:
        return -1


def _ask(request, booking, form, *, refusal=None, status=200):
    """Show the question, or why cancelling is not possible. After Busy and TooMany it can be sent again."""
    slot = booking.session
    clocks, now = clocks_of(request, booking), timezone.now()
    is_possible = booking.is_open and can_change(slot, now)
    if isinstance(refusal, NotAllowed):
        is_possible = False
    context = {
        "accent": slot.expert.organization.accent,
        "booking": booking,
        "form": form,
        "slot": slot,
        "expert": slot.expert,
        "title": booking_title(booking, clocks, now),
        "deadline": deadline_text(slot, clocks),
        "is_possible": is_possible,
        "is_dialog": is_partial(request),
        "problem": str(refusal) if refusal else _why_not(booking, slot, now),
        "cancel_url": reverse("cancel", args=[booking.reference]),
        "booking_url": reverse("booking", args=[booking.reference]),
    }
    template = "bookings/_cancel.html" if is_partial(request) else "bookings/cancel.html"
    response = render(request, template, context, status=status)
    return with_retry_after(response, refusal) if refusal else response


def _why_not(booking, slot, now) -> str:
    if not booking.is_open:
        return _("This booking is %(status)s, so there is nothing to cancel.") % {"status": in_sentence(booking.status)}
    if not can_change(slot, now):
        return _("It is too late to cancel or move this booking online. Please get in touch.")
    return ""
