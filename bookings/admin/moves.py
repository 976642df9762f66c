"""Move a booking to another time, with any expert of its organisation: on the day by drag or keyboard, else by tiles.

One address. As a page it shows the times of a day (``?booking=``), then the question (``&slot=``); a POST moves. For
static/js/admin-move.js, which asks with ``part``, the same comes as fragments to be laid over the day.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bookings import services
from bookings.admin.staff_choice import wanted_day
from bookings.admin.staff_page import StaffPage, render_page
from bookings.errors import NotFound, Refused, SlotTaken
from bookings.mail.examples import words_of_move
from bookings.models import Booking
from bookings.policy import UNDO_SECONDS
from bookings.selectors.moves import Moves, WhyNot, read_moves
from bookings.selectors.staff_experts import MOST_COLUMNS, experts_to_choose, who_work
from bookings.transitions import in_sentence
from experts import formatting
from experts.admin.base import read_key
from experts.admin.scoping import reach
from experts.models import Expert, Organization, Session, Slot
from experts.permissions import ADD, CHANGE
from experts.timezones import minutes_in, offset_at

DAYS_TO_CHOOSE = 7
_MESSAGE = "\ue000"  # stands for what is typed, in the mail that is shown


class MoveForm(forms.Form):
    """What is sent with a move. ``told`` goes with each form, as a box that is not ticked is not sent at all."""

    slot = forms.IntegerField(min_value=1, max_value=2**63 - 1)
    sequence = forms.IntegerField(required=False)
    tell = forms.BooleanField(required=False)
    undo = forms.BooleanField(required=False)
    reason = Booking._meta.get_field("reason").formfield(required=False)


@dataclass(frozen=True)
class Spot:
    """A start to which the booking can be moved, as it is drawn and read aloud."""

    slot: int
    expert: int
    expert_name: str
    time: str
    starts_at: datetime
    minutes: int
    label: str
    url: str


def moves_page(request: HttpRequest) -> HttpResponse:
    if request.method != "POST" and "booking" not in request.GET:
        return HttpResponseRedirect(reverse("admin:day"))  # where bookings are picked up
    booking = _find_booking(request)
    if request.method == "POST":
        return _move(request, booking)
    if not booking.is_open:
        return _too_late(request, booking)
    if slot_id := read_key(request.GET.get("slot", "")):
        return _question(request, booking, slot_id)
    return _spots(request, booking)


def moves_url(booking: Booking, **values) -> str:
    """Where a booking is moved."""
    return f"{reverse('admin:day_moves')}?{urlencode({'booking': booking.pk} | values)}"


def in_hand(request: HttpRequest, organization: Organization, day: date) -> dict:
    """What a page of the day shows of a booking that is being moved (``?moving=``); nothing where it cannot be."""
    page = admin.site.get_model_admin(Booking)
    pk = read_key(request.GET.get("moving", ""))
    booking = page.get_queryset(request).filter(pk=pk).first() if pk else None
    if booking is None or not booking.is_open or not page.reaches(request, booking, CHANGE):
        return {}
    if booking.slot.expert.organization_id != organization.pk:
        return {}
    return {
        "booking": booking,
        "name": booking.name or booking.reference,
        "about": _about(booking),
        "tiles_url": moves_url(booking, day=day),
        "back_url": _day_url(booking),
    }


def _find_booking(request: HttpRequest) -> Booking:
    """The booking that is named. Others' look like none; whoever may only look at it is refused."""
    page = admin.site.get_model_admin(Booking)
    asked = request.POST.get("booking") or request.GET.get("booking", "")
    rows = page.get_queryset(request).select_related("session_type", "second_expert__organization")
    booking = rows.filter(pk=read_key(asked)).first()
    if booking is None:
        raise Http404
    if not page.reaches(request, booking, CHANGE):
        raise PermissionDenied
    return booking


def _is_part(request: HttpRequest) -> bool:
    return "part" in request.GET or "part" in request.POST


