"""Holds: a seat that is kept for a visitor while the details are filled in."""

from collections import defaultdict
from collections.abc import Callable
from copy import copy
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db import OperationalError, connection
from django.db.models import Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat
from django.utils.translation import gettext as _

from bookings.errors import NotAllowed, NotFound, NotHeld, SlotTaken, TooManyHolds
from bookings.models import Booking, Source, Status, WaitlistEntry
from bookings.models.of_few import has_status
from bookings.networks import network_of
from bookings.selectors.slot_for_visitor import SlotForVisitor, slot_and_holds, slot_for_visitor
from bookings.services.caution import HoldTime, counted_for, hold_time
from bookings.services.checks import check_beyond_rules, check_not_blocked, check_party, refusal_of
from bookings.services.effects import publish, publish_all
from bookings.services.idempotency import sha256
from bookings.services.locking import lock_booking, lock_slots_of, publish_slots, slot_ids_of
from bookings.services.sessions import TAKEN_FIELDS, must_be_locked, session_wanted, take
from bookings.services.together import Gate, Request, history_group
from bookings.services.waitlist import lapse_and_serve, serve_waitlists
from experts import publisher
from experts.history import said_with
from experts.inserting import insert_all
from experts.locking import LOCK_ORDER, read_slots, repeated, slot_transaction, with_clock
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
    is_plain = not (seen.has_holds or beyond_rules or isinstance(slot, Session))
    if not is_plain or connection.in_atomic_block:
        return _hold_alone(wanted, lasts, beyond_rules=beyond_rules)
    request = _Request(wanted, lasts, seen)
    gate.enter(request, group=history_group())
    return request.wait()


class _Request(Request[Booking]):
    """A visitor's wish to hold a slot of an expert of whom nothing was held, in line with others of the same moment."""

    def __init__(self, wanted: Booking, lasts: HoldTime, seen: SlotForVisitor) -> None:
        super().__init__(wanted.slot_id)
        self.wanted, self.lasts, self.seen = wanted, lasts, seen


def _write(requests: list[_Request], *, wait: bool) -> list[_Request]:
    """Hold for all requests in one transaction that waits for nobody, or with ``wait`` for each in one of its own.

    Whoever would have to wait, or has to do with holds of other times, does that by itself, in its own thread.
    """
    if wait:
        for request in requests:
            request.settle(partial(_same, _hold_alone(request.wanted, request.lasts)))
        return []
    with slot_transaction(waits=False):
        outcomes, left = _hold_together(requests)
    for request, outcome in outcomes:
        request.settle(outcome)
    for request in left:
        request.ask(partial(gate.write_alone, request))
    return []


gate = Gate(_write)


def _hold_together(
    requests: list[_Request],
) -> tuple[list[tuple[_Request, Callable[[], Booking]]], list[_Request]]:
    """Return what the requests are told, in their order, once it is committed, and those that need more than this."""
    outcomes: list[tuple[_Request, Callable[[], Booking]]] = []
    left: list[_Request] = []
    made: list[Booking] = []
    # 2. As for one alone: the visitors' locks, then those of the slots, and what is there under them.
    visitors = _lock_free_visitors([request.wanted.holder for request in requests])
    slots, holds = _lock_free_slots([request.slot_id for request in requests], sorted(visitors))
    # What was read of experts before somebody waited in line is old.
    fresh = read_slots(slots) if any(request.has_waited for request in requests) else {}
    read = dict(slots)
    for request in requests:
        wanted, seen = request.wanted, request.seen.slot
        slot = slots.get(request.slot_id)
        # Of a slot that others have changed since it was looked at, they may have left a seat to who asks.
        is_as_seen = slot is not None and read[slot.pk].version == seen.version and not _has_lapsed(read[slot.pk])
        held = holds[wanted.holder]
        # A hold of the expert moves here, unless it is an offer; of many it is to be seen which count.
        is_new = seen.expert_id not in held and len(held) < MOST_HOLDS
        if slot is None or not is_as_seen or wanted.holder not in visitors or not is_new:
            left.append(request)
            continue
        slot.expert = fresh[slot.pk].expert if slot.pk in fresh else seen.expert
        # 3. Under the locks, the same rule again, in the order of arrival.
        try:
            hold = _hold_of(wanted, slot, request.lasts)
        except (SlotTaken, NotHeld):
            if slot is read[slot.pk]:
                # Raised again in the request's own thread, which has its language.
                outcomes.append((request, partial(_hold_of, wanted, slot, request.lasts)))
            else:  # what others of these have taken is to be read
                left.append(request)
            continue
        visitors.discard(wanted.holder)  # another tab's request finds this hold
        slots[slot.pk] = slot.with_seats(held=wanted.seats)
        made.append(hold)
        outcomes.append((request, partial(_same, hold)))
    insert_all(made)
    publish_all(made)
    for hold in made:
        hold.slot = hold.slot.with_seats(held=hold.seats)
    return outcomes, left


def _same(hold: Booking) -> Booking:
    return hold


def _hold_of(wanted: Booking, slot: Slot, lasts: HoldTime) -> Booking:
    """A new hold of the slot, not saved; ``wanted`` is left as it is. Raises SlotTaken, NotHeld."""
    _check_seats(wanted, slot)
    return _new_hold(copy(wanted), slot, lasts)


def _moving_from_here(slot: Slot, visitor: str) -> Booking | None:
    """Read the visitor's hold that overlaps a session which begins with another slot. No query for a single slot."""
    if len(slot.covered) == 1 or not any(each.seats_held for each in slot.covered):
        return None
    return Booking.objects.running_holds(visitor).filter(slot__expert=slot.expert_id, offer=None).first()


