"""The panel beside the staff's day: one booking, or a class with all who come, and what can be done about them.

What is done is a form that is posted, and leads back to the day. Scripts post the same forms and get the panel back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from bookings import services
from bookings.admin.day_address import DayAddress, book_url
from bookings.admin.moves import moves_url
from bookings.admin.people_read import read_words
from bookings.errors import Refused
from bookings.models import Booking, Status
from bookings.policy import UNDO_SECONDS
from bookings.selectors.place import whole_place
from bookings.selectors.requests import has_room_again
from bookings.selectors.staff_columns import has_arrived
from bookings.selectors.staff_day import experts_of, is_in_danger
from bookings.selectors.staff_experts import experts_seen
from bookings.selectors.visits import earlier_visits
from bookings.transitions import BOOKED, TRANSITIONS
from experts import formatting
from experts.admin.base import read_key
from experts.admin.scoping import may, reach
from experts.models import Slot
from experts.permissions import ADD, CHANGE

VISITS_SHOWN = 5
SAID = "day_said"  # in the session: what was done last, to be said once
PART = "X-Day-Part"  # the header of a script that wants the panel instead of the page


@dataclass(frozen=True)
class Act:
    """Something that is done about a booking with one click. ``said`` names the person."""

    do: Callable[..., Booking]
    label: str
    icon: str
    said: str
    is_possible: Callable[[Booking, datetime], bool]
    is_done: Callable[[Booking], bool]
    # The act that takes it back for a while; "" where nothing does.
    undone_by: str = "undo"
    asks_message: bool = False
    # Whether the panel offers it, apart from how it is offered otherwise.
    is_offered: bool = True


def _has_day_come(booking: Booking, now: datetime) -> bool:
    return booking.slot.date <= booking.slot.expert.today(now)


ACTS = {
    "arrived": Act(
        services.mark_arrived,
        gettext_lazy("Arrived"),
        "user-check",
        gettext_lazy("%(name)s has arrived."),
        lambda booking, now: (
            booking.status in (Status.CONFIRMED, Status.NO_SHOW)
            and booking.arrived_at is None
            and _has_day_come(booking, now)
        ),
        has_arrived,
    ),
    "no-show": Act(
        services.mark_no_show,
        gettext_lazy("No-show"),
        "user-x",
        gettext_lazy("%(name)s marked as no-show."),
        lambda booking, now: Status.NO_SHOW in TRANSITIONS[Status(booking.status)] and booking.slot.starts_at <= now,
        lambda booking: booking.status == Status.NO_SHOW,
    ),
    "done": Act(
        services.complete,
        gettext_lazy("Done"),
        "check-check",
        gettext_lazy("The session with %(name)s is done."),
        lambda booking, now: Status.COMPLETED in TRANSITIONS[Status(booking.status)] and booking.ends_at <= now,
        lambda booking: booking.status == Status.COMPLETED,
    ),
    "approve": Act(
        partial(services.approve, can_undo=True),
        gettext_lazy("Approve"),
        "circle-check",
        gettext_lazy("The request of %(name)s is approved."),
        lambda booking, now: booking.status == Status.PENDING and booking.runs_out_at > now,
        lambda booking: booking.status == Status.CONFIRMED,
        undone_by="undecide",
    ),
    "reject": Act(
        partial(services.reject, can_undo=True),
        gettext_lazy("Reject"),
        "circle-x",
        gettext_lazy("The request of %(name)s is rejected."),
        lambda booking, now: booking.status == Status.PENDING,
        lambda booking: booking.status == Status.REJECTED,
        undone_by="undecide",
        asks_message=True,
    ),
    "cancel": Act(
        partial(services.cancel, can_undo=True),
        gettext_lazy("Cancel booking"),
        "circle-slash",
        gettext_lazy("The booking of %(name)s is cancelled."),
        lambda booking, now: booking.status == Status.CONFIRMED and booking.ends_at > now,
        lambda booking: booking.status == Status.CANCELLED,
        undone_by="uncancel",
        asks_message=True,
    ),
    "undo": Act(
        services.undo_attendance,
        gettext_lazy("Undo"),
        "undo-2",
        gettext_lazy("Taken back: %(name)s is booked as before."),
        lambda booking, now: booking.status in (Status.NO_SHOW, Status.COMPLETED) or booking.arrived_at is not None,
        lambda booking: booking.status == Status.CONFIRMED and booking.arrived_at is None,
        undone_by="",
        is_offered=False,
    ),
    "undecide": Act(
        services.undo_decision,
        gettext_lazy("Undo"),
        "undo-2",
        gettext_lazy("Taken back: %(name)s waits for an answer again."),
        lambda booking, now: False,
        lambda booking: booking.status == Status.PENDING,
        undone_by="",
        is_offered=False,
    ),
    "uncancel": Act(
        services.undo_cancellation,
        gettext_lazy("Undo"),
        "undo-2",
        gettext_lazy("Taken back: %(name)s is booked as before."),
        lambda booking, now: False,
        lambda booking: booking.is_open,
        undone_by="",
        is_offered=False,
    ),
}


# Reading


def panel_of(request: HttpRequest, address: DayAddress) -> dict:
    """What the panel shows for the address of the page: a booking, a class, or nothing."""
    if pk := read_key(request.GET.get("booking", "")):
        booking = _find(request, pk)
        return {"panel": booking_panel(request, booking, address)} if booking else {}
    if pk := read_key(request.GET.get("slot", "")):
        slot = _find_slot(request, pk)
        return {"class": class_panel(request, slot, address)} if slot else {}
    return {}


def _find(request: HttpRequest, pk: int) -> Booking | None:
    """A booking of an expert whose day they see. Not what is being booked at this moment."""
    booking = Booking.objects.with_slot().filter(pk=pk).exclude(status=Status.HELD).first()
    if booking is None:
        return None
    seen = experts_seen(reach(request), booking.slot.expert.organization)
    return booking if seen.filter(pk__in=experts_of(booking)).exists() else None


def _find_slot(request: HttpRequest, pk: int) -> Slot | None:
    slot = Slot.objects.with_expert().filter(pk=pk).first()
    if slot is None:
        return None
    seen = experts_seen(reach(request), slot.expert.organization)
    return slot if seen.filter(pk=slot.expert_id).exists() else None


def _may_change(request: HttpRequest, booking: Booking) -> bool:
    """As on the page of the booking itself; nothing about somebody who was erased."""
    page = admin.site.get_model_admin(Booking)
    return booking.erased_at is None and page.reaches(request, booking, CHANGE)


def booking_panel(request: HttpRequest, booking: Booking, address: DayAddress) -> dict:
    """One booking with what is known about its person. Logs that the customer's words were read."""
    now, zone = timezone.now(), booking.slot.expert.zone
    may_change = _may_change(request, booking)
    possible = [name for name, act in ACTS.items() if may_change and act.is_possible(booking, now)]
    main = next((name for name in possible if name in ("arrived", "done", "approve")), "")
    place = whole_place(booking)
    return {
        "booking": booking,
        "rescue_url": reverse("admin:rescue", query={"organization": booking.slot.expert.organization_id})
        if is_in_danger(booking, now)
        else "",
        "look": "arrived" if has_arrived(booking) else booking.status.lower().replace("_", "-"),
        "status": _status(booking),
        "when": formatting.session_in_words(booking.slot.starts_at, booking.ends_at, zone, now),
        "clock": formatting.zone_name(zone),
        "what": booking.title_and_length,
        "place": place.kind if place.join_url or not place.note else f"{place.kind}, {place.note}",
        "runs_out": runs_out(booking, zone, now) if booking.status == Status.PENDING else "",
        "acts": [
            {
                "name": name,
                "label": ACTS[name].label,
                "icon": ACTS[name].icon,
                "url": reverse("admin:day_act", args=[booking.pk, name]),
                "asks_message": ACTS[name].asks_message,
                "is_main": name == main,
            }
            for name in possible
            if ACTS[name].is_offered
        ],
        "undo_url": reverse("admin:day_act", args=[booking.pk, "undo"]) if "undo" in possible else "",
        "move_url": moves_url(booking) if may_change and booking.is_open and booking.ends_at > now else "",
        "open_url": reverse("admin:bookings_booking_change", args=[booking.pk]),
        "history_url": reverse("admin:bookings_booking_history", args=[booking.pk]),
        "again_url": book_url(person=booking.pk)
        if may(request, "bookings.booking", ADD) and booking.erased_at is None
        else "",
        "may_edit": may_change,
        "close_url": address.to(),
        "live_url": f"{reverse('admin:day_panel')}?{address.query(booking=booking.pk)}",
        "fields": {**address.kept, "booking": booking.pk},
        **read_words(request, booking),
        **_visits(request, booking),
    }


