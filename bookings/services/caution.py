"""Decide how long seats are kept for people unknown, and when they have to open a link before a booking counts.

Known is who has opened the link of a mail before, in the browser or for the address: they are not asked, and what they
hold does not count; one person has a share of their own. docs/decisions/0029-links-that-keep.md says why these numbers.
"""

import math
import time
from collections import Counter
from collections.abc import Sequence
from itertools import compress
from typing import NamedTuple

from disposable_email_domains import blocklist
from django.conf import settings

from bookings.models import Booking, ProofReason, Source, Status
from bookings.models.recipient import normalised
from bookings.selectors.mailboxes import NOBODY, Mailbox, read_mailboxes
from bookings.selectors.recent_demand import FEW, MOST_COUNTED, DemandOfUnknown, Lately, is_known, look_closely
from bookings.services.proof_of_work import accept_work
from experts.models import Slot
from experts.models.organization import ProofPolicy

# Of all seats of an expert that lie ahead: what people unknown may have without being asked, and what they may keep in
# any way, by holds and by bookings that wait for their link. Or so many seats where that is more.
ASKED_FROM, KEPT_UP_TO = 0.10, 0.15
# What one mailbox can book of them: in all from browsers that it has vouched for and by links that were opened, and
# from others, where it is known and somebody types it. Together no more than strangers may keep.
OWN_UP_TO, TYPED_UP_TO = 0.10, 0.05
# Holds and bookings with one expert in seven days of one network (IPv4 /24, IPv6 /64), and of one IPv6 /48.
MOST_OF_NETWORK, MOST_OF_WIDE_NETWORK = 10, 40
# From this share of what may be kept on, holds become shorter.
LONG_HOLDS = 1 / 3


class Caution(NamedTuple):
    """Why the link is asked for, and whether the seats are kept until it was opened.

    ``keeps``: for somebody without a hold. ``prolongs``: for somebody whose hold of them runs.
    """

    reason: ProofReason
    keeps: bool
    prolongs: bool


class HoldTime(NamedTuple):
    """For how many minutes a hold keeps its seats; 0: not at all, or only for who ``needs_work`` and has done it."""

    minutes: int
    needs_work: bool = False


class BookingAttempt(NamedTuple):
    """Who wants to book: ``wanted`` is not saved, ``slot`` was read with ``lately`` and ``known``.

    ``work`` solves a challenge, and is spent where it is needed. ``is_quick``: see ``ProofReason``.
    """

    wanted: Booking
    slot: Slot
    work: str = ""
    is_quick: bool = False


class Verdict(NamedTuple):
    """``caution``: None where it counts at once, as nearly always. ``of_expert_id``: see ``Booking``; None where known.

    ``has_enough``: one person can book no more with the expert. ``is_vouched``: see ``Booking``.
    """

    caution: Caution | None = None
    of_expert_id: int | None = None
    has_enough: bool = False
    is_vouched: bool = False


class _Earlier:
    """What others in the same batch are about to have: none of it is in the database yet."""

    def __init__(self) -> None:
        self.seats: Counter[int] = Counter()  # by expert
        self.requests: Counter[tuple[int, str | None]] = Counter()  # by expert and network
        self.of_mailbox: Counter[tuple[int, str]] = Counter()  # seats, by expert and mailbox

    def add(self, asked: BookingAttempt, verdict: Verdict) -> None:
        wanted, expert_id, seats = asked.wanted, asked.slot.expert_id, _seats(asked.wanted, asked.slot)
        if verdict.has_enough or not settings.RATE_LIMITS:
            return
        self.of_mailbox[expert_id, normalised(wanted.email)] += seats
        if verdict.of_expert_id is not None and (verdict.caution is None or verdict.caution.keeps):
            self.seats[expert_id] += seats
            self.requests[expert_id, wanted.network] += 1


def judge(asked: Sequence[BookingAttempt]) -> list[Verdict]:
    """Say of each who wants to book whether it has to be proven first. Asks the database only where it may matter.

    They come at the same moment, and count for one another in their order.
    """
    reasons = [_reason_at_once(each) for each in asked]
    matters, before = [], _Earlier()
    for each, reason in zip(asked, reasons, strict=True):
        may_be_odd = reason is not None or is_known(each.wanted, each.slot) or not _is_quiet(each, before)
        matters.append(_is_asked(each) and may_be_odd)
        before.add(each, Verdict(of_expert_id=each.slot.expert_id))
    found = iter(read_mailboxes((each.wanted, each.slot.expert_id) for each in compress(asked, matters)))
    verdicts, before = [], _Earlier()
    for each, reason, matter in zip(asked, reasons, matters, strict=True):
        verdicts.append(_judge(each, reason, next(found) if matter else NOBODY, before))
        before.add(each, verdicts[-1])
    return verdicts


