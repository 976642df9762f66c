"""The answer that belongs to an idempotency key: given once, and the same again to a retry."""

import hashlib
import json
from collections.abc import Callable

from bookings.errors import IdempotencyMismatch, SlotTaken
from bookings.models import Booking, Idempotency
from experts.models import Slot


def sha256(*parts) -> str:
    """The hash, in hex, of anything that JSON can say."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class Answer:
    """The answer that belongs to one idempotency key. Without a key, nothing is looked up or kept."""

    def __init__(self, scope: str, key: str, request_hash: str, describe: Callable[[Booking], dict] | None = None):
        self.scope, self.key, self.request_hash, self._describe = scope, key, request_hash, describe
        self.replayed: Booking | None = None
        self._refusal = ""

    @classmethod
    def for_request(cls, booking: Booking, key: str, scope: str, describe=None) -> "Answer":
        email = booking.email.casefold()
        return cls(
            sha256("caller", scope) if scope else sha256("slot", booking.slot_id, email),
            key,
            # The browser is part of the request: the answer shows a booking, and to nobody else.
            sha256(booking.slot_id, booking.name, email, booking.phone, booking.notes, booking.seats, booking.holder),
            describe,
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
        self.replayed, self._refusal = given.booking, given.refusal
        if self.replayed:
            self.replayed.answer = given.body
        return True

    def refusal(self, slot: Slot) -> SlotTaken | None:
        """The refusal that was given, as an error again; None when a booking was given."""
        return None if self.replayed else SlotTaken(slot, self._refusal)

    def record(self, *, booking: Booking | None = None, refusal: str = "") -> bool:
        """Keep the answer. False when somebody else with the same key was first; the answer is theirs then."""
        if booking is not None and self._describe:
            booking.answer = self._describe(booking)
        if not self.key:
            return True
        row = {"scope": self.scope, "key": self.key, "request_hash": self.request_hash}
        if booking is not None:
            Idempotency.objects.create(**row, booking=booking, body=getattr(booking, "answer", None))
            return True
        return Idempotency.objects.insert_if_new(**row, refusal=refusal)
