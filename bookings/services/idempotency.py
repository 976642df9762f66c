"""The answer that belongs to an idempotency key: given once, and the same again to a retry."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from bookings.errors import IdempotencyMismatch, SlotTaken
from bookings.models import Booking, Idempotency
from bookings.models.hashed_secret import hash_of
from experts.models import Slot
from experts.prepared import PreparedQuery


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


GUESSABLE = 16  # characters; keys that are shorter


class KeyedAnswer:
    """The answer that belongs to one idempotency key. Without a key, nothing is looked up or kept."""

    def __init__(self, scope: str, key: str, request_hash: str) -> None:
        self.scope, self.key, self.request_hash = scope, key, request_hash

    @classmethod
    def for_request(
        cls,
        booking: Booking,
        key: str,
        scope: str,
        address: str = "",
        answers: Mapping[str, Any] | None = None,
        *,
        wanted: str = "",
    ) -> "KeyedAnswer":
        """The answer to a request that wants this booking. ``address``: where the client is, if that is known.

        ``answers``: what it answers to the organisation's questions. ``wanted``: what stands for the slot where none is
        named.

        A short key could be guessed, with somebody's name and address, for the sake of the answer: then the same
        request from elsewhere is another one.
        """
        if not key:
            return cls("", "", "")
        email = booking.email.casefold()
        slot = wanted or booking.slot_id
        besides: list[object] = [address] if address and len(key) < GUESSABLE else []
        if answers:
            besides.append(dict(sorted(answers.items())))
        return cls(
            sha256("caller", scope) if scope else sha256("slot", slot, email),
            hash_of(key),  # a program may use anything, its customer's address too
            # The browser is part of the request: the answer shows a booking, and to nobody else.
            sha256(
                *(slot, booking.name, email, booking.phone, booking.notes, booking.seats, booking.holder),
                *([booking.session_type_id] if booking.session_type_id else []),
                *([booking.second_expert_id] if booking.second_expert_id else []),
                *besides,
            ),
        )

    @property
    def name(self) -> tuple[str, str] | None:
        """What is unique: scope and key."""
        return (self.scope, self.key) if self.key else None

    def row(self, **answer: Any) -> Idempotency:
        """The row, not saved, that keeps an answer."""
        return Idempotency(scope=self.scope, key=self.key, request_hash=self.request_hash, **answer)

    def repeat(self, given: Idempotency, slot: Slot) -> Booked:
        """What was answered before, again: returns or raises it. Raises IdempotencyMismatch to another request."""
        if given.request_hash != self.request_hash:
            raise IdempotencyMismatch
        if given.booking is None:
            raise SlotTaken(slot, given.refusal)
        return Booked(given.booking, given.body or {})


def find_given(answers: Iterable[KeyedAnswer]) -> dict[tuple[str, str], Idempotency]:
    """Read what these keys were answered before: by their names. One query where none was; none for none."""
    names = [answer.name for answer in answers if answer.name]
    if not names:
        return {}
    scopes, keys = zip(*names, strict=True)
    given = {(row.scope, row.key): row for row in _given(list(scopes), list(keys))}
    if given:
        bookings = Booking.objects.with_slot().in_bulk([row.booking_id for row in given.values() if row.booking_id])
        for row in given.values():
            row.booking = bookings.get(row.booking_id)
    return given


@PreparedQuery
def _given(scopes: list[str], keys: list[str]) -> QuerySet[Idempotency]:
    """With these scopes and keys, in any pairs."""
    return Idempotency.objects.filter(scope__any_of=scopes, key__any_of=keys)


def keep_bookings(booked: Iterable[tuple[KeyedAnswer, Booked]]) -> None:
    """Keep the answers to bookings just made. Violates a constraint if a key was answered meanwhile."""
    rows = [answer.row(booking=it.booking, body=it.facts) for answer, it in booked if answer.name]
    if rows:
        Idempotency.objects.bulk_create(rows)


def keep_refusals(refused: Iterable[tuple[KeyedAnswer, str]]) -> list[bool]:
    """Keep the answers to requests that were refused, with their reasons; which of them are new.

    Not new: somebody else with the same key was first, and the answer is theirs then.
    """
    refused = list(refused)
    rows = [answer.row(refusal=reason) for answer, reason in refused if answer.name]
    kept = Idempotency.objects.insert_new_refusals(rows) if rows else set()
    are_new = []
    for answer, _reason in refused:
        are_new.append(answer.name is None or answer.name in kept)
        kept.discard(answer.name)  # another one with this key comes too late
    return are_new
