"""Holds: a seat that is kept for a visitor while the details are filled in."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import OperationalError, connection
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from bookings.errors import NotAllowed, NotFound, NotHeld, SlotTaken, TooManyHolds
from bookings.models import Booking, Source, Status, WaitlistEntry
from bookings.networks import network_of
from bookings.selectors.slot_for_visitor import SlotForVisitor, has_holds, slot_and_holds, slot_for_visitor
from bookings.services.caution import HoldTime, counted_for, hold_time
from bookings.services.checks import check_beyond_rules, check_not_blocked, check_party, refusal_of
from bookings.services.effects import publish
from bookings.services.idempotency import sha256
from bookings.services.locking import lock_booking, lock_slots_of, publish_slots, slot_ids_of
from bookings.services.sessions import TAKEN_FIELDS, must_be_locked, session_wanted, take
from bookings.services.waitlist import lapse_and_serve, serve_waitlists
from experts import publisher
from experts.history import said_with
from experts.inserting import insert_all
from experts.locking import LOCK_ORDER, repeated, slot_transaction, with_clock
from experts.models import Session, Slot
from experts.outages import busy_for
from experts.prepared import PreparedQuery

MOST_HOLDS = 2  # of one visitor, with different experts
MOST_EXTENSIONS = 2  # of one hold, for as long as it stays in its slot


@repeated
def hold_slot(
    *,
    slot_id: int,
    visitor: str,
    seats: int = 1,
    session_type: int | None = None,
    second_expert: int | None = None,
    source: str = Source.WEB,
    client_address: str = "",
    work: str = "",
    seen: SlotForVisitor | None = None,
    beyond_rules: bool = False,
) -> Booking:
    """Keep seats for a visitor for the policy's ``hold_minutes``. Locks the visitor's holds and the slots' rows.

    With ``session_type`` (an id) a session of that type, which takes all its slots or none; with ``second_expert`` (an
    id) of two experts, and the slots of both.

    For fewer minutes when people unknown hold many seats of the expert, and not at all when they hold too many, or the
    network too many without ``work`` (caution.py).

    Who holds the slot already gets that hold again, its time running on; a hold of another slot of the same expert
    moves here, with new time. Raises InvalidDetails (party), Blocked, SlotTaken, TooManyHolds, NotHeld, NotFound, Busy.
    The hold's slot counts it. The network of ``client_address`` is kept with it. ``seen``: what the caller has read
    of the slot just now, so that it is not read once more; its slot is a Session of the type where there is one.
    ``beyond_rules``: as in ``book``; raises NotAllowed for others than staff.

    A refusal is not kept as demand: looking around presses many tiles. Pages do so, once for each visitor and slot.
    """
    if beyond_rules:
        check_beyond_rules(source)
    # 1. Refuse what can already be seen to be impossible, and be content with what is held, before any lock.
    if seen is None:
        seen = _look(slot_id, visitor)
    slot = session_wanted(seen.slot, session_type, second_expert)
    network = network_of(client_address)
    wanted = Booking(seats=seats, holder=visitor, status=Status.HELD, source=source, network=network)
    take(wanted, slot)
    wanted.of_expert_id = counted_for(wanted, slot)
    check_party(slot, wanted)
    check_not_blocked(slot, wanted)
    own = seen.hold or _moving_from_here(slot, visitor)
    if reason := refusal_of(slot, seats, own=own, holds_may_lapse=True, beyond_rules=beyond_rules):
        raise SlotTaken(slot, reason)
    if seen.hold is not None and seen.hold.seats == seats and _is_for(seen.hold, wanted):
        return seen.hold
    lasts = hold_time(wanted, slot, work)
    try:
        with slot_transaction(waits=False):
            return _hold_under_lock(wanted, lasts, seen, beyond_rules=beyond_rules)
    except _HoldsMeanwhile:
        with slot_transaction(waits=False):
            return _hold_under_lock(wanted, lasts, None, beyond_rules=beyond_rules)


class _HoldsMeanwhile(Exception):
    """The visitor has got a hold since it was looked: its slots have to be locked, too, and in order of time."""


def _moving_from_here(slot: Slot, visitor: str) -> Booking | None:
    """Read the visitor's hold that overlaps a session which begins with another slot. No query for a single slot."""
    if len(slot.covered) == 1 or not any(each.seats_held for each in slot.covered):
        return None
    return Booking.objects.running_holds(visitor).filter(slot__expert=slot.expert_id, offer=None).first()


