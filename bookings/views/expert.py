"""The expert page: choose a time."""

from datetime import date, timedelta

from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from bookings.calendar import Calendar, shown_zone
from bookings.policy import policy_text
from bookings.views.answers import is_partial, not_found
from experts.models import Expert, Slot

# Days outside of this are nobody's calendar, and would only make dates overflow.
_DAYS_BACK, _DAYS_BEYOND_HORIZON = 366, 366


@require_safe
def expert(request, slug):
    found = Expert.objects.active().select_related("organization", "category").filter(slug=slug).first()
    if found is None:
        return not_found(request, _("We don't know this expert."), reverse("discover"), _("See all experts"))
    day = _day(request.GET.get("day"), found)
    if day is None:
        return not_found(request, _("There is no such day."), reverse("expert", args=[slug]), _("See open times"))
    zone, zone_choice = shown_zone(request, found)
    calendar = Calendar(found, day, zone, visitor=request.visitor, zone_choice=zone_choice)
    switchable = request.zone is not None and request.zone != found.zone
    context = {
        "accent": found.organization.accent,
        "expert": found,
        "calendar": calendar,
        "day": day,
        "day_url": calendar.url(),
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
    "zone_note",
)


def _day(text: str | None, expert: Expert) -> date | None:
    """The day that was asked for; without one, that of the next bookable slot, else today. None if there is no such."""
    today = expert.today()
    if not text:
        slot = Slot.objects.bookable().filter(expert=expert).order_by("starts_at").first()
        return slot.date if slot else today
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    last = expert.last_bookable_day() + timedelta(days=_DAYS_BEYOND_HORIZON)
    return day if today - timedelta(days=_DAYS_BACK) <= day <= last else None
