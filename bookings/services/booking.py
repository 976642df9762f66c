"""Book a slot."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from datetime import timedelta
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from django.db import IntegrityError, OperationalError, connection
from django.utils.translation import gettext as _

from bookings.errors import Blocked, Busy, InvalidDetails, NotFound, SlotTaken, TooManyBookings
from bookings.mail.rules import MailKind, kind_of
from bookings.models import Answer as QuestionAnswer
from bookings.models import Block, Booking, EventType, ProofReason, Question, Source, Status
from bookings.networks import network_of
from bookings.policy import BrokenRule, approval_ends, broken_rule
from bookings.references import new_reference
from bookings.selectors.answers import questions_with
from bookings.selectors.blocks import blocks_of, is_blocked
from bookings.selectors.facts import new_booking_facts, slot_after
from bookings.selectors.lately import asked_for_webhooks, slots_to_book
from bookings.selectors.own_slots import without_hold
from bookings.selectors.slot_for_visitor import SlotForVisitor
from bookings.services.answers import check_answers, save_answers
from bookings.services.audience import check_return, must_prove_return
from bookings.services.caution import Asked, Caution, has_enough, judge
from bookings.services.checks import (
    check_beyond_rules,
    check_details,
    check_not_blocked,
    check_party,
    check_phone,
    refusal_of,
)
from bookings.services.effects import (
    publish_all,
    queue_mails,
)
from bookings.services.idempotency import Answer, Booked, find_given, keep_bookings, keep_refusals
from bookings.services.locking import lock_booking, own_holds
from bookings.services.sessions import agreed_with, must_be_locked, read_taken, session_wanted, take
from bookings.services.together import Gate, Request, history_group, write_alone
from bookings.services.turned_away import Refusal, crowd, keep_turned_away
from bookings.services.waitlist import WORTH_WAITING, lapse_and_serve, serve_waitlists
from bookings.webhooks.events import booking_events, queue_webhooks, slot_taken
from experts import arrivals, history, metrics, request_ids
from experts.inserting import insert_all, update_row
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

PROOF_LASTS = timedelta(minutes=15)
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
    answer = Answer.for_request(booking, idempotency_key, idempotency_scope, client_address, typed)
    request = _Request(booking, answer, work, is_quick, typed, beyond_rules=beyond_rules)
    if seen is not None:
        check_party(seen.slot, booking)
        check_not_blocked(seen.slot, booking)
        if refusal_of(seen.slot, seats, own=seen.hold, holds_may_lapse=True, beyond_rules=beyond_rules) is None:
            request.seen_free = seen.slot
    # Whoever wants several slots waits for all of them by itself: in a batch it would lock out of order.
    takes_several = session_type is not None or (seen is not None and seen.hold is not None and seen.hold.more_slots)
    if connection.in_atomic_block or takes_several:
        # What is written in somebody's transaction is committed or undone with it.
        in_thread(history.carried(partial(write_alone, _write, request)))
    else:
        _refuse_with_crowd(request)
        # One transaction has one history: who is booking, and from where, must be the same for all.
        gate.enter(request, group=history_group())
    return request.wait()


def check_key(idempotency_key: str) -> None:
    """Raise InvalidDetails for what can be no idempotency key. None ("") is one."""
    if idempotency_key and not _KEY.fullmatch(idempotency_key):
        raise InvalidDetails({"idempotency_key": [_("Use 1 to 200 printable ASCII characters without spaces.")]})


class _Request(Request[Booked]):
    """Somebody's wish to book, in line with those that came at the same moment."""

    def __init__(
        self,
        wanted: Booking,
        answer: Answer,
        work: str,
        is_quick: bool,
        typed: Mapping[str, Any],
        *,
        beyond_rules: bool = False,
    ) -> None:
        super().__init__(wanted.slot_id)
        self.beyond_rules = beyond_rules
        self.typed = typed  # to what the organisation asks
        self.answers: list[QuestionAnswer] = []  # checked
        self.work = work  # the solution of a challenge
        self.is_quick = is_quick
        self.wanted = wanted  # unsaved, and left as it is: what fails is written again
        self.answer = answer
        self.seen_free: Slot | None = None  # the slot, where the caller has just seen that it can be booked
        self.caution: Caution | None = None  # why it has to be proven first

    @property
    def asker(self) -> tuple[int, str]:
        """By which a hold of its own is found."""
        return self.slot_id, self.wanted.holder


class _Refused(NamedTuple):
    request: _Request
    slot: Slot
    reason: str


class _Seen(NamedTuple):
    """A slot that could not be booked by somebody, as it was read."""

    slot: Slot
    blocks: dict[int, list[Block]]


