"""Book a slot in steps: details, questions where there are any, review, done.

Each is a plain page, or a fragment for the dialog.
"""

from functools import partial

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_http_methods

from bookings import services
from bookings.access.rate_limits import check_booking_limits, check_hold_limits, is_new_wish
from bookings.access.visitor import client_address, ensure_visitor
from bookings.addresses import book_url, type_of
from bookings.errors import (
    Blocked,
    Busy,
    IdempotencyMismatch,
    InvalidDetails,
    NotAllowed,
    NotFound,
    NotHeld,
    Refused,
    SlotTaken,
    TooMany,
    TooManyBookings,
    TooManyHolds,
)
from bookings.forms import BookingForm, is_filled_in_quickly, new_key, opened_now
from bookings.icalendar.event import google_url
from bookings.models import Booking, Source, Status
from bookings.question_fields import answers_to_begin_with
from bookings.references import read_reference
from bookings.selectors.alternatives import Conflict
from bookings.selectors.answers import answers_to
from bookings.selectors.own_slots import find_own_entry, without_hold
from bookings.selectors.place import place_of
from bookings.selectors.slot_for_visitor import find_session, find_slot, slot_for_visitor
from bookings.views.booking import mail_context
from bookings.views.booking_flow import (
    challenge_for,
    find_awaiting,
    form_with,
    new_values,
    prove_url,
    refresh_grid,
    show_blocked,
    show_booked_already,
    show_choice,
    show_conflict,
    show_expired,
    show_no_such_slot,
    show_prove,
    show_retry,
    show_step,
    show_too_many_holds,
    show_waiting,
    shown_as,
    terms_shown,
    type_asked,
    values_as_typed,
)
from bookings.views.responses import load_instead, see_other
from bookings.views.step_patterns import NewForm
from experts.htmx import is_partial
from experts.models import Session, Slot
from experts.models.slot import BOOKABLE_STATES
from experts.templatetags.expertbook import link_addresses


@require_http_methods(["GET", "HEAD", "POST"])
def book(request, slot_id):
    seen = find_slot(slot_id, request.visitor)
    if seen is None:
        return show_no_such_slot(request)
    ensure_visitor(request)
    kind = type_asked(request)
    chosen = find_session(seen, kind)
    if request.method == "POST":
        if chosen is None or chosen.lacks_type:
            return show_choice(request, seen.slot, kind)
        steps = {
            "questions": partial(_review, asks=True),
            "review": _review,
            "confirm": _confirm,
            "edit": _edit,
            "resume": _resume,
            "expired": _expired,
            "send_again": _send_again,
        }
        return steps.get(request.POST.get("step"), _review)(request, chosen)
    if reference := read_reference(request.GET.get("booking", "")):
        proven = Booking.objects.proven_to(request.visitor).select_related("session_type")
        booking = proven.filter(slot=seen.slot, reference=reference).first()
        if booking is not None:
            return _done(request, seen.slot, booking)
        if awaiting := find_awaiting(request.visitor, seen.slot, reference):
            return _awaiting(request, chosen or seen, awaiting)
    if seen.hold is not None and seen.hold.awaits_proof:
        booking = find_awaiting(request.visitor, seen.slot, seen.hold.reference)
        return show_prove(request, booking.slot, booking)
    if chosen is None or chosen.lacks_type:
        return show_choice(request, seen.slot, kind)
    return _details(request, chosen, new_values(chosen, again=bool(request.GET.get("again"))))


def _awaiting(request, seen, booking):
    """Show what waits for its link; with ``correct`` the form, filled in; nothing to who sees it already."""
    if "correct" in request.GET:
        typed = {name: getattr(booking, name) for name in ("name", "email", "notes", "seats")}
        typed["phone"] = booking.phone_shown
        typed |= answers_to_begin_with(answers_to(booking))
        return _details(request, seen, typed | {"agree": True, "key": new_key(), "opened": opened_now(), "again": ""})
    if is_partial(request) and request.GET.get("shown") == shown_as(booking):
        return HttpResponse(status=204)
    return show_prove(request, booking.slot, booking)


