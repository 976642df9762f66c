"""Keeping a slot for a visitor, and letting go of it. Tiles ask for it, whatever state they are in by then."""

from django.http import HttpResponse
from django.views.decorators.http import require_http_methods, require_POST

from bookings import services
from bookings.access.visitor import ensure_visitor
from bookings.addresses import book_url, expert_url, waitlist_url
from bookings.errors import Busy, NotFound
from bookings.views.book import hold_and_show
from bookings.views.booking_flow import (
    changed,
    empty_form,
    find_slot,
    no_such_slot,
    own_booking,
    own_hold,
    show_again,
    show_please_retry,
    show_waiting,
    waiting_entry,
)
from bookings.views.responses import is_partial, see_other
from bookings.views.zones import shown_zone
from experts.models import Slot


@require_http_methods(["GET", "HEAD", "POST"])
def hold(request, slot_id):
    """A tile was pressed: the details with the hold's countdown, or the friendly answer that fits the slot now."""
    slot = find_slot(request, slot_id)
    if slot is None:
        return no_such_slot(request)
    _zone, zone_choice = shown_zone(request, slot.expert)
    if request.method != "POST":  # the address of an answer, opened once more: it holds nothing
        return see_other(book_url(slot, zone_choice))
    ensure_visitor(request)
    own = own_hold(request, slot)
    if own is None and (booking := own_booking(request, slot)):
        return show_again(request, slot, booking)
    entry = waiting_entry(request, slot) if own is None and not slot.is_bookable else None
    if entry is not None:
        return show_waiting(request, slot, entry) if is_partial(request) else see_other(waitlist_url(slot, zone_choice))
    form = empty_form(slot, own)
    response = hold_and_show(request, slot, own.seats if own else 1, form)
    if response.status_code == 200 and not is_partial(request):
        return see_other(book_url(slot, zone_choice))
    return response


@require_POST
def release(request, slot_id):
    """Let go of a hold. Asking twice does no harm."""
    slot = Slot.objects.with_expert().filter(pk=slot_id).first()
    if slot is None:
        return no_such_slot(request)
    try:
        services.release_hold(slot_id=slot.pk, visitor=request.visitor)
    except NotFound:
        return no_such_slot(request)
    except Busy as error:
        return show_please_retry(request, slot, empty_form(slot), error, retry="resume")
    if is_partial(request):
        return changed(HttpResponse(status=204))
    return see_other(expert_url(slot, shown_zone(request, slot.expert)[1]))
