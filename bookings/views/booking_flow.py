"""Show the steps of booking, each as a plain page or as a fragment for the dialog. The views choose the step."""

import json
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bookings import services
from bookings.addresses import LONGEST_TYPE, book_url, day_url, expert_url, extend_url, release_url, waitlist_url
from bookings.errors import NotHeld, Refused
from bookings.forms import BookingForm, new_key, opened_now
from bookings.models import Booking, MailKind, Notification, Status, WaitlistEntry
from bookings.policy import cancel_line, policy_text
from bookings.question_fields import answers_as_typed
from bookings.selectors.alternatives import Conflict
from bookings.selectors.answers import questions_for
from bookings.selectors.countdown import Countdown
from bookings.selectors.own_slots import own_key
from bookings.selectors.slot_for_visitor import SlotForVisitor
from bookings.services.new_booking import PROOF_LASTS
from bookings.views.responses import load_instead, not_found, see_other, with_retry_after
from bookings.views.step_patterns import NewForm, fill_step
from bookings.views.zones import shown_clocks
from experts import formatting
from experts.clocks import Clocks
from experts.htmx import is_partial
from experts.models import Session, Slot

# Where the bar of steps is, by the name of the template.
_STEPS = {"questions": "questions", "review": "review", "done": "done", "pending": "done"}


def show_no_such_slot(request):
    return not_found(request, _("There is no such slot."), reverse("discover"), _("See all experts"))


def show_choice(request, slot: Slot, kind: str = ""):
    """Lead to the page on which it is chosen what a time is for; ``kind`` names a type that is not offered."""
    day = slot.starts_at.astimezone(shown_clocks(request, slot).leading).date()
    url = day_url(slot.expert, day, session_type=kind)
    return load_instead(url) if is_partial(request) else see_other(url)


def type_asked(request) -> str:
    """Return the type (a slug) that the address names, "" without one."""
    return request.GET.get("type", "")[:LONGEST_TYPE].replace("\0", "~")  # PostgreSQL knows no such character


def terms_shown(slot: Slot) -> str:
    """Return a key of what somebody agrees to who books the session, as it is now; "" for a slot."""
    if not isinstance(slot, Session):
        return ""
    terms = slot.terms
    told = (terms.name, terms.minutes, terms.price, slot.venue, terms.note_with(slot.expert))
    return f"{crc32(repr(told).encode()):08x}"


def new_values(seen: SlotForVisitor, *, again=False) -> dict[str, Any]:
    """Return what a new form begins with, among it its one-time key."""
    values = {"key": new_key(), "opened": opened_now(), "again": "1" if again else ""}
    if entry := seen.find_offer():
        values |= {"name": entry.name, "email": entry.email}  # typed when joining the waitlist
    return values


def values_as_typed(request, *, key) -> dict[str, Any]:
    """Return what was typed, not validated, for a form with the one-time ``key``."""
    names = ("name", "email", "phone", "notes", "seats", "asked")
    values = {name: request.POST[name] for name in names if request.POST.get(name)}
    asked = {"agree": bool(request.POST.get("agree")), "again": "1" if request.POST.get("again") else ""}
    answers = answers_as_typed(request.POST)
    return {**values, **answers, **asked, "opened": request.POST.get("opened", ""), "key": key}


def form_with(seen: SlotForVisitor, values: dict[str, Any], *, for_waitlist=False) -> BookingForm:
    """Return the form with ``values`` to begin with, not yet validated."""
    return BookingForm(
        slot=seen.slot, held=seen.held, for_waitlist=for_waitlist, questions=seen.questions, initial=values
    )


def show_step(request, slot, step, context, *, hold=None, status=200):
    """Render one step: ``templates/bookings/_book_<step>.html``. With a hold it counts down and can be released.

    Its form, if it has one, may be a NewForm.
    """
    expert = slot.expert
    clocks = shown_clocks(request, slot)
    form = context.get("form")
    context = {
        "accent": expert.organization.accent,
        "asks": bool(form.questions if form else questions_for(slot)),
        "slot": slot,
        "expert": expert,
        "clocks": clocks,
        "summary": _slot_in_words(slot, clocks),
        "form_url": book_url(slot),
        "release_url": release_url(slot),
        "waitlist_url": waitlist_url(slot),
        **(countdown_of(hold) if hold else {"countdown": None}),
        "back_url": expert_url(slot, clocks.leading),
        "step": _STEPS.get(step, "details"),
        "step_template": f"bookings/_book_{step}.html",
        "policy_text": policy_text(expert, slot.session_type if isinstance(slot, Session) else None),
        "cancel_line": cancel_line(slot, clocks, timezone.now()),
        **context,
    }
    with timezone.override(clocks.leading):
        filled = fill_step(request, step, context)
        if filled is not None and is_partial(request):
            return HttpResponse(filled, status=status)
        if filled is None and isinstance(form, NewForm):
            context["form"] = form.made()
        context["step_html"] = filled
        template = context["step_template"] if is_partial(request) else "bookings/book.html"
        return render(request, template, context, status=status)


