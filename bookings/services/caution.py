"""Decide when somebody has to open the link of a mail before a booking counts (docs/decisions/0029-links-that-keep.md).

Never asked: who has opened such a link before, in the browser or for the address; and whom staff book for.
"""

from typing import NamedTuple

from bookings.access.proven import is_proven
from bookings.models import Booking, ProofReason, Source
from experts.models import Slot
from experts.models.organization import ProofPolicy


class Caution(NamedTuple):
    """Why the link is asked for, and whether the seats are kept until it was opened."""

    reason: ProofReason
    keeps: bool = True


def caution_about(wanted: Booking, slot: Slot) -> Caution | None:
    """Return why this request has to be proven first; None where it counts at once, as nearly always.

    ``wanted`` is not saved; ``slot`` was read with its expert. Asks the database only where it may matter.
    """
    policy = slot.expert.organization.proof
    if wanted.source == Source.STAFF or policy != ProofPolicy.ALWAYS:
        return None
    if is_proven(visitor=wanted.holder, email=wanted.email):
        return None
    return Caution(ProofReason.POLICY)
