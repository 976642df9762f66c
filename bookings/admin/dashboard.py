"""The first page of the admin: today in a few numbers, what comes next, and what waits for somebody.

Each query is bounded: by a day, a week or a partial index, whatever the number of slots and bookings.
"""

from datetime import datetime, timedelta

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, Sum
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bookings.admin.staff_live import staff_live
from bookings.models import Booking, Status, TurnedAway
from experts import formatting
from experts.admin.scoping import only_organization, reach
from experts.models import OfferedType, Organization, Role, Slot
from experts.services import LONGEST_MINUTES

SESSIONS, REQUESTS, EXPERTS = 10, 5, 5
AHEAD = timedelta(days=7)
BACK = timedelta(days=7)
MOST_COUNTED = 500  # what is only shown is counted so far
_TODAY = (Status.PENDING, Status.CONFIRMED, Status.COMPLETED, Status.NO_SHOW)


def dashboard(request, context):
    """Fill ``context`` for templates/admin/index.html with what this person may see."""
    now = timezone.now()
    if organization := _only_organization(request):
        context["staff_live"] = staff_live(organization)
    slots, bookings, refused = (_visible(request, model) for model in (Slot, Booking, TurnedAway))
    zone = timezone.get_current_timezone()
    cards = []
    if bookings is not None:
        cards += [_booked_today(bookings, now), _waiting(bookings, now)]
        context["requests"] = _requests(bookings, now)
    if refused is not None:
        recent = refused.filter(created_at__gt=now - BACK)
        cards.append(
            {
                "label": _("Turned away, 7 days"),
                "number": recent.aggregate(people=Coalesce(Sum("people"), 0))["people"],
                "note": _("Somebody opened or wanted a full slot"),
                "url": reverse("admin:bookings_turnedaway_changelist"),
            }
        )
        context["demand"] = _demand(recent)
    if slots is not None:
        context["sessions"] = _sessions(slots, now)
    context["cards"] = cards
    context["checklist"] = checklist(request)
    context["may_book"], context["may_add_slot"] = _may_add(request, Booking), _may_add(request, Slot)
    context["title"] = formatting.full_day(timezone.localdate(), timezone.localdate())
    context["zone_line"] = _("%(zone)s, %(time)s") % {
        "zone": "UTC" if zone.key == "UTC" else formatting.zone_label(zone, now),
        "time": formatting.clock(now, zone),
    }
    return context


def _only_organization(request) -> Organization | None:
    """The one in which they work; None for those who see several at once."""
    return Organization.objects.filter(pk=only_organization(request).get("organization")).first()


def checklist(request) -> dict | None:
    """What the owner of a new organisation still has to do, from what there is; None when all is done."""
    owned = reach(request).organizations.get(Role.OWNER, ())
    for organization in Organization.objects.filter(pk__in=owned).order_by("pk")[:1]:
        slots = Slot.objects.filter(expert__organization=organization)
        change = reverse("admin:experts_organization_change", args=[organization.pk])
        steps = [
            (_("Add your first expert"), organization.experts.exists(), reverse("admin:experts_expert_add")),
            (_("Set their weekly hours"), slots.exists(), _hours_url(organization)),
            (_("Choose your look and rules"), organization.events.filter(pgh_label="update").exists(), change),
            (
                _("Make a test booking"),
                Booking.objects.filter(slot__in=slots).exists(),
                reverse("organization", args=[organization.slug]),
            ),
        ]
        if organization.session_types.exists():
            offered = OfferedType.objects.filter(session_type__organization=organization).exists()
            url = reverse("admin:experts_sessiontype_changelist")
            steps.insert(1, (_("Say who offers which session type"), offered, url))
        if not all(done for _label, done, _url in steps):
            return {
                "name": organization.name,
                "steps": [{"label": label, "done": done, "url": url} for label, done, url in steps],
            }
    return None


def _hours_url(organization: Organization) -> str:
    """Weekly hours are on the expert's page; of somebody who has none yet, if there is anybody."""
    expert = organization.experts.filter(hours=None).order_by("pk").first() or organization.experts.first()
    if expert is None:
        return reverse("admin:experts_expert_add")
    return reverse("admin:experts_expert_change", args=[expert.pk]) + "#hours-group"


def _may_add(request, model) -> bool:
    return admin.site.get_model_admin(model).has_add_permission(request)


