"""Write weekly hours and time off, together with what they do to the slots, once staff have seen that."""

import hashlib
from collections.abc import Callable, Collection
from copy import copy
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from experts import publisher
from experts.errors import ChangedMeanwhile, InvalidHours, NotFound, PreviewNeeded
from experts.hooks import ChangedSlot, slots_changed, slots_deleting
from experts.inserting import insert_all
from experts.locking import LOCK_ORDER, repeated, slot_transaction, vouch_for_clocks
from experts.models import Expert, Slot, TimeOff, WeeklyHours
from experts.scheduling.occurrences import WantedSlot, wanted_slots
from experts.scheduling.plan import Blocked, Calendar, Plan, plan
from experts.services.slots import refusals_as_messages, types_in_order

_BATCH = 1000  # rows in one statement


def apply_hours(*, expert_id: int, hours: list[WeeklyHours], seen: str = "") -> list[Plan]:
    """Replace the expert's weekly hours by ``hours``, and change its slots accordingly, in one transaction.

    Rows with a key are changed, the others added; those that are not given are deleted. Locks the expert, then the
    slots that came from hours. Raises PreviewNeeded unless ``seen`` is the key of what would be written, InvalidHours,
    InvalidSlot, NotFound, Busy.
    """
    with refusals_as_messages(), slot_transaction():
        expert = lock_expert(expert_id)
        before = Calendar.of(expert)
        replace_hours(expert, hours)
        return carry_out([(expert, before)], seen)


def preview_hours(*, expert: Expert, hours: list[WeeklyHours]) -> tuple[Plan, str]:
    """Return what ``apply_hours`` would do now, and the key that lets it. Writes and locks nothing.

    The key is "" where nothing would happen to any slot. Raises InvalidHours, InvalidSlot.
    """
    for row in hours:
        row.expert = expert
        row.for_types = types_in_order(expert, row.for_types)
    check_hours(hours)
    before = Calendar.of(expert)
    wanted = plan(expert, before, Calendar(before.zone, hours, before.time_off))
    return wanted, key_of([wanted])


@repeated
def save_time_off(*, time_off: TimeOff, fields: Collection[str] | None = None, seen: str = "") -> list[Plan]:
    """Add or change time off, and remove or bring back the slots on those days. As ``apply_hours``.

    ``fields``: names of those that were changed, of a row that there still is (else NotFound); without it all are
    written.
    """

    def write(stored: TimeOff | None) -> None:
        row = time_off
        if time_off.pk and fields is not None:
            if stored is None:
                raise NotFound(_("There is no such time off."))
            row = stored
            for name in fields:
                setattr(row, name, getattr(time_off, name))
        try:
            row.full_clean(validate_constraints=False)
        except ValidationError as error:
            field = next(iter(error.message_dict))
            raise InvalidHours(" ".join(error.message_dict[field]), field=field) from error
        row.save()

    with refusals_as_messages(), slot_transaction():
        return _change_time_off(time_off, write, seen)


@repeated
def delete_time_off(*, time_off_id: int, seen: str = "") -> list[Plan]:
    """Delete time off, and make the slots on those days again. As ``apply_hours``."""
    with refusals_as_messages(), slot_transaction():
        time_off = TimeOff.objects.filter(pk=time_off_id).first()
        if time_off is None:
            raise NotFound(_("There is no such time off."))
        return _change_time_off(time_off, _delete, seen)


def extend_horizon(*, expert_id: int) -> int:
    """Make the slots of the days that have come within the expert's horizon. Returns how many.

    Days for which slots were made before stay as staff changed them, so a second run does nothing. Locks the expert.
    What overlaps another slot is left out. Raises NotFound, Busy.
    """
    with refusals_as_messages(), slot_transaction():
        expert = lock_expert(expert_id)
        now = timezone.now()
        first, last = expert.today(now), expert.last_bookable_day(now)
        if expert.slots_until is not None:
            first = max(first, expert.slots_until + timedelta(days=1))
        if first > last:
            return 0
        calendar = Calendar.of(expert)
        blocked = Blocked(Slot.objects.filter(expert=expert).ahead(now))
        wanted = wanted_slots(calendar.hours, calendar.time_off, calendar.zone, first, last)
        free = [(slot, False) for slot in wanted if slot.starts_at > now and not blocked.find(slot)]
        _set_constraints_immediate()
        tell(insert(expert, free))
        Expert.objects.filter(pk=expert.pk).update(slots_until=last)
        return len(free)