def countdown_of(hold: Booking) -> dict[str, Any]:
    """Return for a step how long the hold lasts, and the way to keep it longer, "" where there is none."""
    minutes = hold.slot.policy("hold_minutes")
    return {
        "countdown": Countdown(hold.runs_out_at, timedelta(minutes=minutes)),
        "extend_url": extend_url(hold.slot, hold.extensions) if services.may_extend(hold) else "",
        "extensions": hold.extensions,
        "extend_minutes": minutes,
    }


def show_countdowns(request, seen: SlotForVisitor, problem: Refused | None):
    """Answer the countdowns of a step alone, after somebody asked to keep the hold longer; ``problem``: why it is not.

    Of a hold that is over they are at zero, and the page asks what became of the slot.
    """
    clocks = shown_clocks(request, seen.slot)
    context: dict[str, Any] = {"clocks": clocks}
    if seen.hold is None:
        context |= {"countdown": Countdown(timezone.now())}
    else:
        context |= countdown_of(seen.hold) | {"has_asked": True, "problem": str(problem or "")}
    with timezone.override(clocks.leading):
        response = render(request, "bookings/_countdowns.html", context, status=problem.status if problem else 200)
    return with_retry_after(response, problem) if problem else response


def show_booked_already(request, slot, booking):
    """Ask before the same visitor books the same slot twice."""
    again_url = book_url(slot, again=True) if slot.is_bookable else ""
    return show_step(request, slot, "again", {"booking": booking, "again_url": again_url})


def show_retry(request, slot, form, error, *, retry, hold=None):
    """Show a Busy or TooMany error with a button that sends the step ``retry`` again. Says Retry-After."""
    titles = {"confirm": _("Not booked yet"), "join": _("Not on the waitlist yet"), "leave": _("Still on the waitlist")}
    context = {"form": form, "title": titles.get(retry, _("Not held yet")), "text": str(error), "retry": retry}
    if retry == "confirm":
        context["step"] = "review"
    if retry in ("join", "leave"):
        context["form_url"] = waitlist_url(slot)
    return with_retry_after(show_step(request, slot, "busy", context, hold=hold, status=error.status), error)


def show_blocked(request, slot, error):
    """Show that the organisation takes no booking from them online, and whom to ask. Nothing that was typed is kept."""
    context = {"title": _("Please get in touch"), "text": str(error)}
    return show_step(request, slot, "blocked", context, status=error.status)


def challenge_for(slot: Slot, error: NotHeld) -> dict[str, Any]:
    """Return the challenge, for a step, that a browser has to solve before the slot is held for it, if that helps."""
    return {"challenge": json.dumps(services.make_challenge(slot.pk))} if error.needs_work else {}


def find_awaiting(visitor: str, slot: Slot, reference: str) -> Booking | None:
    """Return what this browser asked for in the slot and whose link nobody has opened yet."""
    found = Booking.objects.awaiting_proof_of(visitor).select_related("session_type")
    awaiting = found.filter(slot=slot, reference=reference).first()
    if awaiting is not None:
        awaiting.slot = slot
        awaiting.slot = awaiting.session
    return awaiting


def prove_url(booking: Booking, **query: str) -> str:
    """Return the page that waits for the link to be opened."""
    return book_url(booking.slot, query={"booking": booking.reference} | query)


def shown_as(booking: Booking) -> str:
    """Name what ``show_prove`` shows, so that a page that shows it already is told nothing new."""
    return f"{booking.status}-{crc32(booking.email.encode()):x}"


def show_prove(request, slot, booking: Booking, *, sent_again=False, problem="", status=200):
    """Show that the link of the mail has to be opened, until when the time is kept, and what can be done meanwhile."""
    now, is_kept = timezone.now(), booking.status == Status.HELD
    mail = Notification.objects.filter(booking=booking, kind=MailKind.PROVE, to__iexact=booking.email).first()
    context = {
        "booking": booking,
        "countdown": Countdown(booking.expires_at, PROOF_LASTS) if is_kept and booking.expires_at > now else None,
        # What was kept for a while; what never was, ended when it was asked for.
        "ran_out": booking.expires_at <= now and booking.expires_at - booking.created_at > timedelta(seconds=5),
        # The same for a mail that was held back: nobody learns here whether others write to the address.
        "sent_at": (mail.sent_at or mail.last_attempt_at) if mail and mail.status in ("sent", "held") else None,
        "waiting_url": prove_url(booking, shown=shown_as(booking)),
        "correct_url": prove_url(booking, correct="1"),
        # The dialog's page has a socket already.
        "own_key": "" if is_partial(request) else own_key(request.visitor),
        **_note_of(sent_again=sent_again, problem=problem),
    }
    response = show_step(request, slot, "prove", context, status=status)
    add_never_cache_headers(response)  # on a shared computer, Back after "Sign out" must not show it again
    return response