def _is_for(hold: Booking, wanted: Booking) -> bool:
    """Whether a hold of the same start keeps what is wanted."""
    return (hold.session_type_id, hold.second_expert_id) == (wanted.session_type_id, wanted.second_expert_id)


def _hold_under_lock(wanted: Booking, lasts: HoldTime, seen: SlotForVisitor | None, *, beyond_rules: bool) -> Booking:
    visitor, seats = wanted.holder, wanted.seats
    # 2. One visitor's requests come one after another, or two tabs would make three holds.
    lock_visitor(visitor)
    locked, (slot, chosen, others) = _lock_and_look(wanted, seen)
    # 3. Under the lock, the same rule again.
    if lapse_and_serve(slot) is not slot:
        slot, chosen, others = _look_again(wanted, locked)
    own = chosen.hold
    # What the waitlist offered stays: who waited for it may look around. So does what was booked but for its link.
    holds = [other.hold for other in others if other.hold and not other.is_offer and not other.hold.awaits_proof]
    if own is not None and not _is_for(own, wanted) and not (chosen.is_offer or own.awaits_proof):
        holds, own = [own, *holds], None  # of the same start, for something else
    moving = next((hold for hold in holds if hold.slot.expert_id == slot.expert_id), None)
    must_be_locked(moving.slot_ids if moving else (), locked)
    if reason := refusal_of(slot, seats, own=own or moving, beyond_rules=beyond_rules):
        raise SlotTaken(slot, reason)
    if own is not None:
        if seats > own.seats and not lasts.minutes:
            raise NotHeld(needs_work=lasts.needs_work)
        if own.seats != seats:
            own.slot = slot.with_seats(held=seats - own.seats)
            own.seats = seats
            own.save(update_fields=["seats"])
            publish(own)
            serve_waitlists(own.slot_ids)
        return own
    last = slot.ends_at if beyond_rules else slot.starts_at
    expires_at = min(slot.read_at + timedelta(minutes=lasts.minutes), last)
    if moving is None:
        if len(holds) >= MOST_HOLDS:
            raise TooManyHolds
        if not lasts.minutes:
            raise NotHeld(needs_work=lasts.needs_work)
        hold = wanted
        take(hold, slot)
        hold.created_at, hold.expires_at = slot.read_at, expires_at
        insert_all([hold])
    else:
        if seats * len(slot.covered) > moving.seats * len(moving.slot_ids) and not lasts.minutes:
            raise NotHeld(needs_work=lasts.needs_work)
        hold = moving
        _move(hold, slot, seats, expires_at if lasts.minutes else hold.runs_out_at)
    publish(hold)
    hold.slot = slot.with_seats(held=seats)
    return hold


# What is wanted, and what the visitor has there and elsewhere.
_Found = tuple[Slot, SlotForVisitor, list[SlotForVisitor]]


def _lock_and_look(wanted: Booking, seen: SlotForVisitor | None) -> tuple[set[int], _Found]:
    """Return the ids of the slots that are locked now, and what is there under the locks. Under the visitor's lock."""
    if seen is None or (slot := _lock_at_once(seen, wanted)) is None:
        locked = _lock_slot_and_moving(wanted.slot, wanted.holder)
    elif slot.version == seen.slot.version:
        return {slot.pk}, (slot, SlotForVisitor(slot), [])
    else:  # others take seats of it, and may have left one to who asks
        locked = {slot.pk}
    return locked, _look_again(wanted, locked)