def runs_out(booking: Booking, zone: ZoneInfo, now: datetime) -> str:
    """``Runs out 10:30``, with the weekday where that is not today."""
    is_today = booking.runs_out_at.astimezone(zone).date() == now.astimezone(zone).date()
    when = (formatting.clock if is_today else formatting.weekday_and_time)(booking.runs_out_at, zone)
    return _("Runs out %(when)s") % {"when": when}


def _status(booking: Booking) -> str:
    if has_arrived(booking):
        assert booking.arrived_at is not None, "whoever has arrived did so at some time"
        time = formatting.clock(booking.arrived_at, booking.slot.expert.zone)
        return _("Arrived %(time)s") % {"time": time}
    return booking.get_status_display()


def _visits(request: HttpRequest, booking: Booking) -> dict:
    rows = earlier_visits(reach(request), booking)
    missed = sum(row.status == Status.NO_SHOW for row in rows)
    came = len(rows) - missed
    words = [ngettext("%(count)d visit", "%(count)d visits", came) % {"count": came}]
    if missed:
        words.append(ngettext("%(count)d no-show", "%(count)d no-shows", missed) % {"count": missed})
    return {
        "visits": [
            {
                "day": formatting.brief_day(row.slot.date, booking.slot.expert.today()),
                "expert": row.slot.expert.name,
                "is_missed": row.status == Status.NO_SHOW,
            }
            for row in rows[:VISITS_SHOWN]
        ],
        "visits_in_words": ", ".join(words),
    }


