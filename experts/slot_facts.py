"""Describe a slot for programs: the same facts in the JSON API, its answers kept for a retry, and webhooks."""

from datetime import datetime
from typing import Any

from experts.models import Slot


def slot_facts(slot: Slot, now: datetime) -> dict[str, Any]:
    """Return the facts of the slot as it is at ``now``. Needs ``with_expert()``.

    ``date`` and ``time`` are the expert's wall clock in ``timezone``; ``starts_at`` and ``ends_at`` are instants.
    """
    return {
        "id": slot.pk,
        "expert": slot.expert.slug,
        "date": slot.date,
        "time": slot.time.isoformat("minutes"),
        "timezone": slot.expert.timezone,
        "starts_at": slot.starts_at,
        "ends_at": slot.ends_at,
        "title": slot.title,
        "capacity": slot.capacity,
        "seats_left": slot.seats_left_at(now),
        "state": slot.state_at(now),
    }
