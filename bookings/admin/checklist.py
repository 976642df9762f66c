"""What somebody who has just signed up still has to do, told on the page of the day."""

from django.urls import reverse
from django.utils.translation import gettext as _

from bookings.models import Booking, Status
from experts.admin.scoping import reach
from experts.models import OfferedType, Organization, Role, Slot

RUNNING_FROM = 5  # sessions that took place: more than somebody tries out


def checklist(request) -> dict | None:
    """What the owner of a new organisation still has to do, from what there is.

    None when all is done, and once the organisation is running: when some sessions have taken place.
    """
    owned = reach(request).organizations.get(Role.OWNER, ())
    for organization in Organization.objects.filter(pk__in=owned).order_by("pk")[:1]:
        slots = Slot.objects.filter(expert__organization=organization)
        # In an order that an index of the organisation's bookings has: else all bookings are read up to some of its.
        bookings = Booking.objects.filter(of_organization=organization).order_by("pk")
        took_place = bookings.filter(status=Status.COMPLETED)
        sessions = len(took_place.values_list("pk")[:RUNNING_FROM])
        if sessions == RUNNING_FROM:
            return None
        change = reverse("admin:experts_organization_change", args=[organization.pk])
        steps = [
            (_("Add your first expert"), organization.experts.exists(), reverse("admin:experts_expert_add")),
            (_("Set their weekly hours"), slots.exists(), _hours_url(organization)),
            (_("Choose your look and rules"), organization.events.filter(pgh_label="update").exists(), change),
            (
                _("Make a test booking"),
                bookings.exists(),
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
                "done": sum(done for _label, done, _url in steps),
                "is_new": not sessions,
                "steps": [{"label": label, "done": done, "url": url} for label, done, url in steps],
            }
    return None


def _hours_url(organization: Organization) -> str:
    """Weekly hours are on the expert's page; of somebody who has none yet, if there is anybody."""
    expert = organization.experts.filter(hours=None).order_by("pk").first() or organization.experts.first()
    if expert is None:
        return reverse("admin:experts_expert_add")
    return reverse("admin:experts_expert_change", args=[expert.pk]) + "#hours-group"