def class_panel(request: HttpRequest, slot: Slot, address: DayAddress) -> dict:
    """All who come to a slot of several seats, each with what is done most."""
    now, zone = timezone.now(), slot.expert.zone
    rows = Booking.objects.with_slot().filter(slot=slot, status__in=BOOKED).order_by("name", "pk")
    people = []
    for booking in rows[: slot.capacity]:
        may_change = _may_change(request, booking)
        people.append(
            {
                "booking": booking,
                "name": booking.name or _("Erased"),
                "look": "arrived" if has_arrived(booking) else booking.status.lower().replace("_", "-"),
                "status": _status(booking),
                "url": address.to(booking=booking.pk),
                "move_url": moves_url(booking) if may_change and booking.is_open and booking.ends_at > now else "",
                "acts": [
                    {"label": ACTS[name].label, "url": reverse("admin:day_act", args=[booking.pk, name])}
                    for name in ("arrived", "no-show")
                    if may_change and ACTS[name].is_possible(booking, now)
                ],
            }
        )
    return {
        "slot": slot,
        "title": slot.title or next((it["booking"].title for it in people if it["booking"].title), "") or _("Group"),
        "when": formatting.session_in_words(slot.starts_at, slot.ends_at, zone, now),
        "clock": formatting.zone_name(zone),
        "seats": _("%(taken)d of %(seats)d seats") % {"taken": slot.seats_booked, "seats": slot.capacity},
        "people": people,
        "book_url": book_url(slot=slot.pk) if slot.is_bookable and may(request, "bookings.booking", ADD) else "",
        "open_url": reverse("admin:experts_slot_change", args=[slot.pk]),
        "close_url": address.to(),
        "live_url": f"{reverse('admin:day_panel')}?{address.query(slot=slot.pk)}",
        "fields": {**address.kept, "slot": slot.pk},
    }


# What was said last


def said(request: HttpRequest) -> dict:
    """What was done a moment ago, to be said once, with the way back."""
    last = request.session.pop(SAID, None)
    if not isinstance(last, dict):
        return {}
    if text := last.get("problem"):
        return {"toast": {"text": text, "is_problem": True, "seconds": UNDO_SECONDS, "is_patient": True}}
    booking, act = _find(request, last.get("booking", 0)), ACTS.get(last.get("act", ""))
    if booking is None or act is None:
        return {}
    text, may_undo = act.said % {"name": booking.name or booking.reference}, bool(act.undone_by)
    if may_undo and booking.status in (Status.CANCELLED, Status.REJECTED) and not has_room_again(booking):
        text, may_undo = _("%(said)s Somebody else has the seat already.") % {"said": text}, False
    return {
        "toast": {
            "text": text,
            "seconds": UNDO_SECONDS,
            # Who came is taken back whenever; a decision only until its mail leaves.
            "is_patient": act.undone_by in ("", "undo"),
            "icon": act.icon,
            "undo_url": reverse("admin:day_act", args=[booking.pk, act.undone_by]) if may_undo else "",
            "fields": last.get("fields", {}),
        }
    }


# Views


def panel_part(request: HttpRequest) -> HttpResponse:
    """The panel alone, for the booking or the class that the address names."""
    address = DayAddress(request.GET)
    return TemplateResponse(request, "admin/day/_panel.html", panel_of(request, address))


@require_POST
def act_on(request: HttpRequest, booking_id: int, name: str) -> HttpResponse:
    """Do something about a booking, and go back to the day. A refusal is said there."""
    booking, act = _find(request, booking_id), ACTS.get(name)
    if booking is None or act is None:
        raise Http404
    if not _may_change(request, booking):
        raise PermissionDenied
    address = DayAddress(request.POST)
    opened = {key: pk for key in ("booking", "slot") if (pk := read_key(request.POST.get(key, "")))}
    status = 200
    request.session[SAID] = {"booking": booking.pk, "act": name, "fields": address.kept | opened}
    try:
        act.do(booking_id=booking.pk, **_values(name, request))
    except Refused as refusal:
        stored = _find(request, booking_id)
        if stored is None or not act.is_done(stored):  # else it is the second click of a double click
            request.session[SAID] = {"problem": str(refusal)}
            status = 409
    if PART not in request.headers:
        return redirect(address.to(**opened))
    request.GET = request.POST
    context = panel_of(request, address) | said(request)
    return TemplateResponse(request, "admin/day/_answer.html", context, status=status)


def _values(name: str, request: HttpRequest) -> dict:
    match name:
        case "reject":
            return {"reason": request.POST.get("reason", "")[:1000]}
        case "cancel":
            seen = read_key(request.POST.get("seen_sequence", ""))
            return {"by_customer": False, "reason": request.POST.get("reason", "")[:1000], "seen_sequence": seen}
    return {}