def _visible(request, model):
    """What this person may see of a model, by its own page in the admin; None when nothing."""
    page = admin.site.get_model_admin(model)
    return page.get_queryset(request) if page.has_view_permission(request) else None


def _booked_today(bookings, now: datetime) -> dict:
    start = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    day = start.date()
    today = bookings.filter(
        slot__starts_at__gte=start, slot__starts_at__lt=start + timedelta(days=1), status__in=_TODAY
    )
    return {
        "label": _("Booked today"),
        "number": _at_most(today.order_by()[: MOST_COUNTED + 1].count()),
        "note": _("Sessions that start today"),
        "url": f"{reverse('admin:bookings_booking_changelist')}?slot__date_from={day}&slot__date_to={day}",
    }


def _waiting(bookings, now: datetime) -> dict:
    pending = bookings.filter(status=Status.PENDING).order_by("expires_at").values_list("expires_at", flat=True)
    found = list(pending[: MOST_COUNTED + 1])
    note = _("Nobody waits")
    if found:
        left = found[0] - now
        note = (
            _("The first runs out in %(span)s") % {"span": formatting.duration(left)}
            if left > timedelta(0)
            else _("Some have run out")
        )
    return {
        "label": _("Waiting for approval"),
        "number": _at_most(len(found)),
        "note": note,
        "url": f"{reverse('admin:bookings_booking_changelist')}?status__exact=PENDING",
    }


def _at_most(number: int) -> int | str:
    return f"{MOST_COUNTED}+" if number > MOST_COUNTED else number


def _requests(bookings, now: datetime) -> list[dict]:
    """Those whose time runs out first."""
    rows = bookings.filter(status=Status.PENDING).order_by("expires_at")[:REQUESTS]
    return [
        {
            "name": row.name,
            "when": formatting.soon(row.slot.starts_at, row.slot.expert.zone, now),
            "city": row.slot.expert.zone_city,
            "expert": row.with_whom,
            "what": row.title_and_length if row.terms else "",
            "left": formatting.duration(max(row.expires_at - now, timedelta(0))),
            "url": reverse("admin:bookings_booking_change", args=[row.pk]),
        }
        for row in rows
    ]


def _sessions(slots, now: datetime) -> list[dict]:
    """Booked sessions, those going on first. One that takes several slots is there once, by that in which it starts."""
    going_on = now - timedelta(minutes=LONGEST_MINUTES)
    starting = Booking.objects.order_by().filter(slot=OuterRef("pk"), status__in=_TODAY)
    booked = slots.filter(starts_at__gt=going_on, starts_at__lt=now + AHEAD, seats_booked__gt=0)
    is_ahead = Q(ends_at__gt=now) | Exists(starting.filter(session_ends_at__gt=now))
    rows = list(booked.filter(is_ahead, Exists(starting)).order_by("starts_at")[:SESSIONS])
    of_types = Booking.objects.filter(slot__in=rows, status__in=_TODAY, session_type__isnull=False)
    names = {booking.slot_id: booking.title_and_length for booking in of_types.with_slot()}
    return [
        {
            "when": formatting.soon(slot.starts_at, slot.expert.zone, now),
            "city": slot.expert.zone_city,
            "expert": slot.expert.name,
            "text": names.get(slot.pk) or _slot_name(slot),
            "taken": _("%(taken)d of %(capacity)d") % {"taken": slot.seats_booked, "capacity": slot.capacity},
            "is_on": slot.starts_at <= now,
            "url": reverse("admin:experts_slot_change", args=[slot.pk]),
        }
        for slot in rows
    ]


def _slot_name(slot) -> str:
    if slot.title:
        return _("%(title)s, %(minutes)d min") % {"title": slot.title, "minutes": slot.minutes}
    return _("%(minutes)d min") % {"minutes": slot.minutes}


def _demand(recent) -> list[dict]:
    """The experts whose slots were missed most."""
    rows = (
        recent.order_by()
        .values("slot__expert_id", "slot__expert__name")
        .annotate(number=Sum("people"))
        .order_by("-number", "slot__expert__name")[:EXPERTS]
    )
    return [
        {
            "expert": row["slot__expert__name"],
            "text": ngettext("%(count)d time", "%(count)d times", row["number"]) % {"count": row["number"]},
            "url": f"{reverse('admin:experts_slot_add')}?expert={row['slot__expert_id']}",
        }
        for row in rows
    ]
