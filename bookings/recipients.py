"""Who gets an e-mail about a booking."""

from bookings.kinds import FOR_STAFF, MailKind
from bookings.models import Booking
from experts.models import Expert


def recipients(booking: Booking, kind: MailKind) -> list[str]:
    """The addresses, each of which gets a mail of its own. Needs ``with_slot()``."""
    if kind in FOR_STAFF:
        return staff_recipients(booking.slot.expert)
    return [booking.email] if booking.email else []


def staff_recipients(expert: Expert) -> list[str]:
    """Who on staff hears of an expert's requests. Needs the organisation."""
    address = expert.organization.contact_email
    return [address] if address else []