def _look_again(wanted: Booking, locked: set[int]) -> _Found:
    """Read it under the locks. Raises as ``hold_slot``."""
    chosen, *others = slot_and_holds(wanted.slot_id, wanted.holder)
    slot = session_wanted(chosen.slot, wanted.session_type_id, wanted.second_expert_id)
    must_be_locked([each.pk for each in slot.covered], locked)
    return slot, chosen, others


def _move(hold: Booking, slot: Slot, seats: int, expires_at: datetime) -> None:
    """Under the locks of all slots: let a hold take others, and serve who waits for those that it leaves."""
    left, left_slots = hold.slot, hold.slot_ids
    publisher.slot_changed(left)
    publish_slots(hold)
    take(hold, slot)
    hold.seats, hold.expires_at, hold.extensions = seats, expires_at, 0
    hold.save(update_fields=[*TAKEN_FIELDS, "seats", "expires_at", "extensions"])
    serve_waitlists(left_slots)


def may_extend(hold: Booking) -> bool:
    """Whether a hold can be kept longer, as far as it can tell itself; never an offer, nor what awaits its proof."""
    is_bookable = hold.runs_out_at < hold.slot.bookable_until
    return is_bookable and hold.extensions < MOST_EXTENSIONS and hold.offer_id is None and not hold.awaits_proof


@repeated
def extend_hold(*, slot_id: int, visitor: str, extensions: int, client_address: str = "") -> Booking:
    """Keep the visitor's hold of a slot for as long again as a new one would last. Locks the slot.

    At most twice, while nobody else is in line for the slot, and never past the last moment to book it. ``extensions``:
    how often it had been extended when the visitor asked, so that asking twice extends it once.

    Raises NotAllowed, which says why not, NotFound, Busy.
    """
    seen = _look(slot_id, visitor)
    if seen.hold is None:
        raise NotAllowed(_("Your hold ran out."))
    network = network_of(client_address)
    again = Booking(slot=seen.slot, seats=seen.hold.seats, holder=visitor, status=Status.HELD, network=network)
    lasts = hold_time(again, seen.slot)
    with slot_transaction(waits=False):
        lock_visitor(visitor)
        lock_slots_of(_holds_in(slot_id, visitor))
        seen = slot_and_holds(slot_id, visitor)[0]
        slot, hold = seen.slot, seen.hold
        if hold is None:
            raise NotAllowed(_("Your hold ran out."))
        if hold.extensions > extensions:
            return hold
        if refusal_of(slot, hold.seats, own=hold) or not may_extend(hold):
            raise NotAllowed(_("This time can’t be kept any longer."))
        if WaitlistEntry.objects.in_line().about(*hold.slot_ids).exclude(visitor=visitor).exists():
            raise NotAllowed(_("Somebody is waiting for this time."))
        if not lasts.minutes:
            raise NotAllowed(_("Very many people are choosing times now, so it can’t be kept any longer."))
        hold.expires_at = min(hold.runs_out_at + timedelta(minutes=lasts.minutes), slot.bookable_until)
        hold.extensions += 1
        hold.save(update_fields=["expires_at", "extensions"])
        publish(hold)
        return hold


def _look(slot_id: int, visitor: str) -> SlotForVisitor:
    try:
        seen = slot_for_visitor(slot_id, visitor)
    except OperationalError as error:
        raise busy_for(error) from error
    if seen is None:
        raise NotFound
    return seen


@repeated
def release_hold(*, slot_id: int, visitor: str) -> bool:
    """Let go of the visitor's hold in a slot. False if there was none: asking twice does no harm. Locks the slot."""
    if not visitor:
        return False
    with slot_transaction(waits=False):
        lock_visitor(visitor)
        lock_slots_of(_holds_in(slot_id, visitor))
        hold = _holds_in(slot_id, visitor).select_related("slot").first()
        if hold is None:
            return False
        release_under_lock(hold)
        return True


