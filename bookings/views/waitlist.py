"""Join the waitlist of a slot, see the place in line, leave it."""

from django.http import HttpResponse
from django.utils import translation
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from bookings import services
from bookings.access.rate_limits import check_booking_limits
from bookings.access.visitor import client_address, ensure_visitor
from bookings.addresses import book_url, expert_url, type_of, waitlist_url
from bookings.errors import Blocked, Busy, InvalidDetails, NotFound, SeatFree, SlotTaken, TooMany, WaitlistFull
from bookings.forms import BookingForm, new_key
from bookings.models import WaitlistEntry
from bookings.selectors.alternatives import Conflict
from bookings.selectors.answers import questions_for
from bookings.selectors.awaited import session_awaited
from bookings.selectors.own_slots import find_own_entry
from bookings.selectors.slot_for_visitor import SlotForVisitor, find_session, slot_for_visitor
from bookings.views.book import hold_and_show_details
from bookings.views.booking_flow import (
    can_wait_for,
    form_with,
    new_values,
    place_shown,
    refresh_grid,
    show_blocked,
    show_choice,
    show_conflict,
    show_no_such_slot,
    show_retry,
    show_waiting,
    show_waitlist,
    type_asked,
    values_as_typed,
)
from bookings.views.responses import see_other, with_retry_after
from bookings.views.zones import shown_clocks
from experts.htmx import is_partial
from experts.models import Session
from experts.models.slot import BOOKABLE_STATES


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def waitlist(request, slot_id):
    seen = slot_for_visitor(slot_id, request.visitor)
    if seen is None:
        return show_no_such_slot(request)
    ensure_visitor(request)
    kind = type_asked(request)
    chosen = find_session(seen, kind)
    slot = (chosen or seen).slot
    entry = find_own_entry(slot, request.visitor, kind)
    if entry is None and (chosen is None or chosen.lacks_type):
        return show_choice(request, slot, kind)
    if chosen is None:  # the expert does not offer any more what the visitor waits for
        entry = WaitlistEntry.objects.with_place().with_slot().get(pk=entry.pk)
        slot = session_awaited(entry)
    if request.method == "POST" and request.POST.get("step") == "leave":
        return _leave(request, slot, entry)
    if entry is not None and request.method == "POST" and request.POST.get("step") == "send_again":
        return _send_again(request, slot, entry)
    if entry is not None:
        if is_partial(request) and request.GET.get("shown") == place_shown(entry):
            return HttpResponse(status=204)
        return show_waiting(request, slot, entry)
    if not can_wait_for(slot):
        return see_other(book_url(slot))
    seen = SlotForVisitor(slot)
    if request.method != "POST":
        return _ask(request, slot, form_with(seen, new_values(seen)))
    if request.POST.get("step") == "open":  # from the answer to a lost race; what was typed is kept
        return _ask(request, slot, form_with(seen, values_as_typed(request, key=new_key()), for_waitlist=True))
    return _join(request, slot)


def _ask(request, slot, form):
    """Show the form; or, opened by its address when a seat is free, go to booking it.

    A POST comes from a party that is too large for the free seats, which may wait all the same.
    """
    state = slot.state
    if state in BOOKABLE_STATES and request.method != "POST":
        return see_other(book_url(slot))
    if state not in BOOKABLE_STATES | services.WORTH_WAITING:
        return show_conflict(request, slot, Conflict.on_opening(slot, state), form)
    return show_waitlist(request, slot, form)


def _join(request, slot):
    form = BookingForm(request.POST, slot=slot, for_waitlist=True, questions=questions_for(slot))
    if not form.is_valid():
        return show_waitlist(request, slot, form, status=422)
    if form.has_to_ask():
        return show_waitlist(request, slot, form)
    details = form.cleaned_data
    try:
        check_booking_limits(visitor=request.visitor, address=client_address(request))
        entry = services.join_waitlist(
            slot_id=slot.pk,
            name=details["name"],
            email=details["email"],
            seats=details.get("seats") or 1,
            session_type=slot.session_type.pk if isinstance(slot, Session) else None,
            visitor=request.visitor,
            client_address=client_address(request),
            language=translation.get_language() or "en",
            timezone=request.zone.key if request.zone else "",
        )
    except SeatFree:
        # A seat became free meanwhile: hold it instead.
        again = values_as_typed(request, key=new_key())
        read = slot_for_visitor(slot.pk, request.visitor)
        seen = (find_session(read, type_of(slot)) if read else None) or SlotForVisitor(slot)
        return hold_and_show_details(request, seen, details.get("seats") or 1, again, conflict=Conflict.in_race)
    except Blocked as error:
        return show_blocked(request, slot, error)
    except SlotTaken as error:
        return show_conflict(request, error.slot, Conflict.in_race(error.slot, error.reason), form)
    except InvalidDetails as error:
        form.add_refusal(error)
        return show_waitlist(request, slot, form, status=422)
    except WaitlistFull as error:
        form.add_error(None, str(error))
        return show_waitlist(request, slot, form, status=error.status)
    except (Busy, TooMany) as error:
        return show_retry(request, slot, form, error, retry="join")
    except NotFound:
        return show_no_such_slot(request)
    if is_partial(request):
        return show_waiting(request, slot, entry)
    return see_other(waitlist_url(slot))


def _send_again(request, slot, entry):
    """Send the mail whose link takes the place once more."""
    try:
        check_booking_limits(visitor=request.visitor, address=client_address(request))
        services.send_place_link_again(entry_id=entry.pk)
    except TooMany as error:
        return with_retry_after(show_waiting(request, slot, entry, problem=str(error), status=error.status), error)
    return show_waiting(request, slot, entry, sent_again=True)


def _leave(request, slot, entry):
    """Leave the waitlist. Doing it twice does no harm."""
    if entry is not None:
        try:
            services.leave_waitlist(entry_id=entry.pk)
        except (Busy, NotFound) as error:
            seen = SlotForVisitor(slot)
            return show_retry(request, slot, form_with(seen, new_values(seen)), error, retry="leave")
    if is_partial(request):
        return refresh_grid(HttpResponse(status=204))
    return see_other(expert_url(slot, shown_clocks(request, slot).leading))
