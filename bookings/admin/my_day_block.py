"""Block a part of an expert's day: choose when, see whom it hits, do it."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode

from django.contrib import messages
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bookings.admin.moves import moves_url
from bookings.errors import Refused
from bookings.models import Booking
from bookings.selectors.staff_columns import Column, Entry
from bookings.views.responses import see_other
from experts import formatting
from experts.errors import StretchPreviewNeeded
from experts.models import Expert
from experts.models.hours import MIDNIGHT
from experts.services import Stretch, block_stretch
from experts.timezones import day_bounds, edge_of

MOST_SPANS = 8  # to choose from
NEAR = timedelta(minutes=60)


class Here:
    """Addresses of this page that keep its day and its expert. ``named`` is part of each."""

    def __init__(self, request, day: date, expert: Expert, named: dict[str, str]):
        self.day, self.expert = day, expert
        kept = {name: request.GET[name] for name in ("organization", "expert", "day") if request.GET.get(name)}
        self._kept = kept | named

    def to(self, **changes) -> str:
        values = {name: text for name, text in (self._kept | changes).items() if text}
        return reverse("admin:my_day") + (f"?{urlencode(values)}" if values else "")


def block(request, here: Here, column: Column, now: datetime):
    """What to choose from; once a time was chosen, what that does; once that was seen, it is done."""
    text = request.POST.get("span", "")
    if request.POST.get("from") or request.POST.get("to"):
        text = f"{request.POST.get('from', '')}-{request.POST.get('to', '')}"
    choices = {"close_url": here.to(), "action": here.to(block="1"), "choices": _choices(here, column, now)}
    if request.method != "POST":
        return choices
    span = _read_span(text)
    if span is None:
        return choices | {"problem": _("Choose from when and until when.")}
    start, end = span
    try:
        stretch = Stretch(here.day, start or MIDNIGHT, end or MIDNIGHT)
        block_stretch(expert_id=here.expert.pk, stretch=stretch, seen=request.POST.get("seen", ""))
    except StretchPreviewNeeded as preview:
        return (
            choices
            | _effect(here, column, start, end)
            | {
                "span": text,
                "seen": preview.key,
                "is_new": bool(request.POST.get("seen")),
            }
        )
    except Refused as refusal:
        return choices | {"problem": str(refusal)}
    messages.success(request, _("%(span)s is blocked.") % {"span": _in_words(start, end)})
    return see_other(here.to())


def _read_span(text: str) -> tuple[time | None, time | None] | None:
    """``10:00-11:00``, ``10:00-`` up to the end of the day, ``-`` all of it; None for anything else."""
    start, separator, end = text.partition("-")
    try:
        first, last = (time.fromisoformat(part) if part else None for part in (start, end))
    except ValueError:
        return None
    is_clock = all(at is None or at.tzinfo is None for at in (first, last))
    return (first, last) if separator and is_clock else None


def _choices(here: Here, column: Column, now: datetime) -> list[dict]:
    """The next hour first, then longer, then the hours after it; each with how many bookings it would hit."""
    zone = here.expert.zone
    day_start, day_end = day_bounds(here.day, zone)
    ends = [entry.ends_at for entry in column.entries] or [day_start + timedelta(hours=18)]
    last = min(max(ends), day_end)
    hour = timedelta(hours=1)
    if day_start <= now < day_end:
        following = [entry.starts_at for entry in column.entries if now <= entry.starts_at < now + NEAR]
        start = min(following) if following else now - (now - day_start) % timedelta(minutes=5) + timedelta(minutes=5)
        spans = [(start, start + hour), (start, start + 2 * hour), (start, None)]
    else:
        starts = [entry.starts_at for entry in column.entries] or [day_start + timedelta(hours=9)]
        start = max(min(starts), day_start)
        spans = [(None, None), (start, start + hour)]
    at = start + hour
    while at < last and len(spans) < MOST_SPANS:
        spans.append((at, at + hour))
        at += hour
    shown = []
    for span in spans:
        on_day = [it.astimezone(zone) if it else None for it in span]
        times = [it.time().replace(second=0, microsecond=0) if it and it.date() == here.day else None for it in on_day]
        hit = len(_hit(here, column, *times))
        shown.append(
            {
                "value": "-".join(it.isoformat("minutes") if it else "" for it in times),
                "text": _in_words(*times),
                "hit": ngettext("%(count)d booking", "%(count)d bookings", hit) % {"count": hit} if hit else _("free"),
                "is_hit": bool(hit),
            }
        )
    return list({it["value"]: it for it in shown}.values())


def _in_words(start: time | None, end: time | None) -> str:
    if start is None and end is None:
        return _("The whole day")
    if start is None:
        return _("Until %(end)s") % {"end": formatting.wall_clock(end)}
    words = {"start": formatting.wall_clock(start)}
    if end is None:
        return _("%(start)s to the end of the day") % words
    return _("%(start)s to %(end)s") % (words | {"end": formatting.wall_clock(end)})


def _instants(here: Here, start: time | None, end: time | None) -> tuple[datetime, datetime]:
    first, last = day_bounds(here.day, here.expert.zone)
    return (
        edge_of(here.day, start, here.expert.zone) if start else first,
        edge_of(here.day, end, here.expert.zone) if end else last,
    )


def _within(here: Here, column: Column, start: time | None, end: time | None) -> Iterator[Entry]:
    first, last = _instants(here, start, end)
    return (entry for entry in column.entries if entry.starts_at < last and entry.ends_at > first)


def _hit(here: Here, column: Column, start: time | None, end: time | None) -> list[Booking]:
    """Bookings that are meant to take place in that time."""
    return [booking for entry in _within(here, column, start, end) for booking in entry.bookings if booking.is_open]


def _effect(here: Here, column: Column, start: time | None, end: time | None) -> dict:
    hit = _hit(here, column, start, end)
    free = sum(entry.is_bookable for entry in _within(here, column, start, end))
    zone = here.expert.zone
    return {
        "chosen": _in_words(start, end),
        "hit": [
            {
                "time": formatting.clock(booking.slot.starts_at, zone),
                "name": booking.name,
                "url": moves_url(booking),
            }
            for booking in hit
        ],
        "hit_text": ngettext("%(count)d booking is in that time:", "%(count)d bookings are in that time:", len(hit))
        % {"count": len(hit)},
        "free_text": ngettext(
            "%(count)d free time can be booked no more.", "%(count)d free times can be booked no more.", free
        )
        % {"count": free}
        if free
        else "",
    }
