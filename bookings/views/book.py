"""Booking a slot: details, review, done. A plain page, or fragments for the dialog; the rules are in the services."""

from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from bookings import services
from bookings.calendar import book_url, shown_zone
from bookings.conflict import Conflict
from bookings.errors import Busy, IdempotencyMismatch, InvalidDetails, NotFound, SlotTaken, TooMany
from bookings.forms import BookingForm, new_key
from bookings.ics import google_url
from bookings.limits import check_booking_limits, is_new_wish
from bookings.models import Booking, Source, Status
from bookings.models.booking import read_reference
from bookings.policy import cancel_line, policy_text
from bookings.views.answers import is_partial, load_instead, not_found, see_other
from bookings.visitor import client_address, ensure_visitor
from experts import wording
from experts.models import Slot
from experts.models.slot import BOOKABLE_STATES
from experts.zones import city


@require_http_methods(["GET", "HEAD", "POST"])
def book(request, slot_id):
    slot = Slot.objects.with_expert().filter(pk=slot_id).first()
    if slot is None:
        return not_found(request, _("There is no such slot."), reverse("discover"), _("See all experts"))
    ensure_visitor(request)
    if request.method == "POST":
        steps = {"review": _review, "confirm": _confirm, "edit": _edit, "resume": _resume}
        return steps.get(request.POST.get("step"), _review)(request, slot)
    if reference := read_reference(request.GET.get("booking", "")):
        booking = Booking.objects.proven_to(request.visitor).filter(slot=slot, reference=reference).first()
        if booking is not None:
            return _done(request, slot, booking)
    return _details(request, slot, _empty_form(slot, again=bool(request.GET.get("again"))))


def _details(request, slot, form, *, status=200):
    """Step 1. Says at once when the visitor has the slot already, or when it cannot be had."""
    if not form["again"].value() and (booking := _own_booking(request, slot)):
        return _again(request, slot, booking)
    state = slot.state
    if state not in BOOKABLE_STATES:
        if request.method == "GET" and is_new_wish(
            visitor=request.visitor, address=client_address(request), slot_id=slot.pk
        ):
            services.note_opened_full(slot_id=slot.pk, reason=state)
        return _conflict(request, slot, Conflict.on_opening(slot, state), form)
    return _step(request, slot, "details", {"form": form}, status=status)


def _edit(request, slot):
    """Back from the review, nothing lost."""
    return _details(request, slot, _form_with_values(request, slot, key=request.POST.get("key", "")))


def _resume(request, slot):
    """From the answer to a lost race: another slot, the same details, a new request."""
    return _details(request, slot, _form_with_values(request, slot, key=new_key()))


def _review(request, slot):
    """Step 2. The slot is checked again on opening it."""
    form = BookingForm(request.POST, slot=slot)
    if not form["again"].value() and (booking := _own_booking(request, slot)):
        return _again(request, slot, booking)
    state = slot.state
    if state not in BOOKABLE_STATES:
        return _conflict(request, slot, Conflict.in_race(slot, state), form)
    if not form.is_valid():
        return _step(request, slot, "details", {"form": form}, status=422)
    return _step(request, slot, "review", {"form": form, "details": form.details()})