def _is_for(hold: Booking, wanted: Booking) -> bool:
    """Whether a hold of the same start keeps what is wanted."""
    return (hold.session_type_id, hold.second_expert_id) == (wanted.session_type_id, wanted.second_expert_id)


def _hold_alone(wanted: Booking, lasts: HoldTime, *, beyond_rules: bool = False) -> Booking:
    """Hold in a transaction of its own, which waits for the locks of the visitor and of all slots."""
    with slot_transaction(waits=False):
        return _hold_under_lock(wanted, lasts, beyond_rules=beyond_rules)


def _hold_under_lock(wanted: Booking, lasts: HoldTime, *, beyond_rules: bool) -> Booking:
    visitor, seats = wanted.holder, wanted.seats
    # 2. One visitor's requests come one after another, or two tabs would make three holds.
    lock_visitor(visitor)
    locked = _lock_slot_and_moving(wanted.slot, visitor)
    slot, chosen, others = _look_again(wanted, locked)
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
    _check_seats(wanted, slot, own=own or moving, beyond_rules=beyond_rules)
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
    if moving is None:
        if len(holds) >= MOST_HOLDS:
            raise TooManyHolds
        hold = _new_hold(wanted, slot, lasts, beyond_rules=beyond_rules)
        insert_all([hold])
    else:
        if seats * len(slot.covered) > moving.seats * len(moving.slot_ids) and not lasts.minutes:
            raise NotHeld(needs_work=lasts.needs_work)
        hold = moving
        expires_at = _expires_at(slot, lasts, beyond_rules=beyond_rules)
        _move(hold, slot, seats, expires_at if lasts.minutes else hold.runs_out_at)
    publish(hold)
    hold.slot = slot.with_seats(held=seats)
    return hold


def _check_seats(wanted: Booking, slot: Slot, *, own: Booking | None = None, beyond_rules: bool = False) -> None:
    if reason := refusal_of(slot, wanted.seats, own=own, beyond_rules=beyond_rules):
        raise SlotTaken(slot, reason)


def _new_hold(wanted: Booking, slot: Slot, lasts: HoldTime, *, beyond_rules: bool = False) -> Booking:
    """Make what is wanted a hold of the slot, not saved. Raises NotHeld."""
    if not lasts.minutes:
        raise NotHeld(needs_work=lasts.needs_work)
    take(wanted, slot)
    wanted.created_at, wanted.expires_at = slot.read_at, _expires_at(slot, lasts, beyond_rules=beyond_rules)
    return wanted


def _expires_at(slot: Slot, lasts: HoldTime, *, beyond_rules: bool) -> datetime:
    last = slot.ends_at if beyond_rules else slot.starts_at
    return min(slot.read_at + timedelta(minutes=lasts.minutes), last)


# What is wanted, and what the visitor has there and elsewhere.
_Found = tuple[Slot, SlotForVisitor, list[SlotForVisitor]]


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
    holds = Booking.objects.held_by(visitor).filter(offer=None, awaits_proof=False)
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
    return Booking.objects.held_by(visitor).filter(slot=slot_id)


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


def _lock_free_visitors(visitors: list[str]) -> set[str]:
    """As ``lock_visitor``, for those whose lock nobody else has. Returns them; waits for nobody."""
    keys = {visitor_lock(visitor): visitor for visitor in visitors}
    with said_with() as (history, values), connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('lock_timeout', %s, true),"
            " ARRAY(SELECT key FROM unnest(%s::bigint[]) AS key WHERE pg_try_advisory_xact_lock(key))" + history,
            [f"{settings.LOCK_TIMEOUT_MS}ms", list(keys), *values],
        )
        return {keys[key] for key in cursor.fetchone()[1]}


def _lock_free_slots(slot_ids: list[int], visitors: list[str]) -> tuple[dict[int, Slot], dict[str, list[int]]]:
    """Lock those of the slots that nobody else has locked, and say of which experts the visitors hold something.

    Returns the slots as new as their locks, by id, without experts; and of each hold, be it that its time has run out,
    the expert, by visitor. Waits for nobody.
    """
    rows = _free_slots(sorted(set(slot_ids)), visitors)
    holds: dict[str, list[int]] = defaultdict(list)
    for slot in rows[:1]:
        for held in slot.held:  # type: ignore[attr-defined]  # the annotation
            visitor, expert_id = held.split()
            holds[visitor].append(int(expert_id))
    return {slot.pk: slot for slot in rows}, holds


def _has_lapsed(slot: Slot) -> bool:
    """Whether a hold of it has run out and is to be written down first."""
    return slot.next_hold_expiry is not None and slot.next_hold_expiry <= slot.read_at


@PreparedQuery
def _free_slots(slot_ids: list[int], visitors: list[str]) -> QuerySet[Slot]:
    free = with_clock(Slot.objects.select_for_update(no_key=True, skip_locked=True).filter(pk__any_of=slot_ids))
    held = Booking.objects.order_by().filter(has_status(Status.HELD), holder__any_of=visitors).exclude(holder="")
    told = held.annotate(told=Concat("holder", Value(" "), Cast("slot__expert", TextField()), output_field=TextField()))
    return free.order_by(*LOCK_ORDER).annotate(held=ArraySubquery(told.values("told")))


@PreparedQuery
def _slots_and_moving(slot_ids: list[int], visitor: str, expert_id: int) -> QuerySet[Slot]:
    holds = Booking.objects.held_by(visitor).filter(slot__expert=expert_id, offer=None)
    slots = Slot.objects.filter(Q(pk__any_of=slot_ids) | Q(pk__any_of=slot_ids_of(holds)))
    return slots.select_for_update(no_key=True).only("pk").order_by(*LOCK_ORDER)
