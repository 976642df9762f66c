"""The token of one booking: whoever booked through the API opens and cancels it with this.

It is a signature of the reference, so nothing is stored, a retry gets the same one, and it is checked before the
database is asked. It is not the token of the booking's e-mails (bookings/links.py): that one is bound to the address it
was sent to, this one belongs to the program that booked, as a cookie belongs to the browser that booked.
"""

from django.core import signing
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from ninja.security import HttpBearer

from bookings.errors import NotFound
from bookings.links import booking_link_ends
from bookings.models import Booking
from bookings.models.booking import read_reference

PREFIX = "ebb_"


def token_of(booking: Booking) -> str:
    return f"{PREFIX}{signing.Signer(salt='bookings.api').signature(booking.reference)}"


class BookingToken(HttpBearer):
    """``request.auth`` is the booking whose reference is in the address, if this is its token. Else NotFound.

    A booking that there is not and a token that does not fit look the same, and cost the same.
    """

    def __call__(self, request: HttpRequest) -> Booking:
        booking = super().__call__(request)
        if booking is None:
            raise NotFound(_("There is no such booking, or this is not its token."))
        return booking

    def authenticate(self, request: HttpRequest, token: str) -> Booking | None:
        reference = read_reference(request.resolver_match.kwargs["reference"])
        if not reference or not constant_time_compare(token, token_of(Booking(reference=reference))):
            return None
        booking = Booking.objects.shown().with_slot().filter(reference=reference).first()
        # Until when, is the same as for the links in its e-mails.
        return booking if booking and booking_link_ends(booking) > timezone.now() else None
