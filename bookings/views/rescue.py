"""Choose another time for a session that cannot take place, from the link of its mail. Each time is a button."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from bookings import services
from bookings.access import proofs
from bookings.access.links import booking_token, link_url, read_rescue_token
from bookings.access.rate_limits import check_change_limits
from bookings.access.visitor import client_address, ensure_visitor
from bookings.addresses import again_page
from bookings.errors import Busy, InvalidDetails, LinkUnknown, NotAllowed, NotFound, OfferOver, SlotTaken, TooMany
from bookings.models import Booking, Rescue, Status
from bookings.models.rescue import RescueReason, RescueState
from bookings.selectors.rescue_times import Proposal, kept_times, propose, who_may_take
from bookings.views.responses import see_other, with_retry_after
from bookings.views.zones import clocks_of
from experts import formatting
from experts.clocks import Clocks
from experts.models import Expert, Slot

MORE_TIMES = 5  # beside the nearest, where none is kept any more


@dataclass(frozen=True)
class Choice:
    """A time as a whole row of the page: one button."""

    slot: Slot
    expert: Expert
    with_whom: str
    weekday: str
    day: str
    what: str
    time: str
    zone: str
    label: str
    is_wanted: bool


def rescue(request, token):
    """Show what is kept (GET); take a time, none of them, or cancel (POST). It takes a button: scanners send none."""
    try:
        found = read_rescue_token(token)
    except LinkUnknown as error:
        return render(request, "bookings/link_over.html", {"opens_one": True}, status=error.status)
    visitor = ensure_visitor(request)
    if request.method != "POST":
        return _show(request, found)
    try:
        check_change_limits(visitor=visitor, address=client_address(request), booking_id=found.booking_id)
        # Whoever reads the mail sees the booking from now on, whatever becomes of it.
        proofs.open_link(visitor=visitor, token=booking_token(found.booking))
        if "none" in request.POST:
            services.decline_times(rescue_id=found.pk)
        elif "cancel" in request.POST:
            services.cancel_offered(rescue_id=found.pk)
        else:
            services.choose_time(rescue_id=found.pk, slot_id=_slot_id(request.POST.get("slot", "")))
    except (Busy, InvalidDetails, LinkUnknown, NotAllowed, NotFound, OfferOver, SlotTaken, TooMany) as error:
        return _refuse(request, token, error)
    return see_other(request.path)


def _slot_id(text: str) -> int:
    """Return the number of the chosen slot; 0, which no slot has, for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


def _refuse(request, token, error):
    """Show what is free now, and why the booking stays where it is."""
    status, problem = error.status, str(error)
    if isinstance(error, SlotTaken | NotFound | InvalidDetails):
        status, problem = 409, _("That time was just taken. These are the nearest that are free now.")
    if isinstance(error, OfferOver):
        status, problem = 409, ""  # the page says how the booking stands
    return with_retry_after(_show(request, read_rescue_token(token), problem=problem, status=status), error)


def _show(request, found: Rescue, *, problem: str = "", status: int = 200):
    booking, now = found.booking, timezone.now()
    expert = booking.slot.expert
    clocks = clocks_of(request, booking)
    zone = clocks.leading
    can_choose = found.state in (RescueState.OFFERED, RescueState.DECLINED) and found.is_about(booking)
    can_choose = can_choose and booking.ends_at > now
    kept = kept_times(found) if can_choose and found.state == RescueState.OFFERED else []
    free = kept or (_nearest(found, now) if can_choose else [])
    wanted = _slot_id(request.GET.get("time", ""))
    is_late = can_choose and not kept
    session = booking.session
    context = {
        "accent": expert.organization.accent,
        "rescue": found,
        "booking": booking,
        "expert": expert,
        "can_choose": can_choose,
        "is_kept": bool(kept),
        "is_declined": is_late and found.state == RescueState.DECLINED,
        "is_late": is_late and found.state == RescueState.OFFERED,
        "why": _why(found),
        "until": _until(found.until, clocks, now) if kept and found.until else "",
        "was": formatting.session_in_words(session.starts_at, session.ends_at, zone, now),
        "zone_line": formatting.zone_line(clocks, session.starts_at),
        "choices": [_choice(it, clocks, now, it.slot.pk == wanted) for it in free],
        "problem": problem,
        "booking_url": "" if can_choose else _booking_url(request.visitor, booking),
        "again_url": _page_url(*again_page(expert, booking.session_type)),
        "outcome": _outcome(found, now),
    }
    return render(request, "bookings/rescue.html", context, status=status)


