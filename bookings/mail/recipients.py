"""Choose who gets an e-mail."""

from django.db.models import QuerySet

from bookings.mail.rules import FOR_STAFF, MailKind
from bookings.models import Booking
from experts.models import Expert, Membership, Organization, Role


def recipients(booking: Booking, kind: MailKind) -> list[str]:
    """Return the addresses for a mail about a booking. Each gets its own mail. Needs ``with_slot()``."""
    if kind in FOR_STAFF:
        return staff_recipients(booking.slot.expert)
    return [booking.email] if booking.email else []


def staff_recipients(expert: Expert) -> list[str]:
    """Return the addresses of the staff who answer an expert's requests; without any, that of the organisation.

    Needs the organisation.
    """
    members = Membership.objects.in_force().who_answer_for(expert).order_by("pk")
    return _addresses(members, expert.organization)


def owner_recipients(organization: Organization) -> list[str]:
    """Return the addresses of the owners, for what only they can mend; without any, that of the organisation."""
    owners = Membership.objects.in_force().filter(organization=organization, role=Role.OWNER).order_by("pk")
    return _addresses(owners, organization)


def _addresses(members: QuerySet[Membership], organization: Organization) -> list[str]:
    contact = organization.contact_email
    return list(members.values_list("user__email", flat=True)) or ([contact] if contact else [])