def lock_experts(**which: Any) -> QuerySet[Expert]:
    """Lock the experts' rows, in id order, so that two changes of one calendar run one after the other.

    NO KEY: slots that are added by hand meanwhile refer to the expert and need not wait.
    """
    rows = Expert.objects.select_for_update(no_key=True, of=["self"]).select_related("organization")
    return rows.filter(**which).order_by("pk")


def lock_expert(expert_id: int) -> Expert:
    """As ``lock_experts``, of one. Raises NotFound."""
    expert = lock_experts(pk=expert_id).first()
    if expert is None:
        raise NotFound(_("There is no such expert."))
    return expert


def replace_hours(expert: Expert, rows: list[WeeklyHours]) -> None:
    """Write the rows that differ, delete those that are missing. Raises InvalidHours."""
    for row in rows:
        row.expert = expert
        row.for_types = types_in_order(expert, row.for_types)
    check_hours(rows)
    stored = {row.pk: row for row in WeeklyHours.objects.filter(expert=expert)}
    with connection.cursor() as cursor:  # stretches may change places; both are checked in ``carry_out``
        cursor.execute("SET CONSTRAINTS hours_no_overlap_for_expert DEFERRED")
    WeeklyHours.objects.filter(pk__in=stored.keys() - {row.pk for row in rows}).delete()
    for row in rows:
        if row.pk not in stored:
            row.pk, row._state.adding = None, True  # new, or deleted by somebody else meanwhile
            row.save()
        elif hours_values([row]) != hours_values([stored[row.pk]]):
            row.save()


def check_hours(rows: list[WeeklyHours]) -> None:
    """Raise InvalidHours if a row makes no sense, or two overlap."""
    for number, row in enumerate(rows):
        try:
            row.full_clean(exclude=["expert"], validate_unique=False, validate_constraints=False)
        except ValidationError as error:
            raise InvalidHours(f"{row.get_weekday_display()}: {' '.join(error.messages)}") from error
        for other in rows[:number]:
            if row.overlaps(other):
                raise InvalidHours(_("%(one)s and %(other)s overlap.") % {"one": other, "other": row})


def hours_values(rows: list[WeeklyHours]) -> list[tuple[str, ...]]:
    """Return the rows' values in one order, to compare two sets of hours."""
    names = [f.attname for f in WeeklyHours._meta.concrete_fields if f.name not in {"id", "expert"}]
    # As text, because an empty date has no order.
    return sorted(tuple(str(getattr(row, name)) for name in names) for row in rows)


def carry_out(changes: list[tuple[Expert, Calendar]], seen: str) -> list[Plan]:
    """Change the slots of locked experts from the calendar that each had before to the one stored now.

    Locks the slots that came from hours, in order of time. Raises PreviewNeeded unless ``seen`` is the key of that.
    """
    experts = [expert for expert, _before in changes]
    # First without locks, so that bookings need not wait while a preview is worked out.
    must_be_seen(_plans(changes), seen)
    mine = Slot.objects.filter(expert__in=experts, from_hours=True).ahead(timezone.now())
    list(mine.select_for_update(no_key=True).order_by(*LOCK_ORDER).values_list("pk"))
    plans = _plans(changes)
    must_be_seen(plans, seen)
    _set_constraints_immediate()
    for each in plans:
        _write(each)
    return plans


def _plans(changes: list[tuple[Expert, Calendar]]) -> list[Plan]:
    now = timezone.now()
    return [plan(expert, before, Calendar.of(expert), now) for expert, before in changes]


def must_be_seen(plans: list[Plan], seen: str) -> None:
    """Raise PreviewNeeded unless ``seen`` is the key of these plans; empty plans need no preview."""
    key = key_of(plans)
    if key and key != seen:
        raise PreviewNeeded([each for each in plans if not each.is_empty], key)


def key_of(plans: list[Plan]) -> str:
    """Return the key by which staff say that they have seen these plans; "" where all of them are empty."""
    keys = [each.key for each in plans if not each.is_empty]
    return hashlib.sha256("".join(keys).encode()).hexdigest() if keys else ""


def _delete(time_off: TimeOff | None) -> None:
    if time_off is None:
        raise NotFound(_("There is no such time off."))
    time_off.delete()


