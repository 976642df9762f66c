"""Holds: a seat that is kept for a visitor while the details are filled in."""

from datetime import timedelta

from django.db import connection

from bookings.errors import SlotTaken, TooManyHolds
from bookings.models import Booking, Source, Status
from bookings.services.checks import check_party, refusal_of
from bookings.services.effects import publish, queue_expiry
from bookings.services.idempotency import sha256
from bookings.services.locking import lapse_holds, own_hold
from bookings.services.waitlist import serve_waitlist
from experts import publisher
from experts.locking import lock_slots, read_slot, slot_transaction

MOST_HOLDS = 2  # of one visitor, with different experts


def hold_slot(*, slot_id: int, visitor: str, seats: int = 1, source: str = Source.WEB) -> Booking:
    """Keep seats for a visitor for the policy's ``hold_minutes``. Locks the visitor's holds and the slots' rows.

    Who holds the slot already gets that hold again, its time running on; a hold of another slot of the same expert
    moves here, with new time. Raises InvalidDetails (party), SlotTaken, TooManyHolds, NotFound, Busy.

    A refusal is not kept as demand: looking around presses many tiles. Pages do so, once for each visitor and slot.
    """
    with slot_transaction():
        return _hold_under_lock(slot_id, visitor, seats, source)


def _hold_under_lock(slot_id: int, visitor: str, seats: int, source: str) -> Booking:
    # 1. Refuse what can already be seen to be impossible, before any lock.
    slot = read_slot(slot_id)
    wanted = Booking(slot=slot, seats=seats, holder=visitor, status=Status.HELD, source=source)
    check_party(slot, wanted)
    if reason := refusal_of(slot, seats, own=own_hold(slot, visitor), holds_may_lapse=True):
        raise SlotTaken(slot, reason)
    # 2. One visitor's requests come one after another, or two tabs would make three holds.
    _lock_visitor(visitor)
    moving = (
        # What the waitlist offered stays: who waited for it may look around.
        Booking.objects.filter(holder=visitor, status=Status.HELD, slot__expert=slot.expert_id, offer=None)
        .exclude(slot=slot)
        .select_related("slot")
        .first()
    )
    lock_slots([slot.pk, moving.slot_id] if moving else [slot.pk])
    # 3. Under the lock, the same rule again.
    locked = read_slot(slot.pk)
    slot = lapse_holds(locked)
    has_freed = slot is not locked
    own = own_hold(slot, visitor)
    if reason := refusal_of(slot, seats, own=own):
        raise SlotTaken(slot, reason)
    if own is not None:
        if own.seats != seats:
            own.seats = seats
            own.save(update_fields=["seats"])
            publish(own)
            serve_waitlist(slot)
        return own
    if moving is not None:
        moving.refresh_from_db()
        if moving.status != Status.HELD:  # it ran out, or was booked in another tab, while we waited
            moving = None
    expires_at = min(slot.read_at + timedelta(minutes=slot.expert.policy("hold_minutes")), slot.starts_at)
    if moving is None:
        running = Booking.objects.filter(holder=visitor, status=Status.HELD, expires_at__gt=slot.read_at, offer=None)
        if running.count() >= MOST_HOLDS:
            raise TooManyHolds
        hold = wanted
        hold.expires_at = expires_at
        hold.save(force_insert=True)
    else:
        left = moving.slot
        publisher.slot_changed(left)
        hold = moving
        hold.slot, hold.seats, hold.expires_at = slot, seats, expires_at
        hold.save(update_fields=["slot", "seats", "expires_at"])
        serve_waitlist(left)
    if has_freed:
        serve_waitlist(slot)
    # 4. The job only frees the seat on screens sooner; the time itself is enforced wherever seats are counted.
    queue_expiry(hold)
    publish(hold)
    return hold


def release_hold(*, slot_id: int, visitor: str) -> bool:
    """Let go of the visitor's hold in a slot. False if there was none: asking twice does no harm. Locks the slot."""
    if not visitor:
        return False
    with slot_transaction():
        lock_slots([slot_id])
        hold = Booking.objects.filter(slot=slot_id, holder=visitor, status=Status.HELD).select_related("slot").first()
        if hold is None:
            return False
        _release(hold)
        return True


def release_holds(*, visitor: str) -> None:
    """Let go of all holds of a visitor who signs out. Locks their slots, one after another. Raises Busy.

    What the waitlist offered stays: the link of its e-mail hands it to whichever browser opens it (``claim_offer``).
    """
    holds = Booking.objects.filter(holder=visitor, status=Status.HELD, offer=None)
    for slot_id in holds.values_list("slot_id", flat=True) if visitor else ():
        with slot_transaction():
            lock_slots([slot_id])
            for hold in holds.filter(slot=slot_id).select_related("slot"):
                _release(hold)


def _release(hold: Booking) -> None:
    """Free the seats of a hold. Under the lock of its slot."""
    hold.status = Status.EXPIRED
    hold.save(update_fields=["status"])
    publish(hold)
    serve_waitlist(hold.slot)


def _lock_visitor(visitor: str) -> None:
    """A lock that ends with the transaction, so it works behind a pooler; taken before any slot's."""
    number = int(sha256("holds", visitor)[:15], 16)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])