def _booking_url(visitor: str, booking: Booking) -> str:
    """Where the booking is shown: at once in a browser that may see it, else by its link, which asks for a button."""
    if Booking.objects.proven_to(visitor).filter(pk=booking.pk).exists():
        return reverse("booking", args=[booking.reference])
    return link_url(booking_token(booking))


def _page_url(name: str, *parts: str) -> str:
    return reverse(name, args=parts)


def _outcome(found: Rescue, now: datetime) -> str:
    """What has become of the booking, where there is nothing to choose any more."""
    booking = found.booking
    if not booking.is_open:
        return "ended"
    if booking.status == Status.PENDING:
        return "request"
    if booking.ends_at <= now:
        return "over"
    if booking.sequence == found.sequence and found.state != RescueState.CHOSEN:
        return "answered" if found.of_request else "waits"
    return "moved"


def _nearest(found: Rescue, now: datetime) -> list[Proposal]:
    """Return the nearest times that are free for whoever answers late, in order of time."""
    times = propose([found.booking], who_may_take([found.booking]), now, more=MORE_TIMES)[found.booking_id]
    return sorted(times, key=lambda it: it.slot.starts_at)


def _why(found: Rescue) -> str:
    """What is told of the reason: only what staff chose to tell."""
    name = {"name": found.booking.with_whom}
    if found.of_request:
        return _("%(name)s cannot take your request for that time.") % name
    if found.why == RescueReason.ILL:
        return _("%(name)s is ill.") % name
    if found.why == RescueReason.AWAY:
        return _("%(name)s is away then.") % name
    return _("Your session with %(name)s cannot take place.") % name


def _choice(it: Proposal, clocks: Clocks, now: datetime, is_wanted: bool) -> Choice:
    slot, zone = it.slot, clocks.leading
    # Of somebody at another place its own clock leads.
    own = (
        zone if not clocks.is_of_place or slot.expert.timezone == it.booking.slot.expert.timezone else slot.expert.zone
    )
    day, today = slot.starts_at.astimezone(own).date(), now.astimezone(own).date()
    same = slot.starts_at.astimezone(own).time() == it.booking.slot.starts_at.astimezone(zone).time()
    name = formatting.day_name(day, today)
    if today + timedelta(days=1) < day < today + timedelta(days=7):
        name = date_format(day, "WEEKDAY_FORMAT")
    time = _("%(start)s – %(end)s") % {
        "start": formatting.clock(slot.starts_at, own),
        "end": formatting.clock(slot.ends_at, own),
    }
    words = {"day": name, "time": time, "name": it.with_whom}
    return Choice(
        slot=slot,
        expert=slot.expert,
        with_whom=it.with_whom,
        weekday=date_format(day, "SHORT_WEEKDAY_FORMAT"),
        day=date_format(day, "DAY_OF_MONTH_FORMAT"),
        what=_("%(day)s, same time") % words if same else name,
        time=time,
        zone="" if own == zone else formatting.zone_name(own),
        label=_("%(day)s, %(time)s with %(name)s") % words,
        is_wanted=is_wanted,
    )


def _until(instant: datetime, clocks: Clocks, now: datetime) -> str:
    is_today = instant.astimezone(clocks.leading).date() == clocks.today(now)
    when = formatting.clock if is_today else formatting.full_day_and_time
    return formatting.deadline(instant, clocks, when(instant, clocks.leading))