_refused_lately: arrivals.ReadSince[_Seen] = arrivals.ReadSince()  # by slot


# What a request is told; called in its own thread.
_Outcome = tuple[_Request, Callable[[], Booked]]


def _write(requests: list[_Request], *, wait: bool) -> list[_Request]:
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


def _refuse_with_crowd(request: _Request) -> None:
    """Refuse at once what is impossible by what was read for somebody else while this request waited for a thread.

    Raises what ``book`` does. Not for whoever may have a hold, or has a key, with which the answer has to be kept.
    """
    seen = _refused_lately.get(request.slot_id)
    if seen is None or request.wanted.holder or request.answer.name is not None:
        return
    reason = _refusal(request, seen.slot, None, seen.blocks)
    if reason is not None:
        crowd.count(Refusal(request.slot_id, reason, request.wanted.source))
        raise SlotTaken(seen.slot, reason)


def _refusal(request: _Request, slot: Slot, own: Booking | None, blocks: dict[int, list[Block]]) -> str | None:
    """Why the slot, as it was read without a lock, cannot be booked. Raises InvalidDetails or Blocked."""
    wanted = request.wanted
    check_party(slot, wanted)
    if is_blocked(wanted, slot, blocks):
        raise Blocked(slot)
    return refusal_of(slot, wanted.seats, own=own, holds_may_lapse=True, beyond_rules=request.beyond_rules)


def _book_together(requests: list[_Request], *, wait: bool) -> list[_Request]:
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
            slots[first.slot_id] = _session(slots[first.slot_id], first)
        except (SlotTaken, NotFound) as error:
            _settle(_refuse_type(first, slots[first.slot_id], error))
            return []
    contenders, holds = requests, {}
    if not is_seen:
        holds = own_holds((slots[r.slot_id], r.wanted.holder) for r in requests if r.slot_id in slots)
        contenders = _refuse_by_what_is_seen(requests, slots, holds, began)
    contenders = _check_answers(contenders, slots)
    if not contenders:
        return []
    contenders = _judge(contenders, slots)
    if not contenders:
        return []
    # 2. What is left needs the locks. Nobody is told anything before it is committed.
    with slot_transaction(waits=wait):
        outcomes, left = _book_under_lock(contenders, slots, holds, wait=wait)
    _settle(outcomes)
    return left


def _refuse_by_what_is_seen(
    requests: list[_Request], slots: dict[int, Slot], holds: dict[tuple[int, str], Booking], began: float
) -> list[_Request]:
    """Settle those for whom nothing can be booked in the slots as they were read. Returns the others.

    ``began``: when the slots began to be read.
    """
    blocks = blocks_of(slots.values())
    contenders: list[_Request] = []
    refused: list[_Refused] = []
    for request in requests:
        slot = slots.get(request.slot_id)
        if slot is None:
            request.fail(NotFound())
            continue
        try:
            reason = _refusal(request, slot, holds.get(request.asker), blocks)
        except InvalidDetails:
            # Said again by the request's own thread, which has its language.
            request.settle(partial(_refuse_party, slot, request.wanted))
        except Blocked:
            request.settle(partial(_refuse_blocked, slot))
        else:
            if reason is None:
                contenders.append(request)
            else:
                refused.append(_Refused(request, slot, reason))
                _refused_lately.keep(slot.pk, began, _Seen(slot, blocks))
    _settle(_keep_refusals(refused))
    return contenders


def _refuse_type(request: _Request, slot: Slot, error: SlotTaken | NotFound) -> list[_Outcome]:
    """No session of the type can begin there, or there is no such type (any more). A retry gets the first answer."""
    if isinstance(error, SlotTaken):
        return _keep_refusals([_Refused(request, error.slot, error.reason)])
    for given in find_given([request.answer]).values():
        return [(request, partial(request.answer.repeat, given, slot))]
    raise error


def _check_answers(contenders: list[_Request], slots: dict[int, Slot]) -> list[_Request]:
    """Check what they answer. Returns those with whom nothing is wrong; the others are told what is."""
    questions: dict[tuple[int, int | None], list[Question]] = {}
    accepted = []
    for request in contenders:
        expert, wanted = slots[request.slot_id].expert, request.wanted
        group = expert.organization_id, wanted.session_type_id
        if group not in questions:
            questions[group] = questions_with(expert.organization, wanted.session_type_id)
        check = partial(
            check_answers,
            questions[group],
            request.typed,
            zones=[expert.timezone, wanted.timezone],
            by_staff=wanted.source == Source.STAFF,
        )
        try:
            request.answers = check()
        except InvalidDetails:
            # The questions may be others than when the key was answered.
            if request.answer.name not in find_given([request.answer]):
                request.settle(partial(_refuse_answers, check))
                continue
        accepted.append(request)
    return accepted