def _experts(request: HttpRequest, booking: Booking, day: date) -> list[Expert]:
    """Into whose calendars they may move it: the booking's own first, then those who work on that day, by name.

    Where the day is shown, those who have a column there, in that order (``?experts=3&experts=5``).
    """
    page, own = admin.site.get_model_admin(Booking), booking.slot.expert
    others = [
        expert
        for expert in experts_to_choose(reach(request), own.organization, day)
        if expert.pk != own.pk and page.reaches(request, Booking(slot=Slot(expert=expert)), ADD)
    ]
    if wanted := [read_key(key) for key in request.GET.getlist("experts")[:MOST_COLUMNS]]:
        known = {expert.pk: expert for expert in (own, *others)}
        return [known[key] for key in wanted if key in known]
    return [own, *who_work(others)][:MOST_COLUMNS]


# Where it can go


def _spots(
    request: HttpRequest, booking: Booking, *, refusal: str = "", typed: str = "", status: int = 200
) -> HttpResponse:
    now = timezone.now()
    organization = booking.slot.expert.organization
    zone = organization.zone
    today = now.astimezone(zone).date()
    starts_on = booking.slot.starts_at.astimezone(zone).date()
    day = wanted_day(request, organization, now) if request.GET.get("day") else max(starts_on, today)
    experts = _experts(request, booking, day)
    moves = read_moves(booking, experts, day, zone, now)
    spots = _spots_of(booking, moves)
    was_at, own_zone = booking.slot.starts_at, booking.slot.expert.zone
    context = {
        "booking": booking,
        "name": booking.name or booking.reference,
        "was_at": formatting.clock(was_at, own_zone) if day == starts_on else formatting.soon(was_at, own_zone, now),
        "is_elsewhere": day != starts_on,
        "shown_day": day,
        "before_url": _going_on(booking, day - timedelta(days=1)) if day > today else "",
        "after_url": _going_on(booking, day + timedelta(days=1)),
        "back_url": _day_url(booking),
        "spots": spots,
        "columns": [_column(booking, expert, moves, spots) for expert in experts],
        "refusal": refusal,
        "typed": typed,
    }
    if _is_part(request):
        return TemplateResponse(request, "admin/moves/_spots.html", context, status=status)
    first = max(day - timedelta(days=day.weekday()), today)
    context |= {
        "about": _about(booking),
        "day": formatting.full_day(day, today),
        "zone": formatting.zone_label_of_day(zone, day),
        "days": [
            {"text": formatting.day_name(it, today), "url": moves_url(booking, day=it), "is_shown": it == day}
            for it in (first + timedelta(days=n) for n in range(DAYS_TO_CHOOSE))
        ],
        "earlier_url": moves_url(booking, day=first - timedelta(days=7)) if first > today else "",
        "later_url": moves_url(booking, day=first + timedelta(days=7)),
    }
    return render_page(request, "admin/moves/page.html", _("Move this booking"), context, status=status)


def _going_on(booking: Booking, day: date) -> str:
    """A day in columns on which the move goes on."""
    house = booking.slot.expert.organization_id
    return reverse("admin:day", query={"organization": house, "day": day, "view": "day", "moving": booking.pk})


def _spots_of(booking: Booking, moves: Moves) -> list[Spot]:
    found, number = moves.in_order, len(moves.in_order)
    spots = []
    for place, start in enumerate(found, 1):
        zone = start.expert.zone
        time = formatting.clock(start.starts_at, zone)
        words = {"time": time, "expert": start.expert.name, "place": place, "number": number}
        spots.append(
            Spot(
                slot=start.pk,
                expert=start.expert_id,
                expert_name=start.expert.name,
                time=time,
                starts_at=start.starts_at,
                minutes=start.minutes,
                label=_("%(time)s, %(expert)s, free. %(place)d of %(number)d.") % words,
                url=moves_url(booking, slot=start.pk),
            )
        )
    return spots


