"""Show when any of those who offer a type is free, and hold a time with one of them, or with two together."""

from datetime import date, datetime, timedelta

from django.http import Http404
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from bookings import services
from bookings.access.rate_limits import check_hold_limits
from bookings.access.visitor import client_address, ensure_visitor
from bookings.addresses import book_url
from bookings.errors import NotFound, Refused
from bookings.policy import policy_text
from bookings.selectors.anyone import CalendarOfAny, venue_of_type
from bookings.selectors.month import length_of_month, read_month
from bookings.selectors.week import is_within_reach, read_day
from bookings.views.hold_bar import find_hold_bar
from bookings.views.responses import not_found, see_other
from experts.embedding import frame_query, let_frame
from experts.htmx import is_partial
from experts.models import OfferedType, SessionType
from experts.models.expert import Venue
from experts.scheduling.anyone import find_experts, find_type, offers_of


@require_safe
def anyone(request, slug, type_slug):
    """Show a type's times with all who offer it; ``?with=<slug>`` narrows them to one."""
    response = _show(request, slug, type_slug, "bookings/anyone.html", None)
    if response is None:
        return not_found(request, _("There is nothing to book here."), reverse("discover"), _("See all experts"))
    ensure_visitor(request)
    return response


@require_safe
def embed_anyone(request, slug, type_slug):
    """Show the same in a frame on the organisation's site, where a time opens the page in a tab."""
    response = _show(request, slug, type_slug, "embed/anyone.html", frame_query(request))
    if response is None:
        raise Http404
    return response


def _show(request, slug: str, type_slug: str, template: str, frame, *, problem: Refused | None = None):
    """Return the page; None when there is no such type, nobody who offers it, or no such day."""
    kind = find_type(slug, type_slug)
    offers = list(offers_of(kind)) if kind else []
    chosen = find_experts(kind, request.GET.getlist("with")[:2]) if kind else None
    if kind is None or len(offers) < kind.experts_needed or chosen is None or len(chosen) > kind.experts_needed:
        return None
    day_text, month_text = request.GET.get("day") or "", request.GET.get("month") or ""
    day, month = _read_day(day_text, offers), read_month(month_text)
    if (day_text and day is None) or (month_text and (month is None or not _shows_month(month, day, offers))):
        return None
    calendar = CalendarOfAny(kind, offers, day, request.zone, chosen=chosen, month=month, frame_query=frame)
    first = offers[0]
    first.session_type = kind
    venue = venue_of_type(kind, offers)
    context = {
        "accent": kind.organization.accent,
        "organization": kind.organization,
        "type": kind,
        "terms": kind.terms if len(offers) > 1 else first.terms,
        "venue": Venue(venue) if venue else None,
        "place": kind.venue_note or (first.expert.venue_note if len(offers) == 1 else ""),
        "policy_text": policy_text(first.expert),
        "calendar": calendar,
        "zone": calendar.zone,
        "embedded": frame is not None,
        "frame_query": frame or {},
        "problem": problem,
    }
    if frame is None:
        context["hold_bar"] = find_hold_bar(request, request.visitor, [offer.expert_id for offer in offers])
    with timezone.override(calendar.zone):
        part = "bookings/_anyone.html" if is_partial(request) else template
        response = render(request, part, context, status=problem.status if problem else 200)
    return response if frame is None else let_frame(response, kind.organization.embed_origins)


def _read_day(text: str, offers: list[OfferedType]) -> date | None:
    day = read_day(text) if text else None
    return day if day and any(is_within_reach(day, offer.expert) for offer in offers) else None


def _shows_month(month: date, day: date | None, offers: list[OfferedType]) -> bool:
    """Whether there is such a page: of a month within reach, with a day of it."""
    last = month + timedelta(days=length_of_month(month) - 1)
    reached = any(is_within_reach(at, offer.expert) for at in (month, last) for offer in offers)
    return reached and (day is None or day.replace(day=1) == month)


@require_http_methods(["GET", "HEAD", "POST"])
def hold_anyone(request, slug, type_slug):
    """Hold a time with whoever is free, and go on with the step that names who it is."""
    all_times = reverse("anyone", args=[slug, type_slug])
    if request.method != "POST":  # the address of an answer, opened once more: it holds nothing
        return see_other(all_times)
    kind = find_type(slug, type_slug)
    experts = find_experts(kind, request.GET.getlist("with")[:2]) if kind else None
    starts_at = _read_instant(request.GET.get("at", ""))
    if kind is None or experts is None or starts_at is None:
        return not_found(request, _("There is nothing to book here."), reverse("discover"), _("See all experts"))
    ensure_visitor(request)
    address = client_address(request)
    try:
        check_hold_limits(visitor=request.visitor, address=address)
        hold = services.hold_anyone(
            session_type=kind.pk,
            starts_at=starts_at,
            visitor=request.visitor,
            experts=[expert.pk for expert in experts],
            client_address=address,
        )
    except NotFound:
        return not_found(
            request, _("There is no such time."), reverse("anyone", args=[slug, type_slug]), _("See all times")
        )
    except Refused as error:
        return _refuse(request, kind, error)
    second = f"~{hold.second_expert.slug}" if hold.second_expert is not None else ""
    return see_other(book_url(hold.slot, query={"type": kind.slug + second}))


def _refuse(request, kind: SessionType, error: Refused):
    if not is_partial(request):
        return _show(request, kind.organization.slug, kind.slug, "bookings/anyone.html", None, problem=error)
    offers = list(offers_of(kind))
    calendar = CalendarOfAny(kind, offers, None, request.zone, chosen=[])
    with timezone.override(calendar.zone):
        context = {"type": kind, "calendar": calendar, "problem": error, "organization": kind.organization}
        return render(request, "bookings/_anyone_taken.html", context, status=error.status)


def _read_instant(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None and 2000 <= at.year <= 2199 else None
