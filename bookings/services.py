"""Every write to a booking. HTML views, API, admin and jobs call these and nothing else."""

import hashlib
import json
import re
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.db.models import DateTimeField, Func
from django.utils.translation import gettext as _

from bookings import tasks
from bookings.errors import Busy, IdempotencyMismatch, InvalidDetails, NotFound, SlotTaken
from bookings.models import Booking, Idempotency, Source, Status, TurnedAway
from experts import live
from experts.locking import lock_slot, slot_transaction, violated_constraint
from experts.models import Slot
from experts.models.slot import BOOKABLE_STATES

_KEY = re.compile(r"[\x21-\x7e]{1,200}")


def book(
    *,
    slot_id: int,
    name: str,
    email: str,
    phone: str = "",
    notes: str = "",
    seats: int = 1,
    visitor: str = "",
    idempotency_key: str = "",
    idempotency_scope: str = "",
    language: str = "en",
    timezone: str = "",
    source: str = Source.WEB,
) -> Booking:
    """Book seats in a slot: CONFIRMED, or PENDING where the policy asks for approval. Locks the slot row.

    With an idempotency key, the same request gets the same answer again, refusals too, and never books twice; the
    scope is the caller's (a staff token), by default the slot and the e-mail. ``visitor`` is the browser's identity.

    Raises InvalidDetails, NotFound, IdempotencyMismatch, Busy (nothing written), or SlotTaken (no booking written).
    """
    booking = Booking(
        slot_id=slot_id,
        seats=seats,
        name=name.strip(),
        email=email.strip(),
        phone=phone.strip(),
        notes=notes.strip(),
        holder=visitor,
        language=language,
        timezone=timezone,
        source=source,
    )
    _check_details(booking)
    if idempotency_key and not _KEY.fullmatch(idempotency_key):
        raise InvalidDetails({"idempotency_key": [_("Use 1 to 200 printable ASCII characters without spaces.")]})
    answer = _Answer.for_request(booking, idempotency_key, idempotency_scope)
    try:
        with slot_transaction():
            refused = _book_under_lock(booking, answer)
    except IntegrityError as error:
        if violated_constraint(error) == "slot_never_overbooked":
            # Cannot happen under the lock; the database has the last word all the same.
            raise SlotTaken(_read_slot(slot_id), "full") from error
        # Two requests with one key met, or two bookings drew one reference: trying again settles both.
        raise Busy from error
    if refused is not None:
        raise refused
    return answer.replayed or booking


def _book_under_lock(booking: Booking, answer: "_Answer") -> SlotTaken | None:
    """The body of ``book``. Returns a refusal rather than raising it, so that what it wrote is committed."""
    # 1. Refuse what can already be seen to be impossible, before any lock: most of a thousand losers end here.
    slot = _read_slot(booking.slot_id)
    _check_party(slot, booking)
    reason = _refusal(slot, booking.seats, holds_may_lapse=True)
    if reason is None:
        # 2. Lock, then look again in a new statement: what was read before may be as old as the wait.
        lock_slot(slot.pk)
        if answer.was_given():
            return answer.refusal(slot)
        slot = _read_slot(slot.pk)
        # 3. Holds that ran out free their seats now, whether or not a worker is alive.
        if slot.next_hold_expiry is not None and slot.next_hold_expiry <= slot.read_at:
            slot.bookings.filter(status=Status.HELD, expires_at__lte=slot.read_at).update(status=Status.EXPIRED)
            live.slot_changed(slot)
            slot = _read_slot(slot.pk)
        # 4. The same rule as everywhere, now with nobody able to change the slot.
        reason = _refusal(slot, booking.seats)
    if reason is not None:
        # 5a. Keep the refusal: for staff as demand, for a retry as its answer.
        if not answer.record(refusal=reason):
            # Another request with this key was answered first, perhaps with the very booking that filled the slot.
            answer.was_given()
            return answer.refusal(slot)
        TurnedAway.objects.create(slot=slot, reason=reason, source=booking.source)
        return SlotTaken(slot, reason)
    # 5b. Book.
    booking.slot = slot
    if slot.expert.policy("requires_approval"):
        booking.status = Status.PENDING
        booking.expires_at = min(slot.read_at + timedelta(hours=slot.expert.policy("approval_hours")), slot.starts_at)
    else:
        booking.status = Status.CONFIRMED
    booking.save(force_insert=True)
    answer.record(booking=booking)
    # 6. What follows from the booking is queued with it, or not at all; pages hear of it when it is committed.
    tasks.send_booking_mail.defer(booking_id=booking.pk)
    _publish(booking)
    return None


def visitor_group(visitor: str) -> str:
    """The group of a browser's own pages. Hashed: the identity itself opens bookings."""
    return f"visitor.{_sha256('visitor', visitor)[:32]}"


def _publish(booking: Booking) -> None:
    """After commit, tell everybody's pages about the slot, and the booker's about the booking."""
    live.slot_changed(booking.slot)
    _publish_to_booker(booking)