def _note_of(*, sent_again: bool, problem: str) -> dict[str, str]:
    """Say what became of a wish to have a mail sent again; the same for one that was held back."""
    if problem:
        return {"note": problem, "note_icon": "circle-alert", "note_class": "note-warning"}
    if sent_again:
        return {"note": _("Sent again."), "note_icon": "circle-check", "note_class": "note-success"}
    return {}


def show_conflict(request, slot, conflict: Conflict, form):
    """Show why the slot cannot be booked (409), with the closest open times and the way to the waitlist.

    Somebody who opens a full slot gets the form of the waitlist instead.
    """
    can_wait = conflict.reason in services.WORTH_WAITING and can_wait_for(slot)
    if conflict.reason == "full" and can_wait and not conflict.was_race:
        return show_waitlist(request, slot, form, status=409)
    context = {"form": form, "can_wait": can_wait}
    context |= _conflict_context(conflict, shown_clocks(request, slot).leading)
    return refresh_grid(show_step(request, slot, "conflict", context, status=409))


def can_wait_for(slot: Slot) -> bool:
    """Whether there is a waitlist: of slots and of sessions with one expert."""
    return not isinstance(slot, Session) or slot.second is None


def show_waitlist(request, slot, form, *, status=200):
    """Show the form to join the waitlist of a slot, with the closest open times beside it."""
    if not form.is_bound:
        form = BookingForm(slot=slot, for_waitlist=True, questions=form.questions, initial=form.initial)
    # The slot is full or being booked; the text is the same for both.
    context = {
        "form": form,
        "form_url": waitlist_url(slot),
        "offer_minutes": slot.expert.organization.offer_minutes,
    }
    context |= _conflict_context(Conflict.on_opening(slot, "full"), shown_clocks(request, slot).leading)
    return refresh_grid(show_step(request, slot, "waitlist", context, status=status))


def show_waiting(request, slot, entry, *, sent_again=False, problem="", status=200):
    """Show the place in line, and how to leave the waitlist. It looks again when the link was opened elsewhere."""
    context = {
        "entry": entry,
        "offer_minutes": slot.expert.organization.offer_minutes,
        "waiting_url": waitlist_url(slot, query={"shown": place_shown(entry)}),
        # The dialog's page has a socket already.
        "own_key": "" if is_partial(request) else own_key(request.visitor),
        **_note_of(sent_again=sent_again, problem=problem),
    }
    return refresh_grid(show_step(request, slot, "waiting", context, status=status))


def place_shown(entry: WaitlistEntry) -> str:
    """Name what ``show_waiting`` shows, as ``shown_as``."""
    return f"{entry.status}-{entry.place}"


def _conflict_context(conflict: Conflict, zone) -> dict:
    return {
        "reason": conflict.reason,
        "title": conflict.title,
        "text": conflict.text(zone),
        "alternatives": conflict.alternatives(zone),
    }


def show_expired(request, slot, form):
    """Show that the hold ran out while the page was open, and that the seat is still free."""
    minutes = slot.policy("hold_minutes")
    text = ngettext(
        "We keep a time for %(count)d minute, so everyone gets a fair chance. Your details are saved.",
        "We keep a time for %(count)d minutes, so everyone gets a fair chance. Your details are saved.",
        minutes,
    )
    return refresh_grid(show_step(request, slot, "expired", {"form": form, "text": text % {"count": minutes}}))


def show_too_many_holds(request, slot, form, error):
    """Show that the visitor has as many holds as allowed, each with a button that gives it up for this slot."""
    now = timezone.now()
    holds = Booking.objects.running_holds(request.visitor).with_slot().order_by("expires_at")
    kept = [
        {
            "slot": hold.slot,
            "when": _start_of(request, hold.session, now),
            "url": book_url(hold.session),
        }
        for hold in holds
    ]
    return show_step(request, slot, "kept", {"form": form, "text": str(error), "kept": kept}, status=error.status)


def refresh_grid(response):
    """Make the grid behind the dialog load again (an event for htmx in the headers)."""
    response["HX-Trigger"] = "slots-changed"
    return response


def _slot_in_words(slot: Slot, clocks: Clocks) -> dict[str, str]:
    """Return day, time and zone of the slot in words, with what the other clock shows where it differs."""
    start, zone = slot.starts_at, clocks.leading
    words = {
        "day": formatting.full_day(start.astimezone(zone).date(), clocks.today(timezone.now())),
        "time": formatting.time_span(start, slot.ends_at, zone),
    }
    return words | {
        "when": formatting.by_clock_of(zone, _("%(day)s, %(time)s") % words),  # in one line
        "zone_line": formatting.zone_line(clocks, start),
        "beside": formatting.time_beside(clocks, start),
    }


def _start_of(request, slot: Slot, now: datetime) -> str:
    """Return the start of a slot, of whichever expert, with its zone: ``Tomorrow 09:00 London time``."""
    zone = shown_clocks(request, slot).leading
    return formatting.by_clock_of(zone, formatting.soon(slot.starts_at, zone, now))
