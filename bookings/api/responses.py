"""How the API says what a service did: booked, or taken."""

from copy import copy

from django.utils import timezone

from bookings.api.schemas import BookedOut, BookingFacts, Taken
from bookings.api.tokens import token_of
from bookings.errors import SlotTaken
from bookings.models import Booking
from experts.api.schemas import SlotOut
from experts.models import Slot


def booked_facts(booking: Booking) -> dict:
    """What is answered to a new booking, and kept for a retry: nothing personal, and not the token.

    Called under the slot's lock, with the slot as it was read before the booking.
    """
    after = copy(booking)
    after.slot = copy(booking.slot)
    after.slot.seats_booked += booking.seats
    facts = BookingFacts.facts(after, booking.slot.read_at)
    return facts | {"slot": facts["slot"].model_dump()}


def booked(booking: Booking) -> BookedOut:
    """The answer to a booking; to a retry word for word the first one, whatever became of the booking since."""
    return BookedOut.model_validate(booking.answer | {"token": token_of(booking)})


def taken(error: SlotTaken) -> Taken:
    """The refusal; to a retry the first one, with alternatives as they are now: old ones may be gone."""
    now = timezone.now()
    alternatives = [SlotOut.of(slot, now) for slot in Slot.objects.nearest_to(error.slot)]
    return Taken(code=error.code, detail=str(error), reason=error.reason, alternatives=alternatives)
