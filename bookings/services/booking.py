"""Book a slot."""

import re
from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from itertools import chain
from typing import Any

from django.db import IntegrityError, OperationalError, connection
from django.utils.translation import gettext as _

from bookings.errors import Busy, InvalidDetails, NotFound, SlotTaken, TooManyBookings
from bookings.models import Booking, Source, Status
from bookings.networks import network_of
from bookings.policy import broken_rule
from bookings.selectors.booking_facts import new_booking_facts, slot_after
from bookings.selectors.own_slots import without_hold
from bookings.selectors.recent_demand import asked_for_webhooks, slots_to_book
from bookings.selectors.slot_for_visitor import SlotForVisitor
from bookings.services.answers import save_answers
from bookings.services.audience import check_return
from bookings.services.booking_requests import (
    BookingOutcome,
    BookingRequest,
    Refused,
    check_typed_answers,
    judge_contenders,
    refuse_by_what_is_seen,
    refuse_type,
    refuse_with_crowd,
    session_of,
    settle_all,
    turn_away,
)
from bookings.services.caution import has_enough
from bookings.services.checks import (
    check_beyond_rules,
    check_details,
    check_not_blocked,
    check_party,
    check_phone,
    refusal_of,
)
from bookings.services.idempotency import Booked, KeyedAnswer, find_given, keep_bookings
from bookings.services.locking import lock_booking, own_holds
from bookings.services.new_booking import count_as_booked, make_booking, queue_what_follows, save_bookings
from bookings.services.sessions import must_be_locked, read_taken
from bookings.services.together import Gate, history_group, write_alone
from bookings.services.waitlist import lapse_and_serve, serve_waitlists
from experts import arrivals, history, metrics, request_ids
from experts.locking import (
    lock_free_slots,
    lock_slots,
    may_be_repeated,
    read_slot,
    read_slots,
    slot_transaction,
    violated_constraint,
)
from experts.models import Slot
from experts.outages import busy_for
from experts.waiting import in_thread

# Two requests with one key met, or two bookings drew one reference. Any other constraint is a fault to be seen.
_SETTLED_BY_LOOKING_AGAIN = {"idempotency_key_once_per_scope", "bookings_booking_reference_key"}
_KEY = re.compile(r"[\x21-\x7e]{1,200}")


@metrics.count_outcome
def book(
    *,
    slot_id: int,
    name: str,
    email: str,
    phone: str = "",
    notes: str = "",
    seats: int = 1,
    session_type: int | None = None,
    answers: Mapping[str, Any] | None = None,
    second_expert: int | None = None,
    visitor: str = "",
    idempotency_key: str = "",
    idempotency_scope: str = "",
    client_address: str = "",
    work: str = "",
    is_quick: bool = False,
    language: str = "en",
    timezone: str = "",
    source: str = Source.WEB,
    seen: SlotForVisitor | None = None,
    beyond_rules: bool = False,
    tell: bool = True,
    agreed: bool = False,
) -> Booked:
    """Book seats in a slot: CONFIRMED, or PENDING where the policy asks for approval. Locks the slot row.

    With ``session_type`` (an id) a session of that type, which begins with the slot and takes all its slots or none;
    with ``second_expert`` (an id) of two experts, and the slots of both.

    Where somebody unknown has to prove the address first (caution.py), it ``awaits_proof``: HELD for 15 minutes, or
    EXPIRED from the start where nothing may be kept (without ``work``), until ``book_by_link`` is called.

    A hold of the same visitor in that slot becomes the booking; one that ran out needs a seat that is still free.

    ``answers`` to what the organisation asks, by the names of the questions: see ``check_answers``.

    With an idempotency key, the same request gets the same answer again, refusals too, and never books twice; the
    scope is the caller's (a staff token), by default the slot and the e-mail. A key of less than 16 characters is
    bound to ``client_address``, too, where that is given; its network is kept with the booking. ``visitor`` is the
    browser's identity.
    ``is_quick``: whether the form was filled in faster than a person can.
    ``seen``: what the caller has read of the slot just now; where it looks free, it is not read again before the lock.
    Its slot is a Session of the type where there is one.
    ``beyond_rules``: staff who may do so (BEYOND_RULES) also book what has begun, is closed, or is too soon or too late
    to be booked, as long as it has seats; the booking is CONFIRMED then, and says which rule it broke.
    Without ``tell`` the customer gets no e-mail about it. ``agreed``: staff have approved it already.

    Raises InvalidDetails, NotAllowed, Blocked, TooManyBookings, NotFound, IdempotencyMismatch, Busy (nothing written),
    or SlotTaken (no booking is written).
    """
    if beyond_rules:
        check_beyond_rules(source)
    booking = Booking(
        slot_id=slot_id,
        seats=seats,
        name=name.strip(),
        email=email.strip(),
        phone=phone.strip(),
        notes=notes.strip(),
        session_type_id=session_type,
        second_expert_id=second_expert,
        holder=visitor,
        language=language,
        timezone=timezone,
        source=source,
        network=network_of(client_address),
    )
    booking.is_told, booking.is_agreed, booking.asked_by = tell, agreed, request_ids.current.get()
    if session_type is None and second_expert is None:
        check_details(booking)
    else:
        in_thread(partial(check_details, booking))  # looks whether there are such
    check_phone(booking, seen.slot if seen else None)
    check_key(idempotency_key)
    typed = answers or {}
    answer = KeyedAnswer.for_request(booking, idempotency_key, idempotency_scope, client_address, typed)
    request = BookingRequest(booking, answer, work, is_quick, typed, beyond_rules=beyond_rules)
    if seen is not None:
        check_party(seen.slot, booking)
        check_not_blocked(seen.slot, booking)
        if refusal_of(seen.slot, seats, own=seen.hold, holds_may_lapse=True, beyond_rules=beyond_rules) is None:
            request.seen_free = seen.slot
    # Whoever wants several slots waits for all of them by itself: in a batch it would lock out of order.
    takes_several = session_type is not None or (seen is not None and seen.hold is not None and seen.hold.more_slots)
    if connection.in_atomic_block or takes_several:
        # What is written in somebody's transaction is committed or undone with it.
        in_thread(partial(history.carry_out, partial(write_alone, _write, request)))
    else:
        refuse_with_crowd(request)
        # One transaction has one history: who is booking, and from where, must be the same for all.
        gate.enter(request, group=history_group())
    return request.wait()


