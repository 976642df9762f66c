"""Block or open a stretch of one day of an expert, once staff have seen what that means."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from experts.errors import InvalidHours, StretchPreviewNeeded
from experts.locking import LOCK_ORDER, slot_transaction
from experts.models import Expert, Slot, TimeOff
from experts.models.hours import MIDNIGHT
from experts.scheduling.occurrences import WantedSlot
from experts.scheduling.plan import Blocked, Calendar, Plan, plan
from experts.services.hours import carry_out, key_of, lock_expert
from experts.services.slots import (
    LONGEST_MINUTES,
    add_slots,
    close_slot,
    refusals_as_messages,
    reopen_slot,
)
from experts.timezones import edge_of


@dataclass(frozen=True)
class Stretch:
    """Part of a day of an expert, by the expert's clock. ``end`` is midnight for the end of the day."""

    day: date
    start: time
    end: time

    def __post_init__(self) -> None:
        if self.end not in (MIDNIGHT,) and self.end <= self.start:
            raise InvalidHours(_("The end must be after the start."), field="end")

    def instants(self, expert: Expert) -> tuple[datetime, datetime]:
        zone = expert.zone
        starts_at = edge_of(self.day, self.start, zone)
        if self.end == MIDNIGHT:
            return starts_at, edge_of(self.day + timedelta(days=1), MIDNIGHT, zone)
        return starts_at, edge_of(self.day, self.end, zone, last=True)

    def contains(self, row: TimeOff) -> bool:
        """Whether it is time off of this day that lies in the stretch as a whole."""
        if row.first_day != self.day or row.last_day != self.day:
            return False
        starts = (row.from_time or MIDNIGHT) >= self.start
        return starts and (self.end == MIDNIGHT or (row.to_time is not None and row.to_time <= self.end))


@dataclass(frozen=True)
class WayBack:
    """What ``unblock_stretch`` needs to take a block back: the key of its time off, and keys of entries of the history.

    ``event`` is that of the time off; ``closings`` and ``removals`` those of the slots that it closed and deleted.
    """

    time_off: int
    event: int
    closings: list[int]
    removals: list[int]


@dataclass(frozen=True)
class StretchPlan:
    """What blocking or opening a stretch does. ``hours``: to the slots that come from weekly hours.

    To those that were made by hand: ``closed`` and ``reopened`` ones, and those that are ``added``. ``ended``: time off
    that is deleted. ``way_back`` of a block that was written.
    """

    hours: Plan
    closed: list[Slot] = field(default_factory=list)
    reopened: list[Slot] = field(default_factory=list)
    added: list[WantedSlot] = field(default_factory=list)
    ended: list[TimeOff] = field(default_factory=list)
    way_back: WayBack | None = None

    @property
    def is_empty(self) -> bool:
        return self.hours.is_empty and not any((self.closed, self.reopened, self.added, self.ended))

    @property
    def key(self) -> str:
        """A hash of all that staff are shown, to see whether they agreed to this or to something else."""
        rows: list[object] = [self.hours.key, *sorted(("ended", row.pk) for row in self.ended)]
        rows += sorted(("closed", slot.pk, slot.seats_booked + slot.seats_held) for slot in self.closed)
        rows += sorted(("reopened", slot.pk) for slot in self.reopened)
        rows += sorted(("added", slot.starts_at.isoformat(), slot.minutes, slot.capacity) for slot in self.added)
        return hashlib.sha256(repr(rows).encode()).hexdigest()


def plan_block(expert: Expert, stretch: Stretch) -> StretchPlan:
    """Work out what time off in the stretch does: slots from hours go or are closed, others are closed. Writes nothing.

    What is booked stays, and takes no more bookings.
    """
    now = timezone.now()
    before = Calendar.of(expert)
    after = replace(before, time_off=[*before.time_off, _time_off(expert, stretch)])
    by_hand = [slot for slot in _slots_in(expert, stretch, now) if not slot.from_hours and not slot.is_closed]
    return StretchPlan(plan(expert, before, after, now), closed=by_hand)


def plan_opening(expert: Expert, stretch: Stretch, minutes: int, capacity: int) -> StretchPlan:
    """Work out what opening the stretch does. Writes nothing.

    Time off of the expert that lies in it as a whole ends, closed slots in it open again, and what is left free is
    filled with slots of so many minutes and seats. Holidays of the organisation stay, but slots are added in them.
    """
    if not 1 <= minutes <= LONGEST_MINUTES or not 1 <= capacity <= 32767:
        raise InvalidHours(_("A slot lasts between 1 minute and 24 hours, and has at least one seat."), field="minutes")
    now = timezone.now()
    before = Calendar.of(expert)
    ended = [row for row in before.time_off if row.expert_id == expert.pk and stretch.contains(row)]
    after = replace(before, time_off=[row for row in before.time_off if row not in ended])
    hours = plan(expert, before, after, now)
    starts_at, ends_at = stretch.instants(expert)
    there = _slots_in(expert, stretch, now)
    opened = {change.slot.pk for change in hours.changed if change.reopens}
    reopened = [
        slot
        for slot in there
        if slot.is_closed and slot.pk not in opened and starts_at <= slot.starts_at and slot.ends_at <= ends_at
    ]
    gone = {slot.pk for slot in hours.removed}
    blocked = Blocked([slot for slot in there if slot.pk not in gone])
    for wanted, _closed in hours.added:
        if starts_at < wanted.ends_at and wanted.starts_at < ends_at:
            blocked.add(wanted)
    added = list(_filled(expert, max(starts_at, now), ends_at, starts_at, minutes, capacity, blocked))
    return StretchPlan(hours, reopened=reopened, added=added, ended=ended)


