"""Hold a seat of a slot for a visitor, keep it longer, release it. Tiles post here, whatever state the slot is in."""

from django.http import HttpResponse
from django.views.decorators.http import require_http_methods, require_POST

from bookings import services
from bookings.access.rate_limits import check_hold_limits
from bookings.access.visitor import client_address, ensure_visitor
from bookings.addresses import book_url, expert_url, waitlist_url
from bookings.errors import Busy, NotAllowed, NotFound, Refused, TooMany
from bookings.selectors.own_slots import find_hold, find_own_entry
from bookings.selectors.slot_for_visitor import SlotForVisitor, find_session, find_slot
from bookings.views.book import hold_and_show_details, show_step_again
from bookings.views.booking_flow import (
    find_awaiting,
    form_with,
    new_values,
    prove_url,
    refresh_grid,
    show_booked_already,
    show_choice,
    show_countdowns,
    show_no_such_slot,
    show_prove,
    show_retry,
    show_waiting,
    type_asked,
)
from bookings.views.hold_bar import render_hold_bar
from bookings.views.responses import see_other, with_retry_after
from bookings.views.zones import shown_clocks
from experts.htmx import is_partial
from experts.models import Slot


@require_http_methods(["GET", "HEAD", "POST"])
def hold(request, slot_id):
    """Hold a seat and show the details with its countdown; or what fits the state that the slot has by now."""
    seen = find_slot(slot_id, request.visitor)
    if seen is None:
        return show_no_such_slot(request)
    kind = type_asked(request)
    if request.method != "POST":  # the address of an answer, opened once more: it holds nothing
        return see_other(book_url(seen.slot, query={"type": kind} if kind else None))
    chosen = find_session(seen, kind)
    if chosen is None or chosen.lacks_type:
        return show_choice(request, seen.slot, kind)
    seen, slot = chosen, chosen.slot
    ensure_visitor(request)
    if seen.hold is not None and seen.hold.awaits_proof:
        booking = find_awaiting(request.visitor, slot, seen.hold.reference)
        return show_prove(request, slot, booking) if is_partial(request) else see_other(prove_url(booking))
    if seen.hold is None and (booking := seen.find_booking(request.visitor)):
        return show_booked_already(request, slot, booking)
    entry = find_own_entry(slot, request.visitor) if seen.hold is None and not slot.is_bookable else None
    if entry is not None:
        return show_waiting(request, slot, entry) if is_partial(request) else see_other(waitlist_url(slot))
    page_url = book_url(slot)
    return hold_and_show_details(request, seen, seen.held or 1, new_values(seen), page_url=page_url)


@require_POST
def extend(request, slot_id):
    """Keep the visitor's hold longer. Answers the countdowns or the bar; without script what was shown, again."""
    address, problem = client_address(request), None
    try:
        check_hold_limits(visitor=request.visitor, address=address)
        services.extend_hold(
            slot_id=slot_id,
            visitor=request.visitor,
            extensions=1 if request.GET.get("extensions") == "1" else 0,
            client_address=address,
        )
    except (Busy, NotAllowed, TooMany) as error:
        problem = error
    except NotFound:
        return show_no_such_slot(request)
    seen = find_slot(slot_id, request.visitor)
    if seen is None:
        return show_no_such_slot(request)
    seen = find_session(seen, type_asked(request)) or seen
    if request.GET.get("bar") == "1" and (is_partial(request) or problem is None):
        return _show_bar(request, seen.slot, problem)
    if is_partial(request):
        return show_countdowns(request, seen, problem)
    return show_step_again(request, seen, problem)


def _show_bar(request, slot: Slot, problem: Refused | None):
    """Answer the bar of the hold alone; the times load again where there is none any more."""
    if not is_partial(request):
        return see_other(expert_url(slot, shown_clocks(request, slot).leading))
    hold = find_hold(request.visitor, [slot.expert_id])
    if hold is None:
        return refresh_grid(HttpResponse(status=204))
    bar = render_hold_bar(request, hold, was_asked=True, problem=str(problem or ""))
    response = HttpResponse(bar, status=problem.status if problem else 200)
    return with_retry_after(response, problem) if problem else response


@require_POST
def release(request, slot_id):
    """Release the visitor's hold. Doing it twice does no harm."""
    slot = Slot.objects.with_expert().filter(pk=slot_id).first()
    if slot is None:
        return show_no_such_slot(request)
    seen = SlotForVisitor(slot)
    slot = (find_session(seen, type_asked(request)) or seen).slot
    try:
        services.release_hold(slot_id=slot.pk, visitor=request.visitor)
    except NotFound:
        return show_no_such_slot(request)
    except Busy as error:
        seen = SlotForVisitor(slot)
        return show_retry(request, slot, form_with(seen, new_values(seen)), error, retry="resume")
    if is_partial(request):
        return refresh_grid(HttpResponse(status=204))
    return see_other(expert_url(slot, shown_clocks(request, slot).leading))
