"""Show the bar below the times of an expert, or of all who offer a type: what the visitor holds there, on any day."""

from collections.abc import Collection

from django.template.loader import render_to_string
from django.utils import timezone

from bookings.addresses import book_url, extend_url, release_url
from bookings.models import Booking
from bookings.selectors.own_slots import find_hold
from bookings.views.booking_flow import countdown_of
from bookings.views.zones import shown_clocks
from experts import formatting
from experts.models import Session


def find_hold_bar(request, visitor: str, expert_ids: Collection[int]) -> str:
    """Return the bar of the visitor's last hold with one of these experts, "" without one. One query."""
    hold = find_hold(visitor, expert_ids)
    return render_hold_bar(request, hold) if hold else ""


def render_hold_bar(request, hold: Booking, *, was_asked=False, problem="") -> str:
    """Return the bar of a hold that ``find_hold`` has read, by the clocks of what is held.

    ``was_asked``: to keep it longer; ``problem``: why it is not.
    """
    slot, now = hold.slot, timezone.now()
    clocks = shown_clocks(request, slot)
    countdown = countdown_of(hold)
    when = formatting.soon(slot.starts_at, clocks.leading, now)
    context = {
        "slot": slot,
        "what": slot.terms.name if isinstance(slot, Session) else "",
        "when": formatting.by_clock_of(clocks.leading, when),
        "beside": formatting.time_beside(clocks, slot.starts_at),
        "is_offer": hold.offer_id is not None,
        "url": book_url(slot),
        "release_url": release_url(slot),
        **countdown,
        "extend_url": extend_url(slot, hold.extensions, in_bar=True) if countdown["extend_url"] else "",
        "was_asked": was_asked,
        "problem": problem,
    }
    with timezone.override(clocks.leading):
        return render_to_string("bookings/_hold_bar.html", context, request)