def _publish_to_booker(booking: Booking) -> None:
    if booking.holder:
        group = visitor_group(booking.holder)
        live.publish_on_commit(group, {"type": "bookings.changed", "visitor": group})


def change_details(*, booking_id: int, name: str, email: str, phone: str, notes: str) -> Booking:
    """Correct who a booking is for. Slot, seats and status stay as they are. Locks the booking's row.

    A new address gets the booking's mail, as its links are bound to the address; the old one's open nothing any more.

    Raises InvalidDetails, NotFound, Busy.
    """
    with slot_transaction():
        booking = Booking.objects.select_for_update(no_key=True).filter(pk=booking_id).first()
        if booking is None:
            raise NotFound(_("There is no such booking."))
        old_email = booking.email
        booking.name, booking.email = name.strip(), email.strip()
        booking.phone, booking.notes = phone.strip(), notes.strip()
        _check_details(booking)
        booking.save(update_fields=["name", "email", "phone", "notes"])
        if booking.email and booking.email != old_email:
            tasks.send_booking_mail.defer(booking_id=booking.pk)
        _publish_to_booker(booking)
    return booking


def note_opened_full(*, slot_id: int, reason: str, source: str = Source.WEB) -> None:
    """Keep that somebody opened a slot that has no seat for them. Nothing to learn from a closed or past one."""
    if reason in (TurnedAway.Reason.FULL, TurnedAway.Reason.HELD):
        TurnedAway.objects.create(slot_id=slot_id, reason=reason, source=source)


def _check_details(booking: Booking) -> None:
    """Raise InvalidDetails unless the details are acceptable."""
    fields: dict[str, list[str]] = {}
    try:
        booking.clean_fields(exclude=["slot", "status", "reference", "expires_at"])
    except ValidationError as error:
        fields = error.message_dict
    if not booking.name:
        fields["name"] = [_("Enter your name.")]
    if not booking.email and booking.source != Source.STAFF:
        fields["email"] = [_("Enter your e-mail address.")]
    if fields:
        raise InvalidDetails(fields)


def _check_party(slot: Slot, booking: Booking) -> None:
    """Raise InvalidDetails when more seats are asked for than the policy gives to one booking. Staff may."""
    most = slot.expert.policy("max_party")
    if booking.seats > most and booking.source != Source.STAFF:
        raise InvalidDetails({"seats": [_("At most %(most)d seats in one booking.") % {"most": most}]})


def _read_slot(slot_id: int) -> Slot:
    """The slot with its expert, and ``read_at``: the database's clock at this very statement.

    Not ``now()``, which inside a transaction is as old as the wait for the lock.
    """
    clock = Func(function="clock_timestamp", output_field=DateTimeField())
    try:
        return Slot.objects.with_expert().annotate(read_at=clock).get(pk=slot_id)
    except Slot.DoesNotExist as error:
        raise NotFound from error


def _refusal(slot: Slot, seats: int, *, holds_may_lapse: bool = False) -> str | None:
    """Why ``seats`` of the slot could not be booked when it was read; None when they could.

    Before the lock it is not known how many seats the lapsed holds will free: parties get the benefit of the doubt.
    """
    now = slot.read_at
    state = slot.state_at(now)
    if state not in BOOKABLE_STATES:
        return state
    if seats > slot.seats_left_at(now):
        lapsing = holds_may_lapse and slot.next_hold_expiry is not None and slot.next_hold_expiry <= now
        return None if lapsing else TurnedAway.Reason.PARTY
    return None


def _sha256(*parts) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class _Answer:
    """The answer that belongs to one idempotency key. Without a key, nothing is looked up or kept."""

    def __init__(self, scope: str, key: str, request_hash: str):
        self.scope, self.key, self.request_hash = scope, key, request_hash
        self.replayed: Booking | None = None
        self._refusal = ""

    @classmethod
    def for_request(cls, booking: Booking, key: str, scope: str) -> "_Answer":
        email = booking.email.casefold()
        return cls(
            _sha256("caller", scope) if scope else _sha256("slot", booking.slot_id, email),
            key,
            _sha256(booking.slot_id, booking.name, email, booking.phone, booking.notes, booking.seats),
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
        return True

    def refusal(self, slot: Slot) -> SlotTaken | None:
        """The refusal that was given, as an error again; None when a booking was given."""
        return None if self.replayed else SlotTaken(slot, self._refusal)

    def record(self, *, booking: Booking | None = None, refusal: str = "") -> bool:
        """Keep the answer. False when somebody else with the same key was first; the answer is theirs then."""
        if not self.key:
            return True
        row = {"scope": self.scope, "key": self.key, "request_hash": self.request_hash}
        if booking is not None:
            Idempotency.objects.create(**row, booking=booking)
            return True
        return Idempotency.objects.insert_if_new(**row, refusal=refusal)