def _judge(contenders: list[_Request], slots: dict[int, Slot]) -> list[_Request]:
    """Note how careful to be with each (caution.py). Returns those who do not have enough of the expert already."""
    verdicts = judge([Asked(it.wanted, slots[it.slot_id], it.work, it.is_quick) for it in contenders])
    for request, verdict in zip(contenders, verdicts, strict=True):
        if verdict.has_enough:
            request.settle(partial(_refuse_more, slots[request.slot_id]))
        request.caution, request.wanted.of_expert_id = verdict.caution, verdict.of_expert_id
        request.wanted.is_vouched = verdict.is_vouched
        if request.caution is None and must_prove_return(request.wanted, slots[request.slot_id]):
            request.caution = Caution(ProofReason.POLICY, keeps=True, prolongs=True)
    return [it for it, verdict in zip(contenders, verdicts, strict=True) if not verdict.has_enough]


def _lock_and_read(
    contenders: list[_Request],
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
            slots[request.slot_id] = _session(slots[request.slot_id], request)
            must_be_locked([each.pk for each in slots[request.slot_id].covered], locked)
    return slots, locked


def _book_under_lock(
    contenders: list[_Request],
    seen: dict[int, Slot],
    seen_holds: dict[tuple[int, str], Booking],
    *,
    wait: bool,
) -> tuple[list[_Outcome], list[_Request]]:
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
    outcomes: list[_Outcome] = []
    refused, booked, asked_again = [], [], set()
    for request in present:
        slot, name = slots[request.slot_id], request.answer.name
        if name in given:
            outcomes.append((request, partial(request.answer.repeat, given[name], slot)))
            continue
        hold = holds.get(request.asker)  # one's own is no obstacle
        reason = refusal_of(slot, request.wanted.seats, own=hold, beyond_rules=request.beyond_rules)
        if reason is not None:
            refused.append(_Refused(request, slot, reason))
            continue
        rule = broken_rule(slot, slot.read_at) if request.beyond_rules else None
        booking = _make_booking(request.wanted, slot, hold, request.caution, rule)
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
    outcomes += _keep_refusals(refused)
    _save([answer.booking for _request, answer in booked])
    save_answers(((answer.booking, request.answers) for request, answer in booked), again=asked_again)
    keep_bookings((request.answer, answer) for request, answer in booked)
    _queue_what_follows([answer.booking for _request, answer in booked], asked_for_webhooks(seen.values()))
    for caused_by, slot_ids in freed.items():
        with request_ids.under(caused_by):
            serve_waitlists(slot_ids)
    outcomes += [(request, partial(_same, answer)) for request, answer in booked]
    return outcomes, left


def _session(slot: Slot, request: _Request) -> Slot:
    return session_wanted(slot, request.wanted.session_type_id, request.wanted.second_expert_id)


def _leaves_seats(hold: Booking, booking: Booking) -> bool:
    """Whether who waits may be served: an offer was taken, or less than was held, or it is kept no longer."""
    is_less = hold.seats > booking.seats or hold.slot_ids != booking.slot_ids
    return hold.offer_id is not None or is_less or booking.status == Status.EXPIRED


def _make_booking(
    wanted: Booking, slot: Slot, hold: Booking | None, caution: Caution | None, rule: BrokenRule | None
) -> Booking:
    """The booking, not saved, with the slot as it was before. The row of a hold becomes the booking, so that its seats
    are never free in between.
    """
    booking = copy(wanted)
    booking.broken_rule = rule or ""
    take(booking, without_hold(slot, hold))
    if hold is None:
        booking.reference, booking.created_at = new_reference(), slot.read_at
    else:
        booking.pk, booking.reference, booking.created_at = hold.pk, hold.reference, hold.created_at
        booking.sequence = hold.sequence
    booking.agreed = agreed_with(booking)
    if caution is None:
        _count(booking, slot)
    else:
        _await_proof(booking, slot, hold, caution)
    return booking


def _count(booking: Booking, slot: Slot) -> None:
    """Make it a booking, or a request where the policy asks for approval. Not saved."""
    booking.awaits_proof = False
    # Who may break a rule has approved it.
    if slot.policy("requires_approval") and not (booking.broken_rule or booking.is_agreed):
        booking.status = Status.PENDING
        booking.expires_at = approval_ends(slot)
    else:
        booking.status = Status.CONFIRMED
        booking.expires_at = None


def _await_proof(booking: Booking, slot: Slot, hold: Booking | None, caution: Caution) -> None:
    """Make it a hold with a name, until the link of its mail is opened. Not saved."""
    booking.awaits_proof, booking.proof_reason = True, caution.reason
    if caution.keeps or (caution.prolongs and hold is not None):
        booking.status = Status.HELD
        booking.expires_at = min(slot.read_at + PROOF_LASTS, slot.bookable_until)
    elif hold is not None and hold.seats >= booking.seats:
        booking.status, booking.expires_at = Status.HELD, hold.expires_at  # what was kept already, and no longer
    else:
        booking.status, booking.expires_at = Status.EXPIRED, slot.read_at
    if booking.status == Status.HELD and hold is not None and hold.awaits_proof:
        booking.expires_at = hold.expires_at  # asked again, with another address: that prolongs nothing


def _save(bookings: list[Booking]) -> None:
    insert_all([booking for booking in bookings if booking.pk is None])
    for booking in bookings:
        if booking._state.adding:  # the row of a hold becomes the booking
            update_row(booking)


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
        _count(booking, slot)
        booking.is_vouched = True
        booking.save(update_fields=["status", "expires_at", "awaits_proof", "is_vouched"])
        _queue_what_follows([booking])
        serve_waitlists(booking.slot_ids)  # an offer may have been taken
        return booking


def _queue_what_follows(bookings: Iterable[Booking], have_webhooks: Mapping[int, bool] | None = None) -> None:
    bookings = list(bookings)
    awaiting = [booking for booking in bookings if booking.awaits_proof]
    queue_mails((booking, MailKind.PROVE) for booking in awaiting)
    publish_all(awaiting)
    bookings = [booking for booking in bookings if not booking.awaits_proof]
    if not bookings:
        return
    pending = [booking for booking in bookings if booking.status == Status.PENDING]
    queue_mails(
        [(booking, kind) for booking in bookings if booking.is_told and (kind := kind_of(booking))]
        + [(booking, MailKind.STAFF_REQUEST) for booking in pending],
        by_visitor=True,  # what staff book is told as theirs all the same (bookings/mail/limits.py)
    )
    events = []
    for booking in bookings:
        told = [EventType.BOOKING_CREATED]
        if booking.status == Status.CONFIRMED:
            told.append(EventType.BOOKING_CONFIRMED)
        events += booking_events(booking, *told) + slot_taken(booking.slot, booking.seats, booking.asked_by)
    queue_webhooks(events, have_webhooks or {})
    publish_all(bookings)


def _keep_refusals(refused: list[_Refused]) -> list[_Outcome]:
    """Keep refusals: for staff as demand, for retries as their answers. Returns what each request is told."""
    are_new = keep_refusals((request.answer, reason) for request, _slot, reason in refused)
    new = [it for it, is_new in zip(refused, are_new, strict=True) if is_new]
    old = [it for it, is_new in zip(refused, are_new, strict=True) if not is_new]
    keep_turned_away(Counter(Refusal(it.request.slot_id, it.reason, it.request.wanted.source) for it in new))
    outcomes: list[_Outcome] = [(it.request, partial(_turn_away, it.slot, it.reason)) for it in new]
    # Another request with the key was answered first, perhaps with the very booking that filled the slot.
    given = find_given(it.request.answer for it in old)
    for it in old:
        answer = it.request.answer
        assert answer.name is not None, "without a key every refusal is new"
        outcomes.append((it.request, partial(answer.repeat, given[answer.name], it.slot)))
    return outcomes


def _settle(outcomes: list[_Outcome]) -> None:
    for request, outcome in outcomes:
        request.settle(outcome)


def _same(answer: Booked) -> Booked:
    return answer


def _turn_away(slot: Slot, reason: str) -> Booked:
    raise SlotTaken(slot, reason)


def _refuse_blocked(slot: Slot) -> Booked:
    raise Blocked(slot)


def _refuse_more(slot: Slot) -> Booked:
    raise TooManyBookings(slot)


def _refuse_party(slot: Slot, wanted: Booking) -> Booked:
    check_party(slot, wanted)
    raise AssertionError("was refused before")


def _refuse_answers(check: Callable[[], object]) -> Booked:
    check()  # again, in the request's own language
    raise AssertionError("was refused before")


def note_opened_full(*, slot_id: int, reason: str, source: str = Source.WEB) -> None:
    """Keep that somebody opened a slot that has no seat for them. Nothing to learn from a closed or past one."""
    if reason in WORTH_WAITING:
        keep_turned_away({Refusal(slot_id, reason, source): 1})
