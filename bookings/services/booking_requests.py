"""Requests to book: what each of them wants, and how those end that can be refused before any lock."""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from bookings.errors import Blocked, InvalidDetails, NotFound, SlotTaken, TooManyBookings
from bookings.models import Answer, Block, Booking, ProofReason, Question, Source
from bookings.selectors.answers import questions_with
from bookings.selectors.blocks import blocks_of, is_blocked
from bookings.services.answers import check_answers
from bookings.services.audience import must_prove_return
from bookings.services.caution import BookingAttempt, Caution, judge
from bookings.services.checks import check_party, refusal_of
from bookings.services.idempotency import Booked, KeyedAnswer, find_given, keep_refusals
from bookings.services.sessions import session_wanted
from bookings.services.together import Request
from bookings.services.turned_away import Refusal, crowd, keep_turned_away
from experts import arrivals
from experts.models import Slot


class BookingRequest(Request[Booked]):
    """Somebody's wish to book, in line with those that came at the same moment."""

    def __init__(
        self,
        wanted: Booking,
        answer: KeyedAnswer,
        work: str,
        is_quick: bool,
        typed: Mapping[str, Any],
        *,
        beyond_rules: bool = False,
    ) -> None:
        super().__init__(wanted.slot_id)
        self.beyond_rules = beyond_rules
        self.typed = typed  # to what the organisation asks
        self.answers: list[Answer] = []  # checked
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


class Refused(NamedTuple):
    request: BookingRequest
    slot: Slot
    reason: str


class _Seen(NamedTuple):
    """A slot that could not be booked by somebody, as it was read."""

    slot: Slot
    blocks: dict[int, list[Block]]


_refused_lately: arrivals.ReadSince[_Seen] = arrivals.ReadSince()  # by slot


# What a request is told; called in its own thread.
BookingOutcome = tuple[BookingRequest, Callable[[], Booked]]


def refuse_with_crowd(request: BookingRequest) -> None:
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


def _refusal(request: BookingRequest, slot: Slot, own: Booking | None, blocks: dict[int, list[Block]]) -> str | None:
    """Why the slot, as it was read without a lock, cannot be booked. Raises InvalidDetails or Blocked."""
    wanted = request.wanted
    check_party(slot, wanted)
    if is_blocked(wanted, slot, blocks):
        raise Blocked(slot)
    return refusal_of(slot, wanted.seats, own=own, holds_may_lapse=True, beyond_rules=request.beyond_rules)


def refuse_by_what_is_seen(
    requests: list[BookingRequest], slots: dict[int, Slot], holds: dict[tuple[int, str], Booking], began: float
) -> list[BookingRequest]:
    """Settle those for whom nothing can be booked in the slots as they were read. Returns the others.

    ``began``: when the slots began to be read.
    """
    blocks = blocks_of(slots.values())
    contenders: list[BookingRequest] = []
    refused: list[Refused] = []
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
                refused.append(Refused(request, slot, reason))
                _refused_lately.keep(slot.pk, began, _Seen(slot, blocks))
    settle_all(turn_away(refused))
    return contenders


def refuse_type(request: BookingRequest, slot: Slot, error: SlotTaken | NotFound) -> list[BookingOutcome]:
    """No session of the type can begin there, or there is no such type (any more). A retry gets the first answer."""
    if isinstance(error, SlotTaken):
        return turn_away([Refused(request, error.slot, error.reason)])
    for given in find_given([request.answer]).values():
        return [(request, partial(request.answer.repeat, given, slot))]
    raise error


def check_typed_answers(contenders: list[BookingRequest], slots: dict[int, Slot]) -> list[BookingRequest]:
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


def judge_contenders(contenders: list[BookingRequest], slots: dict[int, Slot]) -> list[BookingRequest]:
    """Note how careful to be with each (caution.py). Returns those who do not have enough of the expert already."""
    verdicts = judge([BookingAttempt(it.wanted, slots[it.slot_id], it.work, it.is_quick) for it in contenders])
    for request, verdict in zip(contenders, verdicts, strict=True):
        if verdict.has_enough:
            request.settle(partial(_refuse_more, slots[request.slot_id]))
        request.caution, request.wanted.of_expert_id = verdict.caution, verdict.of_expert_id
        request.wanted.is_vouched = verdict.is_vouched
        if request.caution is None and must_prove_return(request.wanted, slots[request.slot_id]):
            request.caution = Caution(ProofReason.POLICY, keeps=True, prolongs=True)
    return [it for it, verdict in zip(contenders, verdicts, strict=True) if not verdict.has_enough]


def session_of(slot: Slot, request: BookingRequest) -> Slot:
    return session_wanted(slot, request.wanted.session_type_id, request.wanted.second_expert_id)


def turn_away(refused: list[Refused]) -> list[BookingOutcome]:
    """Keep refusals: for staff as demand, for retries as their answers. Returns what each request is told."""
    are_new = keep_refusals((request.answer, reason) for request, _slot, reason in refused)
    new = [it for it, is_new in zip(refused, are_new, strict=True) if is_new]
    old = [it for it, is_new in zip(refused, are_new, strict=True) if not is_new]
    keep_turned_away(Counter(Refusal(it.request.slot_id, it.reason, it.request.wanted.source) for it in new))
    outcomes: list[BookingOutcome] = [(it.request, partial(_refuse_taken, it.slot, it.reason)) for it in new]
    # Another request with the key was answered first, perhaps with the very booking that filled the slot.
    given = find_given(it.request.answer for it in old)
    for it in old:
        answer = it.request.answer
        assert answer.name is not None, "without a key every refusal is new"
        outcomes.append((it.request, partial(answer.repeat, given[answer.name], it.slot)))
    return outcomes


def settle_all(outcomes: list[BookingOutcome]) -> None:
    for request, outcome in outcomes:
        request.settle(outcome)


def _refuse_taken(slot: Slot, reason: str) -> Booked:
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
