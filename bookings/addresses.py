"""Build the addresses of an expert's and a slot's pages."""

from datetime import date
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.urls import reverse

from experts.models import Expert, Session, SessionType, Slot

LONGEST_SLUG = 60  # of a session type
LONGEST_TYPE = LONGEST_SLUG + 81  # with the second expert


def expert_url(slot: Slot, zone: ZoneInfo) -> str:
    """Return the expert's page on the day of the slot or Session, for somebody to whom the clock of ``zone`` leads."""
    day = slot.starts_at.astimezone(zone).date()
    if isinstance(slot, Session) and slot.second is not None:  # which is booked with both, on a page of their own
        page = reverse("anyone", args=[slot.expert.organization.slug, slot.session_type.slug])
        return f"{page}?{urlencode({'day': day.isoformat()})}"
    return day_url(slot.expert, day, session_type=type_of(slot))


def type_of(slot: Slot) -> str:
    """Return what addresses name the type of a Session by, of two experts ``team~amara``; "" of a slot."""
    if not isinstance(slot, Session):
        return ""
    return slot.session_type.slug + (f"~{slot.second.expert.slug}" if slot.second is not None else "")


def day_url(
    expert: Expert,
    day: date | None,
    *,
    month: date | None = None,
    frame_query: dict[str, str] | None = None,
    session_type: str = "",
) -> str:
    """Return the expert's page on a day of the clock that leads there (experts/clocks.py).

    With a ``month`` beside its days; without a day on the first that is free in it. ``frame_query``: what addresses
    carry in a frame on another site (experts/embedding.py); None on a page of our own. ``session_type``: the slug of
    the type whose times are shown.
    """
    name = "expert" if frame_query is None else "embed_expert"
    query = ({"type": session_type} if session_type else {}) | ({"month": f"{month:%Y-%m}"} if month else {})
    query |= ({"day": day.isoformat()} if day else {}) | (frame_query or {})
    return f"{reverse(name, args=[expert.slug])}?{urlencode(query)}"


def again_page(expert: Expert, session_type: SessionType | None) -> tuple[str, ...]:
    """Return where somebody books instead of what has ended, as the name of a page and its parts.

    With anyone who does the same, as the expert may be away; without a type the expert's page, or that of the
    organisation where the expert has left.
    """
    if session_type is not None and session_type.is_active:
        return "anyone", expert.organization.slug, session_type.slug
    return ("expert", expert.slug) if expert.is_active else ("organization", expert.organization.slug)


def resync_url(url: str, *, folded: int) -> str:
    """Return where an open page of a day loads it again; ``folded``: the last slot that it folded away, 0 for none."""
    return f"{url}&{urlencode({'folded': folded})}"


def day_socket_url(expert: Expert, day: date, zone: ZoneInfo, shown: list[date], session_type: str = "") -> str:
    """Return the WebSocket (bookings/live/routing.py) that tells of changes on a day of the clock that leads.

    ``shown``: the days beside it that the page has counts of. ``session_type``: the slug of the type of the sessions.
    """
    query = {"day": day.isoformat(), "from": shown[0].isoformat(), "to": shown[-1].isoformat()}
    query |= {"type": session_type} if session_type else {}
    query |= {} if zone.key == expert.timezone else {"zone": zone.key}
    return f"/ws/experts/{expert.slug}/?{urlencode(query)}"


def book_url(slot: Slot, *, again: bool = False, query: dict[str, str] | None = None) -> str:
    """Return the page that books the slot; ``again``: for somebody who has booked it already and wants another seat."""
    return _slot_url("book", slot, ({"again": "1"} if again else {}) | (query or {}))


def hold_url(slot: Slot) -> str:
    """Return where a seat of the slot is held (POST)."""
    return _slot_url("hold", slot)


def extend_url(slot: Slot, extensions: int, *, in_bar: bool = False) -> str:
    """Return where a hold kept longer so often is kept longer once more (POST). ``in_bar``: the answer is its bar."""
    return _slot_url("extend", slot, {"extensions": str(extensions)} | ({"bar": "1"} if in_bar else {}))


def release_url(slot: Slot) -> str:
    """Return where a hold is let go (POST)."""
    return _slot_url("release", slot)


def waitlist_url(slot: Slot, query: dict[str, str] | None = None) -> str:
    """Return where to join the waitlist of the slot, and to see one's place in it."""
    return _slot_url("waitlist", slot, query)


def _slot_url(name: str, slot: Slot, query: dict[str, str] | None = None) -> str:
    kind = type_of(slot)
    query = ({"type": kind} if kind else {}) | (query or {})
    return reverse(name, args=[slot.pk]) + (f"?{urlencode(query)}" if query else "")
