"""Find out whether an organisation takes bookings online from somebody (bookings/models/block.py)."""

from collections import defaultdict
from collections.abc import Collection

from bookings.models import Block, Booking, Source
from experts.models import Slot


def blocks_of(slots: Collection[Slot]) -> dict[int, list[Block]]:
    """Read the live blocks of the organisations of slots, by organisation. No query where nobody is blocked.

    The slots were read with their expert, organisation and ``read_at``.
    """
    organizations = [(slot.expert.organization, slot.read_at) for slot in slots]
    blocking = {it.pk for it, now in organizations if it.blocked_until is not None and it.blocked_until > now}
    found: dict[int, list[Block]] = defaultdict(list)
    if blocking:
        for block in Block.objects.live().filter(organization__in=blocking):
            found[block.organization_id].append(block)
    return found


def is_blocked(wanted: Booking, slot: Slot, blocks: dict[int, list[Block]]) -> bool:
    """Whether what somebody wants of a slot (``network`` and ``email``, where known) is blocked. Never for staff."""
    if wanted.source == Source.STAFF:
        return False
    return any(block.concerns(wanted) for block in blocks.get(slot.expert.organization_id, ()))