def block_stretch(*, expert_id: int, stretch: Stretch, reason: str = "", seen: str = "") -> StretchPlan:
    """Write time off into the stretch, and close the slots in it that were made by hand, in one transaction.

    Locks the expert, then all slots that lie ahead. Raises StretchPreviewNeeded unless ``seen`` is the key of
    ``plan_block`` as it is now, InvalidHours, InvalidSlot, NotFound, Busy.
    """
    with refusals_as_messages(), slot_transaction():
        expert = lock_calendar(expert_id)
        seen_plan = _must_be_seen(plan_block(expert, stretch), seen)
        before = Calendar.of(expert)
        time_off = _time_off(expert, stretch)
        time_off.reason = reason.strip()[:120]
        time_off.save()
        [done] = carry_out([(expert, before)], key_of([seen_plan.hours]))
        for slot in seen_plan.closed:
            close_slot(slot_id=slot.pk)
        return replace(seen_plan, way_back=_way_back(time_off, [*done.closing, *seen_plan.closed], done.removed))


def open_stretch(*, expert_id: int, stretch: Stretch, minutes: int, capacity: int, seen: str = "") -> StretchPlan:
    """Open the stretch as ``plan_opening`` says, in one transaction. Locks and raises as ``block_stretch``."""
    with refusals_as_messages(), slot_transaction():
        expert = lock_calendar(expert_id)
        seen_plan = _must_be_seen(plan_opening(expert, stretch, minutes, capacity), seen)
        before = Calendar.of(expert)
        for row in seen_plan.ended:
            row.delete()
        carry_out([(expert, before)], key_of([seen_plan.hours]))
        for slot in seen_plan.reopened:
            reopen_slot(slot_id=slot.pk)
        starts = [(slot.date, slot.time) for slot in seen_plan.added]
        if starts:
            add_slots(expert=expert, starts=starts, minutes=minutes, capacity=capacity)
        return seen_plan


def lock_calendar(expert_id: int) -> Expert:
    """Lock an expert, then all slots that lie ahead. Raises NotFound, Busy."""
    expert = lock_expert(expert_id)
    # All at once and in one order, those made by hand, too: what follows locks one after the other.
    ahead = Slot.objects.filter(expert=expert).ahead(timezone.now())
    list(ahead.select_for_update(no_key=True).order_by(*LOCK_ORDER).values_list("pk"))
    return expert


def _must_be_seen(found: StretchPlan, seen: str) -> StretchPlan:
    if found.key != seen:
        raise StretchPreviewNeeded(found.key)
    return found


def _time_off(expert: Expert, stretch: Stretch) -> TimeOff:
    return TimeOff(
        expert=expert,
        first_day=stretch.day,
        last_day=stretch.day,
        from_time=None if stretch.start == MIDNIGHT else stretch.start,
        to_time=None if stretch.end == MIDNIGHT else stretch.end,
    )


def _slots_in(expert: Expert, stretch: Stretch, now: datetime) -> list[Slot]:
    """The slots that have a part in it and have not begun, in order of time."""
    starts_at, ends_at = stretch.instants(expert)
    days = stretch.day - timedelta(days=1), stretch.day + timedelta(days=1)
    rows = Slot.objects.filter(
        expert=expert, date__range=days, starts_at__lt=ends_at, ends_at__gt=starts_at, starts_at__gt=now
    )
    return list(rows.order_by("starts_at"))


def _filled(
    expert: Expert, first: datetime, end: datetime, grid_from: datetime, minutes: int, capacity: int, blocked: Blocked
) -> Iterator[WantedSlot]:
    """Slots one after the other where nothing is; after something that is there they begin at its end."""
    length = timedelta(minutes=minutes)
    start = grid_from
    while start + length <= end:
        clock = start.astimezone(expert.zone)
        wanted = WantedSlot(start, start + length, clock.date(), clock.time(), capacity, "")
        if by := blocked.find(wanted):
            start = max(by.ends_at, start + timedelta(minutes=1))
            continue
        if start >= first and not clock.fold:  # a time that the clocks show twice is the first
            yield wanted
        start += length


def _way_back(time_off: TimeOff, closed: list[Slot], removed: list[Slot]) -> WayBack:
    [event] = last_events(TimeOff, [time_off.pk])
    closings, removals = (last_events(Slot, [slot.pk for slot in slots]) for slots in (closed, removed))
    return WayBack(time_off.pk, event, closings, removals)


def last_events(model: Any, keys: list[int]) -> list[int]:
    """The keys of the last entries in the history of these rows."""
    rows = model.pgh_event_model.objects.filter(pgh_obj_id__in=keys).order_by("pgh_obj_id", "-pgh_id")
    return list(rows.distinct("pgh_obj_id").values_list("pgh_id", flat=True))
