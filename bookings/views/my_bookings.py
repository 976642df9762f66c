"""Show what was booked in this browser or proven to it; with nothing to show, the form that finds bookings."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from bookings import services
from bookings.access import proofs
from bookings.access.visitor import forget_visitor
from bookings.addresses import book_url, waitlist_url
from bookings.models import Booking, Proof, Status, WaitlistEntry
from bookings.selectors.awaited import sessions_awaited
from bookings.selectors.own_slots import own_key
from bookings.selectors.place import place_of
from bookings.views import lookup
from bookings.views.booking import leave_when_proof_ends
from bookings.views.responses import load_instead, see_other
from bookings.views.zones import clocks_of
from experts import formatting
from experts.clocks import Clocks
from experts.htmx import is_partial
from experts.models import Expert, Slot

MOST_EARLIER = 50


@dataclass(frozen=True)
class When:
    """The time of a slot in a row: short month, day of the month, and ``Wed, 14:30 to 15:15 London time``.

    ``beside``: what the other clock shows, ``15:30 for you in Berlin``; empty where it shows the same.
    """

    month: str
    day: str
    text: str
    beside: str

    @classmethod
    def of(cls, slot: Slot, clocks: Clocks, now: datetime) -> "When":
        start = slot.starts_at.astimezone(clocks.leading)
        words = {
            "day": _day_in_words(start.date(), clocks.today(now)),
            "time": formatting.time_span(slot.starts_at, slot.ends_at, clocks.leading),
        }
        return cls(
            date_format(start, "SHORT_MONTH_FORMAT"),
            date_format(start, "DAY_OF_MONTH_FORMAT"),
            formatting.by_clock_of(clocks.leading, _("%(day)s, %(time)s") % words),
            formatting.time_beside(clocks, slot.starts_at),
        )


@dataclass(frozen=True)
class Row:
    booking: Booking
    slot: Slot
    expert: Expert
    when: When
    note: str
    note_icon: str
    join_url: str


@dataclass(frozen=True)
class WaitingRow:
    """A place on a waitlist. When a seat is offered, ``offered_until`` says until when, and
    ``url`` leads to booking it.
    """

    entry: WaitlistEntry
    expert: Expert
    when: When
    offered_until: str
    url: str


@dataclass(frozen=True)
class AwaitingRow:
    """What is kept ``until`` a time, for whoever opens the link of its mail."""

    booking: Booking
    expert: Expert
    when: When
    until: str
    url: str


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache  # on a shared computer, Back after "Sign out" must not show it again
def my_bookings(request):
    if request.method == "POST":
        return lookup.answer_form(request)
    if "sent" in request.GET:
        return lookup.show_sent(request)
    if "find" in request.GET:
        return lookup.show_form(request)
    key = own_key(request.visitor)  # read before the rows, so that a change in between makes the page reload
    mine = Booking.objects.proven_to(request.visitor).with_slot()
    coming = [_make_row(booking, clocks_of(request, booking)) for booking in mine.upcoming()]
    earlier = [_make_row(booking, clocks_of(request, booking)) for booking in mine.earlier()[:MOST_EARLIER]]
    kept = Booking.objects.awaiting_proof_of(request.visitor).running_holds(request.visitor).with_slot()
    awaiting = [_make_awaiting_row(booking, clocks_of(request, booking)) for booking in kept.order_by("expires_at")]
    entries = WaitlistEntry.objects.shown_to(request.visitor).with_place().with_slot()
    awaited = sessions_awaited(entries)
    waiting = [_make_waiting_row(entry, awaited[entry.pk], clocks_of(request, entry)) for entry in entries]
    if not (coming or earlier or waiting or awaiting):
        return load_instead(request.path) if is_partial(request) else lookup.show_form(request)
    live_proofs = list(Proof.objects.live(request.visitor))
    context = {
        "awaiting": awaiting,
        "coming": coming,
        "waiting": waiting,
        "earlier": earlier,
        "addresses": [proof.email for proof in live_proofs if proof.email],
        "own_key": key,
    }
    template = "bookings/_bookings.html" if is_partial(request) else "bookings/my_bookings.html"
    return leave_when_proof_ends(render(request, template, context), live_proofs)


@require_POST
@never_cache
def sign_out(request):
    """Forget who this browser is and what it has proven, and free what it was holding."""
    if request.visitor:
        proofs.forget_browser(visitor=request.visitor)
        services.release_holds(visitor=request.visitor)  # last, as it may be refused: busy
        forget_visitor(request)
    return see_other(reverse("my_bookings") + "?signed-out=1")


def _make_row(booking, clocks) -> Row:
    slot, expert, now = booking.session, booking.slot.expert, timezone.now()
    note, icon = _note_and_icon(booking, clocks, now)
    return Row(
        booking=booking,
        slot=slot,
        expert=expert,
        when=When.of(slot, clocks, now),
        note=note,
        note_icon=icon,
        join_url=place_of(booking, now).join_url,
    )


def _make_awaiting_row(booking, clocks) -> AwaitingRow:
    slot, expert = booking.session, booking.slot.expert
    url = book_url(slot, query={"booking": booking.reference})
    expires_at = booking.expires_at
    until = formatting.deadline(expires_at, clocks, formatting.clock(expires_at, clocks.leading))
    when = When.of(slot, clocks, timezone.now())
    return AwaitingRow(booking=booking, expert=expert, when=when, until=until, url=url)


def _make_waiting_row(entry, slot, clocks) -> WaitingRow:
    expert, now = entry.slot.expert, timezone.now()
    until = ""
    if entry.has_running_offer:
        expires_at = entry.hold.expires_at
        until = formatting.deadline(expires_at, clocks, formatting.soon(expires_at, clocks.leading, now))
    url = book_url(slot) if until else waitlist_url(slot)
    return WaitingRow(entry=entry, expert=expert, when=When.of(slot, clocks, now), offered_until=until, url=url)


def _day_in_words(day, today) -> str:
    """Return ``Today``, ``Tomorrow`` or the weekday; the whole date in another year. The row shows the date as well."""
    if day.year != today.year or abs(day - today) <= timedelta(days=1):
        return formatting.day_name(day, today)
    return date_format(day, "SHORT_WEEKDAY_FORMAT")


def _note_and_icon(booking, clocks, now) -> tuple[str, str]:
    if booking.status == Status.PENDING:
        expires_at, zone = booking.expires_at, clocks.leading
        days = (expires_at.astimezone(zone).date() - clocks.today(now)).days
        texts = {0: _("Decision by today, %(when)s"), 1: _("Decision by tomorrow, %(when)s")}
        when = formatting.clock(expires_at, zone) if days in texts else formatting.soon(expires_at, zone, now)
        text = texts.get(days, _("Decision by %(when)s"))
        return text % {"when": formatting.deadline(expires_at, clocks, when)}, "hourglass"
    if booking.status == Status.EXPIRED:
        return _("No answer in time, so the seat was freed"), "timer-off"
    return str(booking.venue.label), booking.venue.icon
