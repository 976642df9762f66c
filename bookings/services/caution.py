"""Decide how long seats are kept for people unknown, and when they have to open a link before a booking counts.

Known is who has opened the link of a mail before, in the browser or for the address: they are never asked, and what
they hold does not count. docs/decisions/0029-links-that-keep.md says why these numbers.
"""

import math
import time
from typing import NamedTuple

from disposable_email_domains import blocklist
from django.conf import settings

from bookings.access.proven import is_proven
from bookings.models import Booking, ProofReason, Source
from bookings.selectors.lately import MOST_COUNTED, Lately, Standing, is_known, look_closely
from bookings.services.proof_of_work import accept_work
from experts.models import Slot
from experts.models.organization import ProofPolicy

# Of all seats of an expert that lie ahead: what people unknown may have without being asked, and what they may keep in
# any way, by holds and by bookings that wait for their link. Or so many seats where that is more.
ASKED_FROM, KEPT_UP_TO = 0.10, 0.15
FEW = 3
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


def caution_about(wanted: Booking, slot: Slot, work: str = "", *, is_quick: bool = False) -> Caution | None:
    """Return why this request has to be proven first; None where it counts at once, as nearly always.

    ``wanted`` is not saved; ``slot`` was read with ``lately`` and ``known``. ``work`` solves a challenge, and is
    spent where it is needed. Asks the database only where it may matter.
    """
    policy = slot.expert.organization.proof
    if wanted.source == Source.STAFF or policy == ProofPolicy.NEVER or is_known(wanted, slot):
        return None
    reason = ProofReason.POLICY if policy == ProofPolicy.ALWAYS else _what_is_odd(wanted, is_quick=is_quick)
    if _is_quiet(slot) and (reason is None or is_proven(visitor=wanted.holder, email=wanted.email)):
        return None
    standing = _look(slot, wanted)
    if standing.is_known:
        return None
    reason = reason or _what_is_unusual(standing)
    if reason is None:
        return None
    has_room = _has_room(standing, wanted.seats)
    keeps = has_room and (not _is_crowded(standing) or accept_work(work, slot.pk))
    return Caution(reason, keeps=keeps, prolongs=has_room)


def counted_for(wanted: Booking, slot: Slot) -> int | None:
    """Return the expert with whom it counts as asked for by somebody unknown (``Booking.of_expert``); None for none."""
    return None if wanted.source == Source.STAFF or is_known(wanted, slot) else slot.expert_id


def hold_time(wanted: Booking, slot: Slot, work: str = "") -> HoldTime:
    """Return how long a hold keeps its seats: as the policy says, and shorter when people unknown hold many.

    Parameters as for ``caution_about``.
    """
    minutes: int = slot.policy("hold_minutes")
    if is_known(wanted, slot) or _is_quiet(slot):
        return HoldTime(minutes)
    standing = _look(slot, wanted)
    if standing.is_known:
        return HoldTime(minutes)
    if not _has_room(standing, wanted.seats):
        return HoldTime(0)
    if _is_crowded(standing) and not accept_work(work, slot.pk):
        return HoldTime(0, needs_work=True)
    share = standing.held / _kept_up_to(standing.seats_ahead)
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


def _what_is_unusual(standing: Standing) -> ProofReason | None:
    """Return the first of the reasons that holds."""
    if _is_crowded(standing):
        return ProofReason.NETWORK
    if standing.seats >= _asked_from(standing.seats_ahead):
        return ProofReason.EXPERT
    return None


def _has_room(standing: Standing, seats: int) -> bool:
    """Whether people unknown may keep so many seats more."""
    return standing.seats + seats <= _kept_up_to(standing.seats_ahead)


def _is_crowded(standing: Standing) -> bool:
    """Whether the asker's network has as much with this expert as it may have without being asked."""
    return standing.of_network >= MOST_OF_NETWORK or standing.of_wide_network >= MOST_OF_WIDE_NETWORK


def _asked_from(seats_ahead: int) -> int:
    return max(FEW, int(seats_ahead * ASKED_FROM))


def _kept_up_to(seats_ahead: int) -> int:
    return max(FEW, int(seats_ahead * KEPT_UP_TO))


def _is_quiet(slot: Slot) -> bool:
    """Whether so little was asked of the expert, by anybody, that nothing can be unusual."""
    lately = Lately.of(slot)
    if lately.of_one_network >= MOST_OF_NETWORK:
        return False
    if lately.seats < FEW:
        return True
    seats_ahead = _seats_ahead.get(slot.expert_id)
    if seats_ahead is None or lately.seats >= MOST_COUNTED:
        return False
    return lately.seats < _asked_from(seats_ahead) and lately.held <= _kept_up_to(seats_ahead) * LONG_HOLDS


def _look(slot: Slot, wanted: Booking) -> Standing:
    standing = look_closely(slot, network=wanted.network, visitor=wanted.holder, email=wanted.email)
    _seats_ahead.put(slot.expert_id, standing.seats_ahead)
    return standing


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
