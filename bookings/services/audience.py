"""Who may book a type: people who have been before are known by what they have proven, never by what they type.

Else whoever types an address would learn from the answer whether its reader has been here. So everybody else is mailed
a link, and hears what holds when it was opened.
"""

from bookings.access.proven import vouches
from bookings.errors import NotReturning
from bookings.models import Booking, Source, Status
from experts.models import Audience, Session, Slot


def must_prove_return(wanted: Booking, slot: Slot) -> bool:
    """Whether somebody who wants to book has to open a link first, as the type is for people who have been before.

    ``wanted`` is not saved. Not of staff, nor where the browser has shown already who it is. Without a query for slots,
    and types that are for everybody.
    """
    if wanted.source == Source.STAFF or not _is_for_returning(slot):
        return False
    email = wanted.email if vouches(visitor=wanted.holder, email=wanted.email) else ""
    return not _has_been_before(slot, visitor=wanted.holder, email=email)


def check_return(booking: Booking, slot: Slot) -> None:
    """Raise NotReturning where the reader of the booking's address, who has just opened its link, has not been before.

    ``slot``: what the booking takes.
    """
    if _is_for_returning(slot) and not _has_been_before(slot, visitor=booking.holder, email=booking.email):
        raise NotReturning(slot)


def _is_for_returning(slot: Slot) -> bool:
    return isinstance(slot, Session) and slot.session_type.audience == Audience.RETURNING


def _has_been_before(slot: Slot, *, visitor: str, email: str) -> bool:
    """Whether a session with the slot's organisation took place, of this browser or of an address that is proven."""
    organization = slot.expert.organization_id
    been = Booking.objects.filter(status=Status.COMPLETED, slot__expert__organization=organization)
    return been.proven_to(visitor).exists() or been.of_address(email).exists()
