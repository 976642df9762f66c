"""Answer a waitlist offer from its mail: take the seat, or leave it to the next in line. Each by a button."""

from datetime import datetime

from django.shortcuts import render
from django.utils import timezone

from bookings import services
from bookings.access.links import read_offer_token
from bookings.access.proven import mark_proven
from bookings.access.visitor import ensure_visitor
from bookings.addresses import book_url, expert_url, type_of
from bookings.errors import Busy, LinkUnknown, NotFound, OfferOver, WaitlistFull
from bookings.models import WaitlistEntry
from bookings.selectors.awaited import session_awaited
from bookings.selectors.slot_for_visitor import SlotForVisitor, find_session
from bookings.views.responses import see_other, with_retry_after
from bookings.views.zones import clocks_of
from experts import formatting
from experts.clocks import Clocks


def offer(request, token):
    try:
        entry = read_offer_token(token)
    except LinkUnknown as error:
        return render(request, "bookings/link_over.html", {"opens_one": True}, status=error.status)
    ensure_visitor(request)  # known from now on, so that both clicks of a double click come from one browser
    if request.method != "POST":
        return _show(request, entry)
    # Whatever became of the seat.
    mark_proven(visitor=request.visitor, email=entry.email, booker=entry.visitor)
    try:
        if "leave" in request.POST:
            services.leave_waitlist(entry_id=entry.pk)
            return see_other(request.path)
        if entry.is_unproven:
            services.take_places(entry)
            return see_other(request.path)
        services.claim_offer(entry_id=entry.pk, visitor=request.visitor)
    except OfferOver as error:
        return _show(request, read_offer_token(token), status=error.status)
    except (Busy, NotFound, WaitlistFull) as error:
        return with_retry_after(_show(request, entry, problem=str(error), status=error.status), error)
    return see_other(book_url(session_awaited(entry)))


def _show(request, entry: WaitlistEntry, *, problem: str = "", status: int = 200):
    slot, expert, now = session_awaited(entry), entry.slot.expert, timezone.now()
    is_kept = entry.has_running_offer and entry.hold.expires_at > now
    clocks = clocks_of(request, entry)
    zone = clocks.leading
    # With all that it takes, as it is now: it may be open to all.
    found = find_session(SlotForVisitor(entry.slot), type_of(slot))
    context = {
        "accent": expert.organization.accent,
        "entry": entry,
        "slot": slot,
        "expert": expert,
        "title": formatting.session_in_words(slot.starts_at, slot.ends_at, zone, now),
        "zone_line": formatting.zone_line(clocks, slot.starts_at),
        "until": _until(entry.hold.expires_at, clocks, now) if is_kept else "",
        "is_kept": is_kept,
        "is_bookable": found is not None and found.slot.is_bookable,
        "problem": problem,
        "slot_url": book_url(slot),
        "day_url": expert_url(slot, zone),
    }
    return render(request, "bookings/offer.html", context, status=status)


def _until(instant: datetime, clocks: Clocks, now: datetime) -> str:
    return formatting.deadline(instant, clocks, formatting.lately(instant, clocks.leading, now))