def _column(booking: Booking, expert: Expert, moves: Moves, spots: list[Spot]) -> dict:
    mine = [spot for spot in spots if spot.expert == expert.pk]
    match moves.why_not.get(expert.pk):
        case None:
            text = ngettext("%(count)d free time", "%(count)d free times", len(mine)) % {"count": len(mine)}
        case WhyNot.TYPE:
            text = _("Not this type")
        case WhyNot.TOGETHER:
            text = _("Stays with both experts")
        case WhyNot.FULL:
            text = _("No time is free")
    starts_at = booking.slot.starts_at
    has_own_clock = offset_at(expert.zone, starts_at) != offset_at(booking.slot.expert.zone, starts_at)
    return {
        "expert": expert,
        "text": text,
        "spots": mine,
        "zone": formatting.zone_label(expert.zone, starts_at) if has_own_clock else "",
    }


# The question


def _question(
    request: HttpRequest, booking: Booking, slot_id: int, *, refusal: str = "", status: int = 200
) -> HttpResponse:
    slot = Slot.objects.select_related("expert__organization").filter(pk=slot_id).first()
    page = admin.site.get_model_admin(Booking)
    try:
        page.refuse_other_calendars(request, booking, slot_id)
    except NotFound:
        raise Http404 from None
    zone, now = slot.expert.zone, timezone.now()
    day = slot.starts_at.astimezone(zone).date()
    moves = read_moves(booking, [slot.expert], slot.starts_at.astimezone(zone).date(), zone, now)
    start = next((it for it in moves.in_order if it.pk == slot_id), None)
    if start is None:
        return _refused(request, booking, _taken(), 409)
    old_zone = booking.slot.expert.zone
    today = now.astimezone(zone).date()
    old_day = booking.slot.starts_at.astimezone(old_zone).date()
    context = {
        "booking": booking,
        "name": booking.name or booking.reference,
        "slot": start,
        "rows": [
            (formatting.clock(booking.slot.starts_at, old_zone), formatting.clock(start.starts_at, zone)),
            *([] if day == old_day else [(formatting.day_name(old_day, today), formatting.day_name(day, today))]),
            *([] if start.expert_id == booking.slot.expert_id else [(booking.slot.expert.name, start.expert.name)]),
        ],
        "note": " ".join(_notes(booking, start, same_day=day == old_day)),
        "zone": formatting.zone_label(zone, start.starts_at),
        "may_tell": bool(booking.email),
        "mail": _mail_of(booking, start) if booking.email else None,
        "first_name": (booking.name or booking.reference).split()[0],
        "refusal": refusal,
        "back_url": moves_url(booking, day=day),
        "about": _about(booking),
    }
    if _is_part(request):
        return TemplateResponse(request, "admin/moves/_question.html", context, status=status)
    title = _("Move %(name)s?") % {"name": context["name"]}
    return render_page(request, "admin/moves/question.html", title, context, status=status)


def _mail_of(booking: Booking, start: Slot) -> dict:
    """What the customer would read: as it is without a message, and what stands before and after one."""
    subject, text = words_of_move(booking, start)
    before, _message, after = words_of_move(booking, start, _MESSAGE)[1].partition(_MESSAGE)
    return {"subject": subject, "text": text, "before": before, "after": after}


def _notes(booking: Booking, start: Slot, *, same_day: bool):
    before, after = booking.ends_at - booking.slot.starts_at, start.ends_at - start.starts_at
    minutes = {"minutes": minutes_in(after), "before": minutes_in(before)}
    if before != after:
        yield _("%(minutes)d min instead of %(before)d.") % minutes
    elif same_day:
        yield _("Same day, %(minutes)d min.") % minutes
    else:
        yield _("%(minutes)d min.") % minutes
    if isinstance(start, Session) and start.expert_id != booking.slot.expert_id:
        words = {"expert": start.expert.name, "type": start.terms.name}
        yield _("%(expert)s also offers %(type)s.") % words


def _about(booking: Booking) -> str:
    expert = booking.slot.expert
    when = formatting.session_in_words(booking.slot.starts_at, booking.ends_at, expert.zone, timezone.now())
    return _("%(when)s, %(expert)s") % {"when": when, "expert": booking.with_whom}


