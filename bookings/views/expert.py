"""The expert page: choose a time."""

from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from bookings.calendar import Calendar, parse_day, shown_zone
from bookings.policy import policy_text
from bookings.views.answers import is_partial, not_found
from bookings.visitor import ensure_visitor
from experts.models import Expert


@require_safe
def expert(request, slug):
    found = Expert.objects.active().select_related("organization", "category").filter(slug=slug).first()
    if found is None:
        return not_found(request, _("We don't know this expert."), reverse("discover"), _("See all experts"))
    day = parse_day(request.GET.get("day"), found)
    if day is None:
        return not_found(request, _("There is no such day."), reverse("expert", args=[slug]), _("See open times"))
    zone, zone_choice = shown_zone(request, found)
    # The page's socket is this browser's from the start, so that it hears of a booking that another tab makes.
    known_visitor = request.visitor
    ensure_visitor(request)
    calendar = Calendar(found, day, zone, visitor=known_visitor, zone_choice=zone_choice)
    switchable = request.zone is not None and request.zone != found.zone
    context = {
        "accent": found.organization.accent,
        "expert": found,
        "calendar": calendar,
        "day": day,
        "day_url": calendar.url(),
        "socket_url": f"/ws/experts/{found.slug}/?day={day.isoformat()}",
        "zone": zone,
        "zone_choice": zone_choice,
        "expert_zone": found.zone,
        "visitor_zone": request.zone if switchable else None,
        "mine_url": calendar.url(zone_choice="mine"),
        "expert_url": calendar.url(zone_choice="expert"),
        "policy_text": policy_text(found),
        **{name: getattr(calendar, name) for name in _CALENDAR},
    }
    with timezone.override(zone):
        return render(request, "bookings/_day.html" if is_partial(request) else "bookings/expert.html", context)


_CALENDAR = (
    "week",
    "week_label",
    "previous_week_url",
    "next_week_url",
    "next_free_url",
    "parts",
    "open_count",
    "hold_bar",
    "grid_key",
    "zone_note",
)
