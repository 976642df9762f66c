"""Who gets an e-mail about a booking."""

from bookings.kinds import FOR_STAFF, MailKind
from bookings.models import Booking
from experts.models import Expert, Organization, Role


def recipients(booking: Booking, kind: MailKind) -> list[str]:
    """The addresses, each of which gets a mail of its own. Needs ``with_slot()``."""
    if kind in FOR_STAFF:
        return staff_recipients(booking.slot.expert)
    return [booking.email] if booking.email else []


def staff_recipients(expert: Expert) -> list[str]:
    """Who on staff hears of an expert's requests. Needs the organisation."""
    return _contact(expert.organization)


def owner_recipients(organization: Organization) -> list[str]:
    """Who hears of what only owners can mend: they, or whoever the organisation names, if none has an address."""
    owners = organization.memberships.in_force().filter(role=Role.OWNER).exclude(user__email="")
    addresses = list(owners.order_by("user__email").values_list("user__email", flat=True).distinct())
    return addresses or _contact(organization)


def _contact(organization: Organization) -> list[str]:
    return [organization.contact_email] if organization.contact_email else []