def _judge(asked: BookingAttempt, reason: ProofReason | None, mailbox: Mailbox, before: _Earlier) -> Verdict:
    wanted, slot = asked.wanted, asked.slot
    if not _is_asked(asked):
        return Verdict(of_expert_id=None if wanted.source == Source.STAFF else slot.expert_id)
    beside = before.of_mailbox[slot.expert_id, normalised(wanted.email)]
    if mailbox.vouches:
        return Verdict(has_enough=_is_too_much(wanted, slot, mailbox.own_seats + beside, OWN_UP_TO), is_vouched=True)
    if mailbox.is_proven:
        if not _is_too_much(wanted, slot, mailbox.seats + beside, TYPED_UP_TO):
            return Verdict()
        reason = ProofReason.ADDRESS
    elif is_known(wanted, slot):  # the browser, with another address
        reason = None
        if _is_too_much(wanted, slot, mailbox.own_seats, OWN_UP_TO):
            return Verdict(has_enough=True)
        if _is_quiet(asked, before) or _has_room(_look(slot, wanted, before), wanted, slot):
            return Verdict(of_expert_id=slot.expert_id)
    elif reason is None and _is_quiet(asked, before):
        return Verdict(of_expert_id=slot.expert_id)
    standing = _look(slot, wanted, before)
    has_room = _has_room(standing, wanted, slot)
    reason = reason or _what_is_unusual(standing, _few(wanted, slot))
    if reason is None:
        return Verdict(of_expert_id=slot.expert_id)
    keeps = has_room and (not _is_crowded(standing) or accept_work(asked.work, slot.pk))
    return Verdict(Caution(reason, keeps=keeps, prolongs=has_room), slot.expert_id)


def has_enough(booking: Booking, slot: Slot) -> bool:
    """Whether somebody whose link was just opened has as much with the expert as one person can book, without it."""
    if not settings.RATE_LIMITS or slot.expert.organization.proof == ProofPolicy.NEVER:
        return False
    [mailbox] = read_mailboxes([(booking, slot.expert_id)])
    waits = _seats(booking, slot) if booking.status == Status.HELD and booking.holder else 0
    return _is_too_much(booking, slot, mailbox.own_seats - waits, OWN_UP_TO)


def may_count(booking: Booking, slot: Slot) -> bool:
    """Whether people unknown may have these seats, too: somebody known gives them to an address that is not."""
    return not settings.RATE_LIMITS or _has_room(_look(slot, booking), booking, slot)


def _is_asked(asked: BookingAttempt) -> bool:
    return asked.wanted.source != Source.STAFF and asked.slot.expert.organization.proof != ProofPolicy.NEVER


def _reason_at_once(asked: BookingAttempt) -> ProofReason | None:
    """Return why strangers are asked, as far as the request itself tells."""
    if asked.slot.expert.organization.proof == ProofPolicy.ALWAYS:
        return ProofReason.POLICY
    return _what_is_odd(asked.wanted, is_quick=asked.is_quick)


def _is_too_much(wanted: Booking, slot: Slot, seats: int, share: float) -> bool:
    """Whether a person has that share of the expert's seats with ``seats`` and what is ``wanted``."""
    more, few = _seats(wanted, slot), _few(wanted, slot)
    if not settings.RATE_LIMITS or seats + more <= few or more > few > seats:
        return False
    seats_ahead = _seats_ahead.get(slot.expert_id) or _look(slot, wanted).seats_ahead
    return seats + more > max(few, int(seats_ahead * share))


def _seats(wanted: Booking, slot: Slot) -> int:
    """How many seats it takes, in all slots of a session together."""
    return wanted.seats * _length(wanted, slot)


def _few(wanted: Booking, slot: Slot) -> int:
    """How many seats are nobody's attack: of sessions as long as this one."""
    return FEW * _length(wanted, slot)


def _length(wanted: Booking, slot: Slot) -> int:
    return max(len(slot.covered), 1 + len(wanted.more_slots))


def counted_for(hold: Booking, slot: Slot) -> int | None:
    """Return the expert with whom a hold counts as made by somebody unknown (``Booking.of_expert``); None for none."""
    return None if hold.source == Source.STAFF or is_known(hold, slot) else slot.expert_id


