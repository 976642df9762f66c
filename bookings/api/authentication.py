"""Who a program is: the token of one booking, and the tokens of staff's programs (bookings/models/api_token.py).

Whoever booked through the API opens and cancels that booking with its token.

It is a signature of the reference, so nothing is stored, a retry gets the same one, and it is checked before the
database is asked. It is not the token of the booking's e-mails (bookings/access/links.py): that one is bound to the
address it was sent to, this one belongs to the program that booked, as a cookie belongs to the browser that booked.
"""

import pghistory
from django.core import signing
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja.security import HttpBearer

from bookings.access.links import booking_link_ends
from bookings.errors import Forbidden, NotFound
from bookings.models import ApiToken, Booking
from bookings.references import read_reference

PREFIX = "ebb_"


def token_of(booking: Booking) -> str:
    return f"{PREFIX}{_signer().signature(booking.reference)}"


def _fits(token: str, reference: str) -> bool:
    """Also one that was signed with a key among SECRET_KEY_FALLBACKS."""
    try:
        return token.startswith(PREFIX) and bool(_signer().unsign(f"{reference}:{token.removeprefix(PREFIX)}"))
    except signing.BadSignature:
        return False


def _signer() -> signing.Signer:
    return signing.Signer(salt="bookings.api")


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
        if not reference or not _fits(token, reference):
            return None
        booking = Booking.objects.shown_or_awaiting().with_slot().filter(reference=reference).first()
        # Until when, is the same as for the links in its e-mails.
        return booking if booking and booking_link_ends(booking) > timezone.now() else None


class StaffToken(HttpBearer):
    """``request.auth`` is the ApiToken; what belongs to another organisation is then not there at all.

    No token or one that does not count is 401. A read token may only GET, and what ``reads`` although it is a POST.
    """

    def __init__(self, *, reads: bool = False):
        super().__init__()
        self._reads = reads

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken | None:
        found = ApiToken.objects.of_secret(token)
        if found is None:
            return None
        if not (found.may_write or self._reads or request.method == "GET"):
            raise Forbidden
        found.note_use()
        pghistory.context(token=found.name)
        return found
