"""Take back a block of a stretch: what it closed and removed is there again, as its entries in the history have it.

Of what somebody has changed since nothing is touched: the last entry of a slot must be the one that the block made.
"""

from dataclasses import fields
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from experts.errors import NotFound, Refused
from experts.locking import LOCK_ORDER, slot_transaction
from experts.models import Expert, Slot, TimeOff
from experts.scheduling.occurrences import WantedSlot, off_instants
from experts.scheduling.plan import Blocked, Calendar
from experts.services.hours import insert, tell
from experts.services.slots import refusals_as_messages, restore_slot
from experts.services.stretches import WayBack, last_events, lock_calendar

_SHAPE = [each.name for each in fields(WantedSlot)]


def unblock_stretch(*, expert_id: int, way_back: WayBack) -> int:
    """Take back a block of a moment ago: end its time off, and have what it closed and removed as it was before.

    Returns how many slots stay closed or away: those that somebody has changed since, in whose place there is another
    one, which have begun, and those that other time off or changed hours do not want. Locks as ``block_stretch``.
    Raises Refused when its time off was changed or deleted meanwhile, NotFound, InvalidSlot, Busy.
    """
    with refusals_as_messages(), slot_transaction():
        expert = lock_calendar(expert_id)
        time_off = TimeOff.objects.select_for_update().filter(pk=way_back.time_off).first()
        if time_off is None or last_events(TimeOff, [time_off.pk]) != [way_back.event]:
            raise Refused(_("It was changed meanwhile, so it stays as it is."))
        if time_off.expert_id != expert.pk:
            raise NotFound(_("There is no such expert."))
        time_off.delete()
        now, after = timezone.now(), Calendar.of(expert)
        left = _reopen(expert, way_back, after, now)
        return left + _add_again(expert, way_back, after, now)


def _reopen(expert: Expert, way_back: WayBack, calendar: Calendar, now: datetime) -> int:
    """Open what the block closed. Returns how many slots stay closed, or are gone."""
    closings = _in_history(way_back.closings, expert)
    untouched = set(last_events(Slot, [event.pgh_obj_id for event in closings]))
    keys = [event.pgh_obj_id for event in closings if event.pgh_id in untouched]
    slots = Slot.objects.filter(pk__in=keys, is_closed=True).order_by(*LOCK_ORDER)
    found = [slot for slot in slots if _may_be_open(slot, slot.from_hours, calendar, now)]
    for slot in found:
        restore_slot(slot_id=slot.pk)
    return len(closings) - len(found)


def _add_again(expert: Expert, way_back: WayBack, calendar: Calendar, now: datetime) -> int:
    """Add what the block removed, where nothing is by now; what was closed is closed again. Returns how many stay away.

    Only what came from hours was removed.
    """
    removals = _in_history(way_back.removals, expert)
    there = Blocked(Slot.objects.filter(expert=expert).ahead(now))
    again = [(WantedSlot(**{name: getattr(event, name) for name in _SHAPE}), event.is_closed) for event in removals]
    found = [
        (slot, is_closed)
        for slot, is_closed in again
        if _may_be_open(slot, True, calendar, now) and not there.find(slot)
    ]
    tell(insert(expert, found))
    return len(removals) - len(found)


def _in_history(events: list[int], expert: Expert) -> list[Any]:
    return list(Slot.pgh_event_model.objects.filter(pk__in=events, expert=expert).order_by("starts_at"))


def _may_be_open(slot: Slot | WantedSlot, from_hours: bool, calendar: Calendar, now: datetime) -> bool:
    """Whether a slot lies ahead, and the calendar wants it; of one made by hand, whether no time off is in its way."""
    if slot.starts_at <= now:
        return False
    if from_hours:
        return slot.starts_at in calendar.wanted(slot.date, slot.date, now)
    off = (off_instants(row, calendar.zone) for row in calendar.time_off)
    return not any(starts_at < slot.ends_at and slot.starts_at < ends_at for starts_at, ends_at in off)