def _send_again(request, seen):
    """Send the mail with the link once more, and show what waits for it."""
    booking = find_awaiting(request.visitor, seen.slot, read_reference(request.POST.get("booking", "")))
    if booking is None:
        return _details(request, seen, new_values(seen))
    try:
        check_booking_limits(visitor=request.visitor, address=client_address(request))
        services.send_proof_again(booking_id=booking.pk)
    except (NotAllowed, TooMany) as error:
        return show_prove(request, seen.slot, booking, problem=str(error), status=error.status)
    return show_prove(request, seen.slot, booking, sent_again=True)


def _details(request, seen, values, *, note="", status=200):
    """Show step 1, with a note; or that the visitor has booked the slot already, or that it cannot be booked.

    Holds no seat.
    """
    slot = seen.slot
    if seen.hold is None and not values["again"] and (booking := seen.find_booking(request.visitor)):
        return show_booked_already(request, slot, booking)
    state = without_hold(slot, seen.hold).state
    if state not in BOOKABLE_STATES:
        if entry := find_own_entry(slot, request.visitor):
            return show_waiting(request, slot, entry)
        if request.method == "GET":
            _note_wish(request, slot, state)
        return show_conflict(request, slot, Conflict.on_opening(slot, state), form_with(seen, values))
    form = NewForm(slot, seen.held, seen.questions, values)
    return show_step(request, slot, "details", {"form": form, "note": note}, hold=seen.hold, status=status)


def _note_wish(request, slot, reason: str) -> None:
    """Count for staff (TurnedAway) that somebody wanted the slot and could not book it."""
    if is_new_wish(visitor=request.visitor, address=client_address(request), slot_id=slot.pk):
        services.note_opened_full(slot_id=slot.pk, reason=reason)


def _edit(request, seen, **shown):
    """Go back from the review to the details, with everything that was typed. ``shown``: see ``_details``."""
    return _details(request, seen, values_as_typed(request, key=request.POST.get("key", "")), **shown)


def show_step_again(request, seen, problem: Refused | None):
    """Show the step at which somebody without script asked for more time, with everything that was typed."""
    if seen.hold is None:
        return _expired(request, seen)
    step = request.POST.get("step")
    if problem is None and step in ("questions", "review"):
        return _review(request, seen, asks=step == "questions")
    return _edit(request, seen, note=str(problem or ""), status=problem.status if problem else 200)


def _resume(request, seen):
    """Hold another slot, or this one again after its hold ran out, and keep the details. The form gets a new key."""
    values = values_as_typed(request, key=new_key())
    if not values["again"] and (booking := seen.find_booking(request.visitor)):
        return show_booked_already(request, seen.slot, booking)
    if released := request.POST.get("release", ""):
        _release(request, released)
        again = slot_for_visitor(seen.slot.pk, request.visitor)
        seen = (find_session(again, type_of(seen.slot)) if again else None) or seen
    seats = request.POST.get("seats", "")
    seats = int(seats) if seats.isascii() and seats.isdecimal() and len(seats) < 4 else 1
    return hold_and_show_details(request, seen, seats, values, conflict=Conflict.in_race)


def _release(request, slot_id: str) -> None:
    """Release the hold of another slot first. If that fails, holding this one fails too, and that answer says why."""
    if slot_id.isascii() and slot_id.isdecimal() and len(slot_id) < 19:
        try:
            services.release_hold(slot_id=int(slot_id), visitor=request.visitor)
        except (Busy, NotFound):
            return