def check_key(idempotency_key: str) -> None:
    """Raise InvalidDetails for what can be no idempotency key. None ("") is one."""
    if idempotency_key and not _KEY.fullmatch(idempotency_key):
        raise InvalidDetails({"idempotency_key": [_("Use 1 to 200 printable ASCII characters without spaces.")]})


def _write(requests: list[BookingRequest], *, wait: bool) -> list[BookingRequest]:
    """Book for all requests in one transaction; see ``Write``. The one place where the rule about booking is applied.

    A request alone is looked at again where that settles it: its key was answered, or its reference given, meanwhile.
    """
    for _attempt in range(3):
        try:
            return _book_together(requests, wait=wait)
        except IntegrityError as error:
            constraint = violated_constraint(error)
            if len(requests) > 1:
                raise
            if constraint == "slot_never_overbooked":
                # Cannot happen under the lock; the database has the last word all the same.
                raise SlotTaken(read_slot(requests[0].slot_id), "full") from error
            if constraint not in _SETTLED_BY_LOOKING_AGAIN:
                raise
        except Busy as busy:
            if len(requests) > 1 or not may_be_repeated(busy):
                raise
            wait = True  # for all that it takes by now
        except OperationalError as error:
            raise busy_for(error) from error
    raise Busy


gate = Gate(_write)


def _book_together(requests: list[BookingRequest], *, wait: bool) -> list[BookingRequest]:
    # 1. Refuse what can already be seen to be impossible, before any lock: most of a thousand losers end here.
    began = arrivals.now()
    first, *others = requests
    is_seen = first.seen_free is not None and not others and not first.has_waited
    if first.seen_free is not None and is_seen:
        slots = {first.slot_id: first.seen_free}
    else:
        slots = slots_to_book(request.wanted for request in requests)
    if first.wanted.session_type_id is not None and first.slot_id in slots:  # such a request is always alone
        try:
            slots[first.slot_id] = session_of(slots[first.slot_id], first)
        except (SlotTaken, NotFound) as error:
            settle_all(refuse_type(first, slots[first.slot_id], error))
            return []
    contenders, holds = requests, {}
    if not is_seen:
        holds = own_holds((slots[r.slot_id], r.wanted.holder) for r in requests if r.slot_id in slots)
        contenders = refuse_by_what_is_seen(requests, slots, holds, began)
    contenders = check_typed_answers(contenders, slots)
    if not contenders:
        return []
    contenders = judge_contenders(contenders, slots)
    if not contenders:
        return []
    # 2. What is left needs the locks. Nobody is told anything before it is committed.
    with slot_transaction(waits=wait):
        outcomes, left = _book_under_lock(contenders, slots, holds, wait=wait)
    settle_all(outcomes)
    return left


def _lock_and_read(
    contenders: list[BookingRequest],
    seen: dict[int, Slot],
    seen_holds: dict[tuple[int, str], Booking],
    *,
    wait: bool,
) -> tuple[dict[int, Slot], set[int]]:
    """3. Lock, then look again: what was read before may be as old as the wait. Returns the ids of what is locked, too.

    Raises ChangedMeanwhile.
    """
    wanted = {request.slot_id: seen[request.slot_id] for request in contenders}
    if not wait:
        slots = lock_free_slots(wanted)
        return slots, set(slots)
    held = [seen_holds[request.asker].slot_ids for request in contenders if request.asker in seen_holds]
    locked = set(chain((each.pk for slot in wanted.values() for each in slot.covered), *held))
    lock_slots(locked)
    slots = read_slots(wanted)
    for request in contenders:
        if request.slot_id in slots:
            slots[request.slot_id] = session_of(slots[request.slot_id], request)
            must_be_locked([each.pk for each in slots[request.slot_id].covered], locked)
    return slots, locked