def hold_time(wanted: Booking, slot: Slot, work: str = "") -> HoldTime:
    """Return how long a hold keeps its seats: as the policy says, and shorter when people unknown hold many.

    Parameters as for ``caution_about``.
    """
    minutes: int = slot.policy("hold_minutes")
    if wanted.source == Source.STAFF or is_known(wanted, slot) or _is_quiet(BookingAttempt(wanted, slot)):
        return HoldTime(minutes)
    standing = _look(slot, wanted)
    if not _has_room(standing, wanted, slot):
        return HoldTime(0)
    if _is_crowded(standing) and not accept_work(work, slot.pk):
        return HoldTime(0, needs_work=True)
    share = standing.held / _kept_up_to(standing.seats_ahead, _few(wanted, slot))
    return HoldTime(minutes if share <= LONG_HOLDS else max(1, math.ceil(minutes * (1 - share))))


def _what_is_odd(wanted: Booking, *, is_quick: bool) -> ProofReason | None:
    """Return what is odd about the request itself, if anything."""
    if not settings.RATE_LIMITS:
        return None
    if is_quick:
        return ProofReason.QUICK
    return ProofReason.DOMAIN if _is_disposable(wanted.email) else None


def _is_disposable(email: str) -> bool:
    """Whether an address belongs to a service that gives addresses away for minutes, or to a name below it."""
    labels = email.rpartition("@")[2].lower().split(".")
    return any(".".join(labels[first:]) in blocklist for first in range(len(labels) - 1))


def _what_is_unusual(standing: DemandOfUnknown, few: int) -> ProofReason | None:
    """Return the first of the reasons that holds."""
    if _is_crowded(standing):
        return ProofReason.NETWORK
    if standing.seats >= _asked_from(standing.seats_ahead, few):
        return ProofReason.EXPERT
    return None


def _has_room(standing: DemandOfUnknown, wanted: Booking, slot: Slot) -> bool:
    """Whether people unknown may keep what is wanted, too."""
    return standing.seats + _seats(wanted, slot) <= _kept_up_to(standing.seats_ahead, _few(wanted, slot))


def _is_crowded(standing: DemandOfUnknown) -> bool:
    """Whether the asker's network has as much with this expert as it may have without being asked."""
    return standing.of_network >= MOST_OF_NETWORK or standing.of_wide_network >= MOST_OF_WIDE_NETWORK


def _asked_from(seats_ahead: int, few: int) -> int:
    return max(few, int(seats_ahead * ASKED_FROM))


def _kept_up_to(seats_ahead: int, few: int) -> int:
    return max(few, int(seats_ahead * KEPT_UP_TO))


def _is_quiet(asked: BookingAttempt, before: _Earlier | None = None) -> bool:
    """Whether so little was asked of the expert, by anybody, that nothing can be unusual."""
    slot, lately = asked.slot, Lately.of(asked.slot)
    before = before or _Earlier()
    if lately.of_one_network + before.requests[slot.expert_id, asked.wanted.network] >= MOST_OF_NETWORK:
        return False
    seats = lately.seats + before.seats[slot.expert_id]
    few = _few(asked.wanted, slot)
    if seats < few:
        return True
    seats_ahead = _seats_ahead.get(slot.expert_id)
    if seats_ahead is None or seats >= MOST_COUNTED:
        return False
    return seats < _asked_from(seats_ahead, few) and lately.held <= _kept_up_to(seats_ahead, few) * LONG_HOLDS


def _look(slot: Slot, wanted: Booking, before: _Earlier | None = None) -> DemandOfUnknown:
    standing = look_closely(slot, network=wanted.network, visitor=wanted.holder)
    _seats_ahead.put(slot.expert_id, standing.seats_ahead)
    if before is None:
        return standing
    beside = before.requests[slot.expert_id, wanted.network]
    return standing._replace(
        seats=standing.seats + before.seats[slot.expert_id],
        of_network=standing.of_network + beside,
        of_wide_network=standing.of_wide_network + beside,
    )


class _SeatsAhead:
    """How many seats experts have ahead, for ten minutes: so a busy expert's bookings need not count them each time."""

    LASTS, MOST = 600.0, 10_000  # seconds, experts

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, float]] = {}

    def get(self, expert_id: int) -> int | None:
        seats, until = self._known.get(expert_id, (0, 0.0))
        return seats if until > time.monotonic() else None

    def put(self, expert_id: int, seats: int) -> None:
        if len(self._known) >= self.MOST:
            self._known = {}
        self._known[expert_id] = seats, time.monotonic() + self.LASTS

    def forget(self) -> None:
        """Forget all; for tests, whose experts have the same numbers again."""
        self._known = {}


_seats_ahead = _SeatsAhead()