def hold_and_show_details(request, seen, seats: int, values, *, conflict=Conflict.on_opening, page_url=""):
    """Hold ``seats`` of the slot and show step 1 with ``values`` to begin with; or show why there is no hold.

    ``seen`` is the slot as it was read just now; ``conflict`` makes the Conflict to show when it is taken. A whole page
    of step 1 is shown at ``page_url``, if it has one.
    """
    slot = seen.slot
    seats = max(1, min(seats, slot.policy("max_party")))
    try:
        address = client_address(request)
        check_hold_limits(visitor=request.visitor, address=address)
        hold = services.hold_slot(
            slot_id=slot.pk,
            **_type_ids(slot),
            visitor=request.visitor,
            seats=seats,
            client_address=address,
            seen=seen,
        )
    except SlotTaken as error:
        _note_wish(request, slot, error.reason)
        return show_conflict(request, error.slot, conflict(error.slot, error.reason), form_with(seen, values))
    except Blocked as error:
        return show_blocked(request, slot, error)
    except TooManyHolds as error:
        return show_too_many_holds(request, slot, form_with(seen, values), error)
    except NotHeld as error:
        if page_url and not is_partial(request):
            return see_other(page_url)
        form = NewForm(slot, seen.held, seen.questions, values)
        context = {"form": form, "note": str(error)} | challenge_for(slot, error)
        return show_step(request, slot, "details", context)
    except (Busy, TooMany) as error:
        return show_retry(request, slot, form_with(seen, values), error, retry="resume")
    except NotFound:
        return show_no_such_slot(request)
    if page_url and not is_partial(request):
        return see_other(page_url)
    if isinstance(slot, Session) and not isinstance(hold.slot, Session):
        hold.slot = slot  # it was held already
    values = values | {"seats": hold.seats}
    form = NewForm(hold.slot, hold.seats, seen.questions, values)
    return refresh_grid(show_step(request, hold.slot, "details", {"form": form}, hold=hold))


def _type_ids(slot: Slot) -> dict[str, int | None]:
    """Return the type of a Session and the second of two experts, as services take them; of a slot there are none."""
    if not isinstance(slot, Session):
        return {}
    second = slot.second.expert_id if slot.second is not None else None
    return {"session_type": slot.session_type.pk, "second_expert": second}


def _review(request, seen, *, asks=False, has_changed=False):
    """Show the last step, after holding the seats that were chosen, so that they are still there at the confirmation.

    Before it comes what the organisation asks, if it does: where it ``asks`` now, or an answer cannot be accepted.
    ``has_changed``: it was shown with other terms before.
    """
    slot, hold, challenge = seen.slot, seen.hold, {}
    form = BookingForm(request.POST, slot=slot, zone=request.zone, questions=seen.questions)
    # A visitor who has both a hold and a booking here was asked before the hold was made.
    if hold is None and not request.POST.get("again") and (booking := seen.find_booking(request.visitor)):
        return show_booked_already(request, slot, booking)
    state = without_hold(slot, hold).state
    if state not in BOOKABLE_STATES:
        return show_conflict(request, slot, Conflict.in_race(slot, state), form)
    if not form.is_valid():
        return show_step(request, slot, "details", {"form": form}, hold=hold, status=422)
    if form.has_to_ask():
        return show_step(request, slot, "details", {"form": form}, hold=hold)
    try:
        address = client_address(request)
        check_hold_limits(visitor=request.visitor, address=address)
        seats = form.cleaned_data.get("seats") or 1
        hold = services.hold_slot(
            slot_id=slot.pk,
            **_type_ids(slot),
            visitor=request.visitor,
            seats=seats,
            client_address=address,
            work=form.cleaned_data["work"],
            seen=seen,
        )
    except SlotTaken as error:
        _note_wish(request, slot, error.reason)
        return show_conflict(request, error.slot, Conflict.in_race(error.slot, error.reason), form)
    except InvalidDetails as error:
        return _invalid(request, slot, form, error, hold)
    except Blocked as error:
        return show_blocked(request, slot, error)
    except TooManyHolds:
        pass  # without a hold one can still book: the last step takes the seat itself
    except NotHeld as error:
        challenge = challenge_for(slot, error)
    except (Busy, TooMany) as error:
        return show_retry(request, slot, form, error, retry="review", hold=hold)
    except NotFound:
        return show_no_such_slot(request)
    return _show_review(request, seen, form, hold, challenge, asks=asks, has_changed=has_changed)


def _show_review(request, seen, form, hold, challenge, *, asks, has_changed):
    """Show what is to be booked; before that the questions, where that is meant, or answers cannot be accepted."""
    slot, context = seen.slot, {"form": form, "details": form.details()} | challenge
    if asks and seen.questions:
        return show_step(request, slot, "questions", context, hold=hold)
    zones = [slot.expert.timezone, request.zone.key if request.zone else ""]
    try:
        answers = services.check_answers(seen.questions, form.typed_answers(), zones=zones)
    except InvalidDetails as error:
        form.add_answer_refusal(error)
        return show_step(request, slot, "questions", context, hold=hold, status=422)
    context |= {"answers": answers, "terms_shown": terms_shown(slot), "has_changed": has_changed}
    return show_step(request, slot, "review", context, hold=hold, status=409 if has_changed else 200)


