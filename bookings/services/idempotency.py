"""The answer that belongs to an idempotency key: given once, and the same again to a retry."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from bookings.errors import IdempotencyMismatch, SlotTaken
from bookings.models import Booking, Idempotency
from bookings.selectors.facts import new_booking_facts
from experts.models import Slot


def sha256(*parts: object) -> str:
    """The hash, in hex, of anything that JSON can say."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True)
class Booked:
    """What a request to book was answered.

    ``booking`` is the row as it is now. ``facts`` is what programs are told (``booking_facts``): to a retry what the
    first request was told, whatever became of the booking since.
    """

    booking: Booking
    facts: dict[str, Any]


class Answer:
    """The answer that belongs to one idempotency key. Without a key, nothing is looked up or kept."""

    def __init__(self, scope: str, key: str, request_hash: str) -> None:
        self.scope, self.key, self.request_hash = scope, key, request_hash
        self.booked: Booked | None = None  # what was answered, now or before
        self._refusal = ""

    @classmethod
    def for_request(cls, booking: Booking, key: str, scope: str) -> "Answer":
        email = booking.email.casefold()
        return cls(
            sha256("caller", scope) if scope else sha256("slot", booking.slot_id, email),
            key,
            # The browser is part of the request: the answer shows a booking, and to nobody else.
            sha256(booking.slot_id, booking.name, email, booking.phone, booking.notes, booking.seats, booking.holder),
        )

    def was_given(self) -> bool:
        """Whether this key was answered before. Raises IdempotencyMismatch if that was another request."""
        if not self.key:
            return False
        given = (
            Idempotency.objects.select_related("booking__slot__expert__organization")
            .filter(scope=self.scope, key=self.key)
            .first()
        )
        if given is None:
            return False
        if given.request_hash != self.request_hash:
            raise IdempotencyMismatch
        self.booked = Booked(given.booking, given.body or {}) if given.booking else None
        self._refusal = given.refusal
        return True

    def refusal(self, slot: Slot) -> SlotTaken | None:
        """The refusal that was given, as an error again; None when a booking was given."""
        return None if self.booked else SlotTaken(slot, self._refusal)

    def record_booking(self, booking: Booking) -> None:
        """Keep the answer to a booking that was just made. Violates a constraint if the key was answered meanwhile."""
        self.booked = Booked(booking, new_booking_facts(booking))
        if self.key:
            Idempotency.objects.create(**self._row, booking=booking, body=self.booked.facts)

    def record_refusal(self, reason: str) -> bool:
        """Keep a refusal. False when somebody else with the same key was first; the answer is theirs then."""
        return not self.key or Idempotency.objects.insert_if_new(**self._row, refusal=reason)

    @property
    def _row(self) -> dict[str, str]:
        return {"scope": self.scope, "key": self.key, "request_hash": self.request_hash}
