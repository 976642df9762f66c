"""Who gets an e-mail about a booking."""

from bookings.mail.rules import FOR_STAFF, MailKind
from bookings.models import Booking
from experts.models import Expert, Membership, Organization, Role


def recipients(booking: Booking, kind: MailKind) -> list[str]:
    """The addresses, each of which gets a mail of its own. Needs ``with_slot()``."""
    if kind in FOR_STAFF:
        return staff_recipients(booking.slot.expert)
    return [booking.email] if booking.email else []


def staff_recipients(expert: Expert) -> list[str]:
    """Who on staff hears of an expert's requests: those who answer them, or else the organisation's own address.

    Needs the organisation.
    """
    members = Membership.objects.in_force().who_answer_for(expert).order_by("pk")
    return _addresses(members, expert.organization)


def owner_recipients(organization: Organization) -> list[str]:
    """Who hears of what only owners can mend: they, or else the organisation's own address."""
    owners = Membership.objects.in_force().filter(organization=organization, role=Role.OWNER).order_by("pk")
    return _addresses(owners, organization)


def _addresses(members, organization: Organization) -> list[str]:
    found = {address.lower(): address for address in members.values_list("user__email", flat=True) if address}
    contact = organization.contact_email
    return list(found.values()) or ([contact] if contact else [])