def _change_time_off(time_off: TimeOff, write: Callable[[TimeOff | None], object], seen: str) -> list[Plan]:
    """Lock the experts and the row, if there is one, and carry out what the change means.

    ``write`` is given the row as it is then.
    """
    stored = TimeOff.objects.filter(pk=time_off.pk).first() if time_off.pk else None
    both = [row for row in (stored, time_off) if row is not None]
    concerned = Expert.objects.filter(pk__in=[row.expert_id for row in both]) | Expert.objects.filter(
        organization__in=[row.organization_id for row in both if row.organization_id]
    )
    with_hours = WeeklyHours.objects.filter(expert__in=concerned.values("pk")).values("expert")
    changes = [(expert, Calendar.of(expert)) for expert in lock_experts(pk__in=with_hours)]
    row = None
    if time_off.pk:
        row = TimeOff.objects.select_for_update().filter(pk=time_off.pk).first()
        if row and stored and (row.expert_id, row.organization_id) != (stored.expert_id, stored.organization_id):
            raise ChangedMeanwhile
    write(row)
    return carry_out(changes, seen)


def _write(plan: Plan) -> None:
    """Write the plan, in an order in which no step breaks a constraint on slots."""
    expert = plan.expert
    touched = [*plan.removed, *plan.retired]
    removed = [slot.pk for slot in plan.removed]
    slots_deleting(removed)
    Slot.objects.filter(pk__in=removed).delete()
    closing = plan.closing
    Slot.objects.filter(pk__in=[slot.pk for slot in closing]).update(is_closed=True, closed_by_hours=True)
    if plan.moved:
        vouch_for_clocks(expert.timezone)
    for slot, clock in _in_moving_order(plan):
        slot.date, slot.time = clock.date(), clock.time()
        Slot.objects.filter(pk=slot.pk).update(date=slot.date, time=slot.time)
    before = {change.slot.pk: copy(change.slot) for change in plan.changed}
    for change in plan.changed:
        slot, wanted, taken = change.slot, change.wanted, change.slot.seats_booked + change.slot.seats_held
        if not taken:
            slot.ends_at, slot.title = wanted.ends_at, wanted.title
        if wanted.capacity >= taken:
            slot.capacity = wanted.capacity
        slot.for_types = list(wanted.for_types)
        if change.reopens:
            slot.is_closed = slot.closed_by_hours = False
        touched.append(slot)
    fields = ["ends_at", "title", "capacity", "for_types", "is_closed", "closed_by_hours"]
    Slot.objects.bulk_update([change.slot for change in plan.changed], fields, batch_size=_BATCH)
    # Nobody is on the waitlist of a slot without taken seats; a session that takes one too is offered within a minute.
    waited_for = [change.slot.pk for change in plan.changed if change.slot.seats_booked or change.slot.seats_held]
    if waited_for:
        slots = Slot.objects.with_expert().filter(pk__in=waited_for).order_by("pk")
        slots_changed([ChangedSlot(before[slot.pk], slot) for slot in slots])
    tell([*touched, *closing, *(slot for slot, _clock in plan.moved), *insert(expert, plan.added)])
    Expert.objects.filter(pk=expert.pk).update(slots_until=plan.until)


def _in_moving_order(plan: Plan) -> list[tuple[Slot, datetime]]:
    """Return the moves in an order in which none takes the date and time of a slot that has not moved yet."""
    moves = sorted(plan.moved, key=lambda move: move[0].starts_at)
    forward = [(slot, clock) for slot, clock in moves if (clock.date(), clock.time()) > (slot.date, slot.time)]
    back = [(slot, clock) for slot, clock in moves if (clock.date(), clock.time()) < (slot.date, slot.time)]
    return [*reversed(forward), *back]


def insert(expert: Expert, wanted: list[tuple[WantedSlot, bool]], *, from_hours: bool = True) -> list[Slot]:
    """Add slots, each given with whether it is closed."""
    slots = [
        Slot(
            expert=expert,
            date=slot.date,
            time=slot.time,
            starts_at=slot.starts_at,
            ends_at=slot.ends_at,
            capacity=slot.capacity,
            title=slot.title,
            for_types=list(slot.for_types),
            is_closed=is_closed,
            from_hours=from_hours,
        )
        for slot, is_closed in wanted
    ]
    if slots:
        vouch_for_clocks(expert.timezone)
    insert_all(slots)
    return slots


def tell(slots: list[Slot]) -> None:
    """Tell the pages that show these slots."""
    for slot in {(slot.expert_id, slot.date): slot for slot in slots}.values():  # one message a day is enough
        publisher.slot_changed(slot)


def _set_constraints_immediate() -> None:
    """Check deferred constraints now. Otherwise each row's history trigger would search all checks that still wait."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
