"""Build the addresses of an expert's and a slot's pages.

``zone_choice`` is whose time zone a page shows: ``mine`` (the visitor's, the default) or ``expert``. Addresses carry it
on, so that somebody who chose the expert's zone keeps it from page to page.
"""

from datetime import date
from urllib.parse import urlencode

from django.urls import reverse

from experts.models import Expert, Slot


def expert_url(slot: Slot, zone_choice: str) -> str:
    """Return the expert's page on the day of the slot."""
    return day_url(slot.expert, slot.date, zone_choice)


def day_url(expert: Expert, day: date, zone_choice: str, *, frame_query: dict[str, str] | None = None) -> str:
    """Return the expert's page on a day (the expert's calendar).

    ``frame_query``: what addresses carry in a frame on another site (experts/embedding.py); None on a page of our own.
    """
    name = "expert" if frame_query is None else "embed_expert"
    query = {"day": day.isoformat()} | _zone_query(zone_choice) | (frame_query or {})
    return f"{reverse(name, args=[expert.slug])}?{urlencode(query)}"


def day_socket_url(expert: Expert, day: date) -> str:
    """Return the WebSocket (bookings/live/routing.py) that tells of changes on a day of the expert."""
    return f"/ws/experts/{expert.slug}/?{urlencode({'day': day.isoformat()})}"


def book_url(slot: Slot, zone_choice: str, *, again: bool = False, query: dict[str, str] | None = None) -> str:
    """Return the page that books the slot; ``again``: for somebody who has booked it already and wants another seat."""
    return _slot_url("book", slot, zone_choice, ({"again": "1"} if again else {}) | (query or {}))


def hold_url(slot: Slot, zone_choice: str) -> str:
    """Return where a seat of the slot is held (POST)."""
    return _slot_url("hold", slot, zone_choice)


def release_url(slot: Slot, zone_choice: str) -> str:
    """Return where a hold is let go (POST)."""
    return _slot_url("release", slot, zone_choice)


def waitlist_url(slot: Slot, zone_choice: str) -> str:
    """Return where to join the waitlist of the slot, and to see one's place in it."""
    return _slot_url("waitlist", slot, zone_choice)


def _slot_url(name: str, slot: Slot, zone_choice: str, query: dict[str, str] | None = None) -> str:
    query = _zone_query(zone_choice) | (query or {})
    return reverse(name, args=[slot.pk]) + (f"?{urlencode(query)}" if query else "")


def _zone_query(zone_choice: str) -> dict[str, str]:
    return {"zone": "expert"} if zone_choice == "expert" else {}
