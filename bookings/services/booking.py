"""Book a slot, and correct who a booking is for."""

import re
from copy import copy
from datetime import timedelta

from django.db import IntegrityError
from django.utils.translation import gettext as _

from bookings.errors import Busy, InvalidDetails, NotFound, SlotTaken
from bookings.mail.rules import MailKind, kind_of
from bookings.models import Booking, EventType, Proof, Source, Status, TurnedAway
from bookings.models.booking import new_reference
from bookings.services.checks import check_details, check_party, refusal_of
from bookings.services.effects import publish, publish_to_booker, queue_expiry, queue_mail
from bookings.services.idempotency import Answer, Booked
from bookings.services.locking import lapse_holds, own_hold
from bookings.services.waitlist import WORTH_WAITING, serve_waitlist
from bookings.webhooks.events import booking_events, queue_webhooks, slot_taken
from experts.locking import lock_slot, read_slot, slot_transaction, violated_constraint

# Two requests with one key met, or two bookings drew one reference. Any other constraint is a fault to be seen.
_SETTLED_BY_LOOKING_AGAIN = {"idempotency_key_once_per_scope", "bookings_booking_reference_key"}
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
) -> Booked:
    """Book seats in a slot: CONFIRMED, or PENDING where the policy asks for approval. Locks the slot row.

    A hold of the same visitor in that slot becomes the booking; one that ran out needs a seat that is still free.

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
    check_details(booking)
    if idempotency_key and not _KEY.fullmatch(idempotency_key):
        raise InvalidDetails({"idempotency_key": [_("Use 1 to 200 printable ASCII characters without spaces.")]})
    answer = Answer.for_request(booking, idempotency_key, idempotency_scope)
    for _attempt in range(3):
        attempt = copy(booking)
        attempt.reference = new_reference()
        try:
            with slot_transaction():
                refused = _book_under_lock(attempt, answer)
        except IntegrityError as error:
            constraint = violated_constraint(error)
            if constraint == "slot_never_overbooked":
                # Cannot happen under the lock; the database has the last word all the same.
                raise SlotTaken(read_slot(slot_id), "full") from error
            if constraint not in _SETTLED_BY_LOOKING_AGAIN:
                raise
            continue
        if refused is not None:
            raise refused
        assert answer.booked is not None, "neither refused nor booked"
        return answer.booked
    raise Busy


def _book_under_lock(booking: Booking, answer: "Answer") -> SlotTaken | None:
    """The body of ``book``. Returns a refusal rather than raising it, so that what it wrote is committed."""
    # 1. Refuse what can already be seen to be impossible, before any lock: most of a thousand losers end here.
    slot = read_slot(booking.slot_id)
    check_party(slot, booking)
    hold = own_hold(slot, booking.holder)
    reason = refusal_of(slot, booking.seats, own=hold, holds_may_lapse=True)
    has_lapsed = False
    if reason is None:
        # 2. Lock, then look again in a new statement: what was read before may be as old as the wait.
        lock_slot(slot.pk)
        if answer.was_given():
            return answer.refusal(slot)
        # 3. Holds that ran out free their seats now, whether or not a worker is alive.
        locked = read_slot(slot.pk)
        slot = lapse_holds(locked)
        has_lapsed = slot is not locked
        # 4. The same rule as everywhere, now with nobody able to change the slot; one's own hold is no obstacle.
        hold = own_hold(slot, booking.holder)
        reason = refusal_of(slot, booking.seats, own=hold)
    if reason is not None:
        # 5a. Keep the refusal: for staff as demand, for a retry as its answer.
        if not answer.record_refusal(reason):
            # Another request with this key was answered first, perhaps with the very booking that filled the slot.
            answer.was_given()
            return answer.refusal(slot)
        TurnedAway.objects.create(slot=slot, reason=reason, source=booking.source)
        return SlotTaken(slot, reason)
    # 5b. Book. The row of a hold becomes the booking, so that its seats are never free in between.
    booking.slot = slot
    if hold is not None:
        booking.pk, booking.reference, booking.created_at = hold.pk, hold.reference, hold.created_at
        booking.sequence = hold.sequence
    if slot.expert.policy("requires_approval"):
        booking.status = Status.PENDING
        booking.expires_at = min(slot.read_at + timedelta(hours=slot.expert.policy("approval_hours")), slot.starts_at)
    else:
        booking.status = Status.CONFIRMED
    if hold is None:
        booking.save(force_insert=True)
    else:
        booking.save(force_update=True)
    answer.record_booking(booking)
    # 6. What follows from the booking is queued with it, or not at all; pages hear of it when it is committed.
    queue_mail(booking, kind_of(booking))
    if booking.status == Status.PENDING:
        queue_mail(booking, MailKind.STAFF_REQUEST)
        queue_expiry(booking)
    told = [EventType.BOOKING_CREATED]
    if booking.status == Status.CONFIRMED:
        told.append(EventType.BOOKING_CONFIRMED)
    queue_webhooks(booking_events(booking, *told) + slot_taken(slot, booking.seats))
    publish(booking)
    if hold is not None or has_lapsed:
        serve_waitlist(slot)  # an offer was taken, or fewer seats than were held, or than had run out
    return None


def change_details(
    *,
    booking_id: int,
    name: str | None = None,
    email: str | None = None,
    phone: str | None = None,
    notes: str | None = None,
) -> Booking:
    """Correct who a booking is for; what is None stays, as do slot, seats and status. Locks the booking's row.

    A new address gets the booking's mail, as its links are bound to the address; the old one's open nothing any more,
    and browsers that they have opened it in see it no longer. The browser that booked does.

    Raises InvalidDetails, NotFound, Busy.
    """
    with slot_transaction():
        booking = Booking.objects.select_for_update(no_key=True).filter(pk=booking_id).first()
        if booking is None:
            raise NotFound(_("There is no such booking."))
        old_email = booking.email
        given = {"name": name, "email": email, "phone": phone, "notes": notes}
        wanted = {field: text.strip() for field, text in given.items() if text is not None}
        for field, text in wanted.items():
            setattr(booking, field, text)
        check_details(booking)
        booking.save(update_fields=list(wanted))
        if booking.email.lower() != old_email.lower():
            Proof.objects.filter(booking=booking).delete()
        if booking.email and booking.email != old_email:
            queue_mail(booking, kind_of(booking))
        publish_to_booker(booking)
    return booking


def note_opened_full(*, slot_id: int, reason: str, source: str = Source.WEB) -> None:
    """Keep that somebody opened a slot that has no seat for them. Nothing to learn from a closed or past one."""
    if reason in WORTH_WAITING:
        TurnedAway.objects.create(slot_id=slot_id, reason=reason, source=source)
