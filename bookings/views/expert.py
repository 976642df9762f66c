"""Show an expert's calendar, on its own page or in a frame on another site."""

from datetime import date

from django.http import Http404
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from bookings.access.visitor import ensure_visitor
from bookings.addresses import day_socket_url
from bookings.policy import policy_text
from bookings.selectors.expert_calendar import Calendar
from bookings.selectors.week import parse_day
from bookings.views.responses import not_found
from bookings.views.zones import shown_zone
from experts.embedding import frame_query, let_frame
from experts.htmx import is_partial
from experts.models import Expert


@require_safe
def expert(request, slug):
    found = _find(slug)
    if found is None:
        return not_found(request, _("We don't know this expert."), reverse("discover"), _("See all experts"))
    day = parse_day(request.GET.get("day"), found)
    if day is None:
        return not_found(request, _("There is no such day."), reverse("expert", args=[slug]), _("See open times"))
    # The browser gets its identity now, so that the page's socket is told of a booking that another tab makes.
    known_visitor = request.visitor
    ensure_visitor(request)
    return _show(request, "bookings/expert.html", found, day, visitor=known_visitor)


@require_safe
def embed_expert(request, slug):
    """Show the calendar alone, for a frame on the organisation's site. Sets no cookie: frames do not send them."""
    found = _find(slug)
    day = found and parse_day(request.GET.get("day"), found)
    if not day:
        raise Http404
    query = frame_query(request)
    response = _show(request, "embed/expert.html", found, day, visitor=request.visitor, frame_query=query)
    return let_frame(response, found.organization.embed_origins)


def _find(slug: str) -> Expert | None:
    return Expert.objects.active().select_related("organization", "category").filter(slug=slug).first()


def _show(request, template: str, found: Expert, day: date, *, visitor: str, frame_query: dict | None = None):
    zone, zone_choice = shown_zone(request, found)
    calendar = Calendar(found, day, zone, visitor=visitor, zone_choice=zone_choice, frame_query=frame_query)
    switchable = request.zone is not None and request.zone != found.zone
    context = {
        "accent": found.organization.accent,
        "organization": found.organization,
        "embedded": frame_query is not None,
        "frame_query": frame_query or {},
        "expert": found,
        "day": day,
        "day_url": calendar.url(),
        "socket_url": day_socket_url(found, day),
        "zone": zone,
        "zone_choice": zone_choice,
        "expert_zone": found.zone,
        "visitor_zone": request.zone if switchable else None,
        "mine_url": calendar.url(zone_choice="mine"),
        "expert_url": calendar.url(zone_choice="expert"),
        "policy_text": policy_text(found),
        "strip": calendar.strip,
        "next_free_url": calendar.next_free_url,
        "parts": calendar.parts,
        "open_count": calendar.open_count,
        "hold_bar": calendar.hold_bar,
        "grid_key": calendar.grid_key,
        "zone_note": calendar.zone_note,
    }
    with timezone.override(zone):
        return render(request, "bookings/_day.html" if is_partial(request) else template, context)