def release_holds(*, visitor: str) -> None:
    """Let go of all holds of a visitor who signs out. Locks their slots, one after another. Raises Busy.

    What the waitlist offered stays, and what awaits its proof: the links of their e-mails work in any browser.
    """
    holds = Booking.objects.filter(holder=visitor, status=Status.HELD, offer=None, awaits_proof=False)
    for slot_id in holds.values_list("slot_id", flat=True) if visitor else ():
        with slot_transaction(waits=False):
            lock_visitor(visitor)
            lock_slots_of(holds.filter(slot=slot_id))
            for hold in holds.filter(slot=slot_id).select_related("slot"):
                release_under_lock(hold)


@repeated
def end_hold(*, booking_id: int) -> Booking:
    """Free what somebody keeps and has not booked for good, on staff's wish. Locks the slot.

    Raises NotAllowed once it is no hold any more, NotFound, Busy.
    """
    with slot_transaction():
        hold, _slot = lock_booking(booking_id)
        if hold.status != Status.HELD:
            raise NotAllowed(_("This time is not held any more."))
        release_under_lock(hold)
        return hold


def release_under_lock(hold: Booking) -> None:
    """Free the seats of a hold. Under the lock of its slot."""
    hold.status = Status.EXPIRED
    hold.save(update_fields=["status"])
    publish(hold)
    serve_waitlists(hold.slot_ids)


def _holds_in(slot_id: int, visitor: str) -> QuerySet[Booking]:
    return Booking.objects.filter(slot=slot_id, holder=visitor, status=Status.HELD)


def lock_visitor(visitor: str) -> None:
    """A lock that ends with the transaction, so it works behind a pooler; taken before any slot's.

    Whoever holds it may lock the slots of the visitor's holds: only ``hold_slot`` gives a hold other slots, under it.

    In the statement that bounds the wait for it and for the locks that follow, and says who writes, for the history.
    """
    with said_with() as (history, values), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT set_config('lock_timeout', %s, true), pg_advisory_xact_lock(%s){history}",
            [f"{settings.LOCK_TIMEOUT_MS}ms", visitor_lock(visitor), *values],
        )


def visitor_lock(visitor: str) -> int:
    """The key of a visitor's advisory lock."""
    return int(sha256("holds", visitor)[:15], 16)


def _lock_slot_and_moving(slot: Slot, visitor: str) -> set[int]:
    """Lock all slots of a slot or Session, and those of the hold of its expert that is to move here, in order of time.

    Under the visitor's lock: until it ends nobody else makes or moves a hold of this visitor. Returns the ids of what
    is locked. Raises NotFound.
    """
    wanted = [each.pk for each in slot.covered]
    locked = {each.pk for each in _slots_and_moving(wanted, visitor, slot.expert_id)}
    if not locked.issuperset(wanted):
        raise NotFound
    return locked


def _lock_at_once(seen: SlotForVisitor, wanted: Booking) -> Slot | None:
    """Lock a slot that nobody else has locked, for a visitor who held nothing when it was looked.

    Returns it as new as its lock, with the expert as it was read before: where its ``version`` is still the same, the
    visitor has no hold in it. None where it has to be waited for, or there is more to lock. Raises _HoldsMeanwhile.
    """
    if seen.has_holds or isinstance(wanted.slot, Session):
        return None
    for slot in _free_slot(wanted.slot.pk, wanted.holder):
        if slot.has_holds:  # type: ignore[attr-defined]  # the annotation
            raise _HoldsMeanwhile
        slot.expert = seen.slot.expert
        return slot
    return None


@PreparedQuery
def _free_slot(slot_id: int, visitor: str) -> QuerySet[Slot]:
    free = with_clock(Slot.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=slot_id).order_by())
    return free.annotate(has_holds=has_holds(visitor))


@PreparedQuery
def _slots_and_moving(slot_ids: list[int], visitor: str, expert_id: int) -> QuerySet[Slot]:
    holds = Booking.objects.filter(holder=visitor, status=Status.HELD, slot__expert=expert_id, offer=None)
    slots = Slot.objects.filter(Q(pk__any_of=slot_ids) | Q(pk__any_of=slot_ids_of(holds)))
    return slots.select_for_update(no_key=True).only("pk").order_by(*LOCK_ORDER)