def _confirm(request, seen):
    """Book, and show the result or why it was refused; or the review again, where the terms are others by now."""
    slot = seen.slot
    # Whoever has booked it sends the form a second time, and gets the first answer.
    if _has_changed(request, slot) and (seen.hold is not None or not seen.has_booked):
        return _review(request, seen, has_changed=True)
    form = BookingForm(request.POST, slot=slot, zone=request.zone, questions=seen.questions)
    if not form.is_valid():
        return show_step(request, slot, "details", {"form": form}, hold=seen.hold, status=422)
    try:
        check_booking_limits(visitor=request.visitor, address=client_address(request))
        booked = services.book(
            slot_id=slot.pk,
            **{name: form.cleaned_data[name] for name in ("name", "email", "phone", "notes")},
            seats=form.cleaned_data.get("seats") or 1,
            **_type_ids(slot),
            answers=form.typed_answers(),
            visitor=request.visitor,
            idempotency_key=form.cleaned_data["key"],
            client_address=client_address(request),
            work=form.cleaned_data["work"],
            is_quick=is_filled_in_quickly(form.cleaned_data["opened"]),
            language=translation.get_language() or "en",
            timezone=request.zone.key if request.zone else "",
            source=Source.WEB,
            seen=seen,
        )
    except SlotTaken as error:
        return show_conflict(request, error.slot, Conflict.in_race(error.slot, error.reason), form)
    except InvalidDetails as error:
        return _invalid(request, slot, form, error, seen.hold)
    except (Blocked, TooManyBookings) as error:
        return show_blocked(request, slot, error)
    except IdempotencyMismatch:
        # The form was answered before, and now comes again with other details: make it a new request with a new key.
        return _details(request, seen, values_as_typed(request, key=new_key()))
    except (Busy, TooMany) as error:
        return show_retry(request, slot, form, error, retry="confirm")
    except NotFound:
        return show_no_such_slot(request)
    booking = booked.booking
    if booking.awaits_proof:
        if is_partial(request):
            return refresh_grid(show_prove(request, booking.slot, booking))
        return redirect(prove_url(booking), permanent=False)
    if is_partial(request) or booking.slot_id != slot.pk:  # a repeated request whose booking was moved since
        return refresh_grid(_done(request, slot, booking))
    return redirect(book_url(slot, query={"booking": booking.reference}), permanent=False)


def _has_changed(request, slot) -> bool:
    """Whether the session was reviewed with other terms than it has now. A form that says nothing of them was not."""
    return request.POST.get("terms", terms_shown(slot)) != terms_shown(slot)


def _expired(request, seen):
    """Show what became of the slot when the page's countdown reached zero. The details stay; nothing is held."""
    values = values_as_typed(request, key=request.POST.get("key", ""))
    if seen.hold is not None:  # it was taken again in another tab
        return _details(request, seen, values)
    slot, form = seen.slot, form_with(seen, values)
    if (state := slot.state) not in BOOKABLE_STATES:
        return show_conflict(request, slot, Conflict.in_race(slot, state), form)
    return show_expired(request, slot, form)


def _invalid(request, slot, form, error: InvalidDetails, hold):
    if form.add_answer_refusal(error):
        return show_step(request, slot, "questions", {"form": form}, hold=hold, status=422)
    form.add_refusal(error)
    return show_step(request, slot, "details", {"form": form}, hold=hold, status=422)


def _done(request, slot, booking):
    """Show that it is booked or requested. A booking that was moved or has ended since is shown on its own page."""
    if not booking.is_open or booking.slot_id != slot.pk:
        url = reverse("booking", args=[booking.reference])
        return load_instead(url) if is_partial(request) else see_other(url)
    step = "pending" if booking.status == Status.PENDING else "done"
    booking.slot = slot
    booking.slot = slot = booking.session  # what was agreed, whatever the type is by now
    place = place_of(booking, timezone.now())
    context = {
        "google_url": google_url(booking),
        "place": place,
        "place_note": link_addresses(place.note),
        **mail_context(request, booking, is_new=True),
    }
    response = show_step(request, slot, step, context)
    add_never_cache_headers(response)  # on a shared computer, Back after "Sign out" must not show it again
    return response
