"""Block a part of an expert's day: time off, and no more bookings in the slots there that were made by hand."""

import hashlib
from datetime import date, time

from django.db import transaction
from django.utils import timezone

from experts.errors import PreviewNeeded
from experts.models import Expert, Slot, TimeOff
from experts.services.hours import save_time_off
from experts.services.slots import close_slot
from experts.timezones import day_bounds, edge_of


def block_time(*, expert_id: int, day: date, from_time: time | None, to_time: time | None, seen: str = "") -> TimeOff:
    """Give an expert time off on one day, from ``from_time`` (None: its beginning) to ``to_time`` (None: its end).

    Times are on the expert's clock. What is booked stays. As ``save_time_off``, and it closes the slots made by hand
    that begin ahead and overlap that time; these stay closed when the time off is deleted. Raises PreviewNeeded unless
    ``seen`` is the key of what would happen, which it never is at first, InvalidHours, NotFound, Busy.
    """
    time_off = TimeOff(expert_id=expert_id, first_day=day, last_day=day, from_time=from_time, to_time=to_time)
    with transaction.atomic():
        plan_seen, _separator, slots_seen = seen.partition(".")
        closing, key = _made_by_hand(expert_id, time_off)
        try:
            save_time_off(time_off=time_off, seen=plan_seen)
        except PreviewNeeded as preview:
            raise PreviewNeeded(preview.plans, f"{preview.key}.{key}") from None
        if slots_seen != key:
            raise PreviewNeeded([], f".{key}")
    # Each in a transaction of its own: slots are locked in order of time, and those from hours were locked above.
    for slot in closing:
        close_slot(slot_id=slot.pk)
    return time_off


def _made_by_hand(expert_id: int, time_off: TimeOff) -> tuple[list[Slot], str]:
    """The slots that are to be closed, and a key of them with what is taken in them."""
    expert = Expert.objects.filter(pk=expert_id).first()
    slots: list[Slot] = []
    if expert is not None:
        start, end = day_bounds(time_off.first_day, expert.zone)
        if time_off.from_time:
            start = edge_of(time_off.first_day, time_off.from_time, expert.zone)
        if time_off.to_time:
            end = edge_of(time_off.first_day, time_off.to_time, expert.zone)
        rows = Slot.objects.filter(expert=expert, from_hours=False, is_closed=False).ahead(timezone.now())
        slots = list(rows.filter(starts_at__lt=end, ends_at__gt=start).order_by("starts_at", "pk"))
    facts = [(slot.pk, slot.seats_booked + slot.seats_held) for slot in slots]
    return slots, hashlib.sha256(repr(facts).encode()).hexdigest()
