from bookings.models.api_token import ApiToken
from bookings.models.booking import Booking, Source
from bookings.models.idempotency import Idempotency
from bookings.models.lookup import LookupLink, LookupRequest
from bookings.models.proof import Proof
from bookings.models.turned_away import TurnedAway
from bookings.transitions import Status

__all__ = [
    "ApiToken",
    "Booking",
    "Idempotency",
    "LookupLink",
    "LookupRequest",
    "Proof",
    "Source",
    "Status",
    "TurnedAway",
]
