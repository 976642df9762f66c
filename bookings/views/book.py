"""Booking a slot: details, review, done. A plain page, or fragments for the dialog; the rules are in the services."""

from django.shortcuts import redirect
from django.urls import reverse
from django.utils import translation
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_http_methods

from bookings import services
from bookings.access.rate_limits import check_booking_limits, check_hold_limits, is_new_wish
from bookings.access.visitor import client_address, ensure_visitor
from bookings.errors import Busy, IdempotencyMismatch, InvalidDetails, NotFound, SlotTaken, TooMany, TooManyHolds
from bookings.forms import BookingForm, new_key
from bookings.icalendar.event import google_url
from bookings.models import Booking, Source, Status
from bookings.models.booking import read_reference
from bookings.selectors.alternatives import Conflict
from bookings.selectors.own_slots import (
    find_own_booking,
    find_own_entry,
    find_own_hold,
    find_slot,
    without_hold,
)
from bookings.views.booking_flow import (
    form_as_typed,
    new_form,
    refresh_grid,
    show_booked_already,
    show_conflict,
    show_expired,
    show_no_such_slot,
    show_retry,
    show_step,
    show_too_many_holds,
    show_waiting,
)
from bookings.views.responses import load_instead, see_other
from experts.htmx import is_partial
from experts.models import Slot
from experts.models.slot import BOOKABLE_STATES


@require_http_methods(["GET", "HEAD", "POST"])
def book(request, slot_id):
    slot = find_slot(slot_id, request.visitor)
    if slot is None:
        return show_no_such_slot(request)
    ensure_visitor(request)
    if request.method == "POST":
        steps = {"review": _review, "confirm": _confirm, "edit": _edit, "resume": _resume, "expired": _expired}
        return steps.get(request.POST.get("step"), _review)(request, slot)
    if reference := read_reference(request.GET.get("booking", "")):
        booking = Booking.objects.proven_to(request.visitor).filter(slot=slot, reference=reference).first()
        if booking is not None:
            return _done(request, slot, booking)
    hold = find_own_hold(slot, request.visitor)
    return _details(request, slot, new_form(slot, hold, again=bool(request.GET.get("again"))), hold)


def _details(request, slot, form, hold):
    """Step 1. Says at once when the visitor has the slot already, or when it cannot be had. Holds nothing by itself."""
    if hold is None and not form["again"].value() and (booking := find_own_booking(slot, request.visitor)):
        return show_booked_already(request, slot, booking)
    state = without_hold(slot, hold).state
    if state not in BOOKABLE_STATES:
        if entry := find_own_entry(slot, request.visitor):
            return show_waiting(request, slot, entry)
        if request.method == "GET":
            _note_wish(request, slot, state)
        return show_conflict(request, slot, Conflict.on_opening(slot, state), form)
    return show_step(request, slot, "details", {"form": form}, hold=hold)


def _note_wish(request, slot, reason: str) -> None:
    """Keep, for staff, that somebody wanted the slot and could not have it."""
    if is_new_wish(visitor=request.visitor, address=client_address(request), slot_id=slot.pk):
        services.note_opened_full(slot_id=slot.pk, reason=reason)


def _edit(request, slot):
    """Back from the review, nothing lost."""
    hold = find_own_hold(slot, request.visitor)
    return _details(request, slot, form_as_typed(request, slot, hold, key=request.POST.get("key", "")), hold)


def _resume(request, slot):
    """Another slot, or this one again after its hold ran out: the same details, a new request, a hold of its own."""
    form = form_as_typed(request, slot, key=new_key())
    if not form["again"].value() and (booking := find_own_booking(slot, request.visitor)):
        return show_booked_already(request, slot, booking)
    if released := request.POST.get("release", ""):
        _release(request, released)
    seats = request.POST.get("seats", "")
    seats = int(seats) if seats.isascii() and seats.isdecimal() and len(seats) < 4 else 1
    return hold_and_show_details(request, slot, seats, form, conflict=Conflict.in_race)


def _release(request, slot_id: str) -> None:
    """Let go of another slot first. If that cannot be done now, the answer about this one says why."""
    if slot_id.isascii() and slot_id.isdecimal() and len(slot_id) < 19:
        try:
            services.release_hold(slot_id=int(slot_id), visitor=request.visitor)
        except (Busy, NotFound):
            return


def hold_and_show_details(request, slot, seats: int, form, *, conflict=Conflict.on_opening):
    """Hold the slot, or say why not; then step 1 with what is in the form."""
    seats = max(1, min(seats, slot.expert.policy("max_party")))
    try:
        check_hold_limits(visitor=request.visitor, address=client_address(request))
        hold = services.hold_slot(slot_id=slot.pk, visitor=request.visitor, seats=seats)
    except SlotTaken as error:
        _note_wish(request, slot, error.reason)
        return show_conflict(request, error.slot, conflict(error.slot, error.reason), form)
    except TooManyHolds as error:
        return show_too_many_holds(request, slot, form, error)
    except (Busy, TooMany) as error:
        return show_retry(request, slot, form, error, retry="resume")
    except NotFound:
        return show_no_such_slot(request)
    slot = Slot.objects.with_expert().get(pk=slot.pk)  # its counters are new
    form = BookingForm(slot=slot, held=hold.seats, initial=form.initial | {"seats": hold.seats})
    return refresh_grid(show_step(request, slot, "details", {"form": form}, hold=hold))