def _book_under_lock(
    contenders: list[BookingRequest],
    seen: dict[int, Slot],
    seen_holds: dict[tuple[int, str], Booking],
    *,
    wait: bool,
) -> tuple[list[BookingOutcome], list[BookingRequest]]:
    before, locked = _lock_and_read(contenders, seen, seen_holds, wait=wait)
    # A key that was sent twice at once: the second one finds the answer of the first when that is committed.
    names: set[tuple[str, str] | None] = set()
    present, left = [], []
    for request in contenders:
        name = request.answer.name
        if request.slot_id in before and (name is None or name not in names):
            present.append(request)
            names.add(name)
        else:
            left.append(request)
    given = find_given(request.answer for request in present)
    # 4. Holds that ran out free their seats now, whether or not a worker is alive, and first for who waits for them.
    slots = {slot_id: lapse_and_serve(slot) for slot_id, slot in before.items()}
    freed: dict[str, set[int]] = defaultdict(set)  # slots, by the name of the request that left seats in them
    holds = own_holds((slots[request.slot_id], request.wanted.holder) for request in present)
    must_be_locked(chain.from_iterable(hold.slot_ids for hold in holds.values()), locked)
    # 5. The same rule as everywhere, now with nobody able to change the slots, for one after the other.
    outcomes: list[BookingOutcome] = []
    refused, booked, asked_again = [], [], set()
    for request in present:
        slot, name = slots[request.slot_id], request.answer.name
        if name in given:
            outcomes.append((request, partial(request.answer.repeat, given[name], slot)))
            continue
        hold = holds.get(request.asker)  # one's own is no obstacle
        reason = refusal_of(slot, request.wanted.seats, own=hold, beyond_rules=request.beyond_rules)
        if reason is not None:
            refused.append(Refused(request, slot, reason))
            continue
        rule = broken_rule(slot, slot.read_at) if request.beyond_rules else None
        booking = make_booking(request.wanted, slot, hold, request.caution, rule)
        if hold is not None:
            del holds[request.asker]
            if hold.awaits_proof and slot.expert.organization.has_questions:
                asked_again.add(hold.pk)
            if _leaves_seats(hold, booking):
                freed[booking.asked_by or ""].update(hold.slot_ids)
        booked.append((request, Booked(booking, new_booking_facts(booking))))
        # For those who come after it; the row itself is changed by the trigger on Booking.
        slots[slot.pk] = slot_after(booking)
    # 6. Write, and queue what follows with it, or nothing at all; pages hear of it when it is committed.
    outcomes += turn_away(refused)
    save_bookings([answer.booking for _request, answer in booked])
    save_answers(((answer.booking, request.answers) for request, answer in booked), again=asked_again)
    keep_bookings((request.answer, answer) for request, answer in booked)
    queue_what_follows([answer.booking for _request, answer in booked], asked_for_webhooks(seen.values()))
    for caused_by, slot_ids in freed.items():
        with request_ids.under(caused_by):
            serve_waitlists(slot_ids)
    outcomes += [(request, partial(_same, answer)) for request, answer in booked]
    return outcomes, left


def _leaves_seats(hold: Booking, booking: Booking) -> bool:
    """Whether who waits may be served: an offer was taken, or less than was held, or it is kept no longer."""
    is_less = hold.seats > booking.seats or hold.slot_ids != booking.slot_ids
    return hold.offer_id is not None or is_less or booking.status == Status.EXPIRED


def book_by_link(*, booking_id: int) -> Booking:
    """Make what awaits its proof a booking, as somebody has opened the link of its mail. Locks all its slots.

    CONFIRMED or PENDING, as if it had been booked just now; what ran out takes its seats again if they are still free.
    Returns the booking; called again, the same one. Raises Blocked, NotReturning, SlotTaken, TooManyBookings, NotFound,
    Busy.
    """
    with slot_transaction():
        booking, slot = lock_booking(booking_id)
        if not booking.awaits_proof:
            return booking
        check_not_blocked(slot, booking)
        check_return(booking, slot)
        slot = lapse_and_serve(read_taken(booking))
        booking.refresh_from_db(fields=["status"])  # it may be among those that have just run out
        hold = booking if booking.status == Status.HELD else None
        if reason := refusal_of(slot, booking.seats, own=hold):
            raise SlotTaken(slot, reason)
        if has_enough(booking, slot):
            raise TooManyBookings(slot)
        booking.slot = without_hold(slot, hold)
        count_as_booked(booking, slot)
        booking.is_vouched = True
        booking.save(update_fields=["status", "expires_at", "awaits_proof", "is_vouched"])
        queue_what_follows([booking])
        serve_waitlists(booking.slot_ids)  # an offer may have been taken
        return booking


def _same(answer: Booked) -> Booked:
    return answer
