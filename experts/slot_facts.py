"""Say what programs are told of a slot: the JSON API, the answers that are kept for a retry, webhooks."""

from datetime import datetime

from experts.models import Slot


def slot_facts(slot: Slot, now: datetime) -> dict:
    """A slot as it is at ``now``. ``date`` and ``time`` are the expert's wall clock, instants are datetimes in UTC.

    Needs ``with_expert()``.
    """
    return {
        "id": slot.pk,
        "expert": slot.expert.slug,
        "date": slot.date,
        "time": f"{slot.time:%H:%M}",
        "timezone": slot.expert.timezone,
        "starts_at": slot.starts_at,
        "ends_at": slot.ends_at,
        "title": slot.title,
        "capacity": slot.capacity,
        "seats_left": slot.seats_left_at(now),
        "state": slot.state_at(now),
    }