def _review(request, slot):
    """Step 2. The seats that were chosen are held, so what is confirmed next is there to be had."""
    hold = find_own_hold(slot, request.visitor)
    form = BookingForm(request.POST, slot=slot)
    # Who holds a seat beside a booking was asked before.
    if hold is None and not form["again"].value() and (booking := find_own_booking(slot, request.visitor)):
        return show_booked_already(request, slot, booking)
    state = without_hold(slot, hold).state
    if state not in BOOKABLE_STATES:
        return show_conflict(request, slot, Conflict.in_race(slot, state), form)
    if not form.is_valid():
        return show_step(request, slot, "details", {"form": form}, hold=hold, status=422)
    try:
        check_hold_limits(visitor=request.visitor, address=client_address(request))
        seats = form.cleaned_data.get("seats") or 1
        hold = services.hold_slot(slot_id=slot.pk, visitor=request.visitor, seats=seats)
    except SlotTaken as error:
        _note_wish(request, slot, error.reason)
        return show_conflict(request, error.slot, Conflict.in_race(error.slot, error.reason), form)
    except InvalidDetails as error:
        return _invalid(request, slot, form, error, hold)
    except TooManyHolds:
        pass  # who came by a link may go on: the last step asks for the seat all the same
    except (Busy, TooMany) as error:
        return show_retry(request, slot, form, error, retry="review", hold=hold)
    except NotFound:
        return show_no_such_slot(request)
    return show_step(request, slot, "review", {"form": form, "details": form.details()}, hold=hold)


def _confirm(request, slot):
    """Step 3. One call of the service; everything else is how to say its answer."""
    form = BookingForm(request.POST, slot=slot)
    if not form.is_valid():
        return show_step(
            request, slot, "details", {"form": form}, hold=find_own_hold(slot, request.visitor), status=422
        )
    try:
        check_booking_limits(visitor=request.visitor, address=client_address(request), email=form.cleaned_data["email"])
        booked = services.book(
            slot_id=slot.pk,
            **{name: form.cleaned_data[name] for name in ("name", "email", "phone", "notes")},
            seats=form.cleaned_data.get("seats") or 1,
            visitor=request.visitor,
            idempotency_key=form.cleaned_data["key"],
            language=translation.get_language() or "en",
            timezone=request.zone.key if request.zone else "",
            source=Source.WEB,
        )
    except SlotTaken as error:
        return show_conflict(request, error.slot, Conflict.in_race(error.slot, error.reason), form)
    except InvalidDetails as error:
        return _invalid(request, slot, form, error, find_own_hold(slot, request.visitor))
    except IdempotencyMismatch:
        # The same form, sent again with other details after it was answered: that is a new request.
        hold = find_own_hold(slot, request.visitor)
        return _details(request, slot, form_as_typed(request, slot, hold, key=new_key()), hold)
    except (Busy, TooMany) as error:
        return show_retry(request, slot, form, error, retry="confirm")
    except NotFound:
        return show_no_such_slot(request)
    booking = booked.booking
    if is_partial(request) or booking.slot_id != slot.pk:  # an answer given before, to what was moved since
        return refresh_grid(_done(request, slot, booking))
    return redirect(f"{reverse('book', args=[slot.pk])}?booking={booking.reference}", permanent=False)


def _expired(request, slot):
    """The page's countdown reached zero. Says what that means; nothing is lost, and nothing is held."""
    hold = find_own_hold(slot, request.visitor)
    form = form_as_typed(request, slot, hold, key=request.POST.get("key", ""))
    if hold is not None:  # it was taken again in another tab
        return _details(request, slot, form, hold)
    if (state := slot.state) not in BOOKABLE_STATES:
        return show_conflict(request, slot, Conflict.in_race(slot, state), form)
    return show_expired(request, slot, form)


def _invalid(request, slot, form, error: InvalidDetails, hold):
    form.add_refusal(error)
    return show_step(request, slot, "details", {"form": form}, hold=hold, status=422)


def _done(request, slot, booking):
    """Step 4, also when the page is loaded or the form is sent again: what has become of it since has its own page."""
    if not booking.is_open or booking.slot_id != slot.pk:
        url = reverse("booking", args=[booking.reference])
        return load_instead(url) if is_partial(request) else see_other(url)
    step = "pending" if booking.status == Status.PENDING else "done"
    booking.slot = slot
    context = {"booking": booking, "google_url": google_url(booking)}
    response = show_step(request, slot, step, context)
    add_never_cache_headers(response)  # a shared computer must not show it again after "Sign out" and Back
    return response