# What comes of it


def _move(request: HttpRequest, booking: Booking) -> HttpResponse:
    form = MoveForm(request.POST)
    if not form.is_valid():
        return _refused(request, booking, _("Choose a time."), 422)
    values, before = form.cleaned_data, booking.slot
    try:
        admin.site.get_model_admin(Booking).refuse_other_calendars(request, booking, values["slot"])
        moved = services.reschedule(
            booking_id=booking.pk,
            slot_id=values["slot"],
            by_customer=False,
            reason=values["reason"] or "",
            seen_sequence=values["sequence"],
            tell=values["tell"],
        )
    except Refused as refusal:
        stored = _find_booking(request)
        if stored.is_open and stored.slot_id == values["slot"] and not _is_part(request):
            return HttpResponseRedirect(_day_url(stored))  # the second click of a double click
        # A time that went away while somebody chose is a conflict, not an address that does not exist.
        is_taken = isinstance(refusal, SlotTaken | NotFound)
        reason, status = (_taken(), 409) if is_taken else (str(refusal), refusal.status)
        return _refused(request, booking, reason, status, typed=values["reason"] or "")
    return _moved(request, moved, before, values)


def _taken() -> str:
    return _("That time was just taken. The booking stays where it is.")


def _refused(request: HttpRequest, booking: Booking, reason: str, status: int, *, typed: str = "") -> HttpResponse:
    if _is_part(request):
        return TemplateResponse(
            request, "admin/moves/_refused.html", {"reason": reason, "seconds": UNDO_SECONDS}, status=status
        )
    return _spots(request, booking, refusal=reason, typed=typed, status=status)


def _too_late(request: HttpRequest, booking: Booking) -> HttpResponse:
    reason = _("This booking is %(status)s. That is not possible now.") % {"status": in_sentence(booking.status)}
    if _is_part(request):
        return TemplateResponse(
            request, "admin/moves/_refused.html", {"reason": reason, "seconds": UNDO_SECONDS}, status=409
        )
    messages.warning(request, reason)
    return HttpResponseRedirect(_day_url(booking))


def _moved(request: HttpRequest, booking: Booking, before: Slot, values: dict) -> HttpResponse:
    expert = booking.slot.expert
    words = {
        "name": booking.name or booking.reference,
        "when": formatting.soon(booking.slot.starts_at, expert.zone, timezone.now()),
        "expert": expert.name,
    }
    if values["undo"]:
        said = _("%(name)s is back at %(when)s with %(expert)s.") % words
    else:
        said = _("Moved: %(name)s is now at %(when)s with %(expert)s.") % words
    may_undo = not values["undo"] and _may_move_to(booking, before)
    context = {"said": said, "booking": booking, "slot": before.pk, "tell": values["tell"], "may_undo": may_undo}
    context["seconds"] = UNDO_SECONDS
    if _is_part(request):
        return TemplateResponse(request, "admin/moves/_moved.html", context)
    if may_undo:
        said = format_html('{} <a href="{}">{}</a>', said, moves_url(booking, slot=before.pk), _("Move it back"))
    messages.success(request, said)
    return HttpResponseRedirect(_day_url(booking))


def _may_move_to(booking: Booking, slot: Slot) -> bool:
    """Whether it could go back at this moment: nobody who waits has been offered the time, and it can be booked."""
    zone = slot.expert.zone
    day = slot.starts_at.astimezone(zone).date()
    moves = read_moves(booking, [slot.expert], day, zone, timezone.now())
    return any(start.pk == slot.pk for start in moves.in_order)


def _day_url(booking: Booking) -> str:
    organization = booking.slot.expert.organization
    day = booking.slot.starts_at.astimezone(organization.zone).date()
    return reverse("admin:day", query={"organization": organization.pk, "day": day, "booking": booking.pk})


PAGE = StaffPage(
    name="day_moves", route="day/moves/", view=moves_page, title=gettext_lazy("Move this booking"), right=CHANGE
)
