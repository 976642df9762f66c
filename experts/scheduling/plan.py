"""Work out what a change of hours, time off or zone does to the slots, to show to staff before it is written.

Only future slots that came from hours are touched, and only where the change asks for it: a slot that the hours wanted
before and still want stays as staff changed it by hand (other seats, closed, deleted).
"""

import hashlib
from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.utils import timezone

from experts.hooks import slots_in_use
from experts.models import Expert, Slot, TimeOff, WeeklyHours
from experts.scheduling.occurrences import WantedSlot, wanted_slots


@dataclass(frozen=True)
class Calendar:
    """When an expert works: zone, weekly hours and time off, from which slots are made."""

    zone: ZoneInfo
    hours: list[WeeklyHours]
    time_off: list[TimeOff]

    @classmethod
    def of(cls, expert: Expert) -> "Calendar":
        """Read the expert's present calendar. Two queries."""
        return cls(
            ZoneInfo(expert.timezone),
            list(WeeklyHours.objects.filter(expert=expert)),
            list(TimeOff.objects.of_expert(expert)),
        )

    def wanted(self, first: date, last: date | None, after: datetime) -> dict[datetime, WantedSlot]:
        """Return the slots wanted on these days that start later than ``after``, by start; none without a last day."""
        if last is None:
            return {}
        slots = wanted_slots(self.hours, self.time_off, self.zone, first, last)
        return {slot.starts_at: slot for slot in slots if slot.starts_at > after}


@dataclass(frozen=True)
class Change:
    """A slot whose length, seats, title or session types change, or which is opened again."""

    slot: Slot
    wanted: WantedSlot
    reopens: bool = False


@dataclass(frozen=True)
class Kept:
    """A slot with seats taken that stays although the hours want it otherwise, or not at all (``wanted`` is None)."""

    slot: Slot
    wanted: WantedSlot | None

    @property
    def seats_taken(self) -> int:
        return self.slot.seats_booked + self.slot.seats_held


@dataclass(frozen=True)
class Skipped:
    """A slot that is wanted but not made: ``by`` is in the way, or (None) its time cannot be used."""

    wanted: WantedSlot
    by: Slot | WantedSlot | None


@dataclass
class Plan:
    """What is to be written for one expert. Slots in ``retired``, and unwanted ones in ``kept``, are closed."""

    expert: Expert
    until: date | None
    added: list[tuple[WantedSlot, bool]] = field(default_factory=list)  # with: closed by hand before, and so again
    removed: list[Slot] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    retired: list[Slot] = field(default_factory=list)  # empty, but earlier bookings refer to them
    skipped: list[Skipped] = field(default_factory=list)
    moved: list[tuple[Slot, datetime]] = field(default_factory=list)  # same instant, on the clock of another zone

    @property
    def closing(self) -> list[Slot]:
        """The slots that it closes."""
        unwanted = [kept.slot for kept in self.kept if kept.wanted is None]
        return [*self.retired, *(slot for slot in unwanted if not slot.is_closed)]

    @property
    def is_empty(self) -> bool:
        return not any((self.added, self.removed, self.changed, self.kept, self.retired, self.moved))

    @property
    def key(self) -> str:
        """Return a hash of all that staff are shown, to see whether they agreed to this plan or to another."""
        rows = [self.expert.pk, self.expert.timezone]
        rows += sorted(("added", *_facts(slot), closed) for slot, closed in self.added)
        rows += sorted(("removed", slot.pk) for slot in self.removed)
        rows += sorted(("changed", change.slot.pk, *_facts(change.wanted)) for change in self.changed)
        rows += sorted(("kept", kept.slot.pk, kept.seats_taken) for kept in self.kept)
        rows += sorted(("retired", slot.pk) for slot in self.retired)
        rows += sorted(("skipped", *_facts(skipped.wanted)) for skipped in self.skipped)
        rows += sorted(("moved", slot.pk) for slot, _ in self.moved)
        return hashlib.sha256(repr(rows).encode()).hexdigest()


def plan(expert: Expert, before: Calendar, after: Calendar, now: datetime | None = None) -> Plan:
    """Work out what the change from ``before`` to ``after`` does to the expert's slots. Writes nothing.

    With locks on the expert and the slots, nothing can change before the plan is written.
    """
    now = now or timezone.now()
    last = expert.last_bookable_day(now)
    until = max(last, expert.slots_until or last)
    first = min(now.astimezone(zone).date() for zone in (before.zone, after.zone))
    return _Planner(
        Plan(expert, until),
        list(Slot.objects.filter(expert=expert).ahead(now)),
        before.wanted(first, expert.slots_until, now),
        after.wanted(first, until, now),
        now,
    ).plan(changes_zone=before.zone != after.zone, zone=after.zone)