def _confirm(request, slot):
    """Step 3. One call of the service; everything else is how to say its answer."""
    form = BookingForm(request.POST, slot=slot)
    if not form.is_valid():
        return _step(request, slot, "details", {"form": form}, status=422)
    try:
        check_booking_limits(visitor=request.visitor, address=client_address(request), email=form.cleaned_data["email"])
        booking = services.book(
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
        return _conflict(request, error.slot, Conflict.in_race(error.slot, error.reason), form)
    except InvalidDetails as error:
        for name, messages in error.fields.items():
            form.add_error(name if name in form.fields else None, messages)
        return _step(request, slot, "details", {"form": form}, status=422)
    except IdempotencyMismatch:
        # The same form, sent again with other details after it was answered: that is a new request.
        return _details(request, slot, _form_with_values(request, slot, key=new_key()))
    except (Busy, TooMany) as error:
        return _please_retry(request, slot, form, error)
    except NotFound:
        return not_found(request, _("There is no such slot."), reverse("discover"), _("See all experts"))
    if is_partial(request) or booking.slot_id != slot.pk:  # an answer given before, to what was moved since
        return _changed(_done(request, slot, booking))
    return redirect(f"{reverse('book', args=[slot.pk])}?booking={booking.reference}", permanent=False)


def _done(request, slot, booking):
    """Step 4, also when the page is loaded or the form is sent again: what has become of it since has its own page."""
    if not booking.is_open or booking.slot_id != slot.pk:
        url = reverse("booking", args=[booking.reference])
        return load_instead(url) if is_partial(request) else see_other(url)
    booking.slot = slot
    context = {"booking": booking, "google_url": google_url(booking)}
    response = _step(request, slot, "pending" if booking.status == Status.PENDING else "done", context)
    add_never_cache_headers(response)  # a shared computer must not show it again after "Sign out" and Back
    return response


def _again(request, slot, booking):
    """Asks before the same visitor books the same slot twice."""
    _zone, zone_choice = shown_zone(request, slot.expert)
    again_url = book_url(slot, zone_choice, again=True) if slot.is_bookable else ""
    return _step(request, slot, "again", {"booking": booking, "again_url": again_url})


def _please_retry(request, slot, form, error):
    response = _step(request, slot, "busy", {"form": form, "title": _("Not booked yet"), "text": str(error)})
    response.status_code = error.status
    response["Retry-After"] = getattr(error, "retry_after", 2)
    return response


def _conflict(request, slot, conflict, form):
    zone, zone_choice = shown_zone(request, slot.expert)
    context = {
        "form": form,
        "reason": conflict.reason,
        "title": conflict.title,
        "text": conflict.text(zone),
        "alternatives": conflict.alternatives(zone, zone_choice),
    }
    return _changed(_step(request, slot, "conflict", context, status=409))


def _changed(response):
    """Makes the grid behind the dialog fetch itself anew."""
    response["HX-Trigger"] = "slots-changed"
    return response


def _step(request, slot, step, context, *, status=200):
    expert = slot.expert
    zone, zone_choice = shown_zone(request, expert)
    context = {
        "accent": expert.organization.accent,
        "slot": slot,
        "expert": expert,
        "zone": zone,
        "summary": _summary(slot, zone),
        "book_url": book_url(slot, zone_choice),
        "back_url": f"{reverse('expert', args=[expert.slug])}?day={slot.date}"
        + ("&zone=expert" if zone_choice == "expert" else ""),
        "step": {"details": "details", "review": "review", "done": "done", "pending": "done"}.get(step, "details"),
        "step_template": f"bookings/_book_{step}.html",
        "policy_text": policy_text(expert),
        "cancel_line": cancel_line(slot, zone, timezone.now()),
        **context,
    }
    with timezone.override(zone):
        template = context["step_template"] if is_partial(request) else "bookings/book.html"
        return render(request, template, context, status=status)


def _summary(slot, zone) -> dict[str, str]:
    """The slot in words: its day, its time, and the zone, with the expert's own time where that differs."""
    start, now = slot.starts_at, timezone.now()
    zone_line = _("%(zone)s.") % {"zone": wording.zone_label(zone, start)}
    expert_zone = slot.expert.zone
    if wording.zone_difference(expert_zone, zone, start):
        zone_line += " " + _("%(time)s in %(city)s.") % {
            "time": wording.clock(start, expert_zone),
            "city": city(expert_zone),
        }
    return {
        "day": wording.full_day(start.astimezone(zone).date(), now.astimezone(zone).date()),
        "time": wording.time_span(start, slot.ends_at, zone),
        "zone_line": zone_line,
    }


def _own_booking(request, slot):
    return Booking.objects.proven_to(request.visitor).occupying().filter(slot=slot).first()


def _empty_form(slot, *, again):
    return BookingForm(slot=slot, initial={"key": new_key(), "again": "1" if again else ""})


def _form_with_values(request, slot, *, key):
    """The form with what was typed, not yet judged."""
    names = ("name", "email", "phone", "notes", "seats")
    values = {name: request.POST[name] for name in names if request.POST.get(name)}
    asked = {"agree": bool(request.POST.get("agree")), "again": "1" if request.POST.get("again") else ""}
    return BookingForm(slot=slot, initial={**values, **asked, "key": key})