class _Planner:
    def __init__(
        self,
        plan: Plan,
        slots: list[Slot],
        before: dict[datetime, WantedSlot],
        after: dict[datetime, WantedSlot],
        now: datetime,
    ) -> None:
        self._plan, self._before, self._after, self._now = plan, before, after, now
        self._slots = slots
        self._keeps = slots_in_use([slot.pk for slot in slots if slot.from_hours])
        self._blocked = Blocked()

    def plan(self, *, changes_zone: bool, zone: ZoneInfo) -> Plan:
        plan = self._plan
        longer: list[Change] = []
        for slot in self._slots:
            if not slot.from_hours or slot.starts_at <= self._now:
                self._blocked.add(slot)
            elif wanted := self._after.get(slot.starts_at):
                self._still_wanted(slot, wanted, longer)
            else:
                self._unwanted(slot)
        for change in longer:
            self._make_longer(change)
        self._add()
        if changes_zone:
            gone = {slot.pk for slot in plan.removed}
            staying = [slot for slot in self._slots if slot.from_hours and slot.pk not in gone]
            clocks = [(slot, slot.starts_at.astimezone(zone).replace(tzinfo=None)) for slot in staying]
            plan.moved = [(slot, at) for slot, at in clocks if (slot.date, slot.time) != (at.date(), at.time())]
        return plan

    def _unwanted(self, slot: Slot) -> None:
        if slot.pk not in self._keeps:
            self._plan.removed.append(slot)
            return
        self._blocked.add(slot)
        if slot.closed_by_hours:
            return  # dealt with by an earlier change
        if slot.seats_booked + slot.seats_held:
            self._plan.kept.append(Kept(slot, None))
        elif not slot.is_closed:
            self._plan.retired.append(slot)

    def _still_wanted(self, slot: Slot, wanted: WantedSlot, longer: list[Change]) -> None:
        change = Change(slot, wanted, reopens=slot.closed_by_hours)
        before = self._before.get(slot.starts_at)
        asks_for_it = before is None or _shape(before) != _shape(wanted)
        if _shape(slot) == _shape(wanted) or not (asks_for_it or change.reopens):
            if change.reopens:
                self._plan.changed.append(change)
            self._blocked.add(slot)
        elif taken := slot.seats_booked + slot.seats_held:
            self._blocked.add(slot)
            # People have booked the session as it is: only the number of seats may change, and not below those taken,
            # and for what the other seats are.
            same_session = (slot.ends_at, slot.title) == (wanted.ends_at, wanted.title)
            if (same_session and wanted.capacity >= taken) or change.reopens:
                self._plan.changed.append(change)
            else:
                self._plan.kept.append(Kept(slot, wanted))
        elif wanted.ends_at > slot.ends_at:
            longer.append(change)
        else:
            self._plan.changed.append(change)
            self._blocked.add(wanted)

    def _make_longer(self, change: Change) -> None:
        """Make a slot longer if nothing that stays is in the way; otherwise skip that; the slot is then unwanted."""
        if by := self._blocked.find(change.wanted):
            self._plan.skipped.append(Skipped(change.wanted, by))
            self._unwanted(change.slot)
        else:
            self._plan.changed.append(change)
            self._blocked.add(change.wanted)

    def _add(self) -> None:
        closed_by_hand = {
            (slot.date, slot.time) for slot in self._plan.removed if slot.is_closed and not slot.closed_by_hours
        }
        there = {slot.starts_at for slot in self._slots if slot.from_hours}
        for start, wanted in self._after.items():
            if start in there or start in self._before:
                continue
            if by := self._blocked.find(wanted):
                self._plan.skipped.append(Skipped(wanted, by))
            else:
                self._plan.added.append((wanted, (wanted.date, wanted.time) in closed_by_hand))


class Blocked:
    """Periods of time that are taken. They never overlap, because a constraint on slots forbids it."""

    def __init__(self, slots: Iterable[Slot] = ()):
        self._stretches: list[tuple[datetime, datetime, int]] = []
        self._slots: list[Slot | WantedSlot] = []
        for slot in slots:
            self.add(slot)

    def add(self, slot: Slot | WantedSlot) -> None:
        insort(self._stretches, (slot.starts_at, slot.ends_at, len(self._slots)))
        self._slots.append(slot)

    def find(self, wanted: WantedSlot) -> Slot | WantedSlot | None:
        """Return what overlaps the wanted slot, if anything."""
        place = bisect_left(self._stretches, (wanted.ends_at,))
        if place and self._stretches[place - 1][1] > wanted.starts_at:
            return self._slots[self._stretches[place - 1][2]]
        return None


def _shape(slot: Slot | WantedSlot) -> tuple[datetime, int, str, tuple[int, ...]]:
    return slot.ends_at, slot.capacity, slot.title, tuple(slot.for_types)


def _facts(slot: WantedSlot) -> tuple[str, str, int, str, tuple[int, ...]]:
    return slot.starts_at.isoformat(), slot.ends_at.isoformat(), slot.capacity, slot.title, slot.for_types
