"""Add, close, reopen, resize and delete slots."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, time, timedelta
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import DatabaseError
from django.db.models import Case, F, When
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from experts import publisher
from experts.errors import InvalidSlot, NotFound
from experts.hooks import ChangedSlot, slots_changed, slots_deleting, slots_in_use
from experts.inserting import insert_all
from experts.locking import lock_slot, slot_transaction, violated_constraint, vouch_for_clocks
from experts.models import Expert, SessionType, Slot
from experts.timezones import instant_of

# Constraint -> the message for people, and the field that it is about.
_MESSAGES = {
    "slot_once_per_expert_date_time": (gettext_lazy("This expert already has a slot at that date and time."), "time"),
    "slot_no_overlap_for_expert": (gettext_lazy("This overlaps another slot of the expert."), "time"),
    "slot_never_overbooked": (gettext_lazy("More seats are taken than that."), "capacity"),
    "slot_clock_shows_its_start": (
        gettext_lazy("The expert’s time zone has changed meanwhile. Please look again."),
        "time",
    ),
    "slot_has_a_seat": (gettext_lazy("A slot has at least one seat."), "capacity"),
    "hours_no_overlap_for_expert": (gettext_lazy("Hours of the same day overlap."), ""),
}
LONGEST_MINUTES = 24 * 60


def add_slots(
    *,
    expert: Expert,
    starts: Iterable[tuple[date, time]],
    minutes: int | None = None,
    capacity: int | None = None,
    title: str = "",
    for_types: Collection[int] = (),
) -> list[Slot]:
    """Add slots at the expert's wall-clock ``starts``, all or none.

    ``minutes`` and ``capacity`` default to the expert's; without ``for_types`` (ids) all session types may be booked in
    them. A start that the day's change to summer time skips yields no slot. Raises InvalidSlot when one overlaps
    another slot, has a bad length or capacity, or is for a type of somebody else.
    """
    minutes = expert.session_minutes if minutes is None else minutes
    capacity = expert.default_capacity if capacity is None else capacity
    if not 1 <= minutes <= LONGEST_MINUTES:
        raise InvalidSlot(_("A slot lasts between 1 minute and 24 hours."), field="minutes")
    types = types_in_order(expert, for_types)
    slots = []
    for day, wall_clock in starts:
        starts_at = instant_of(day, wall_clock, expert.zone)
        if starts_at is None:
            continue
        slot = Slot(
            expert=expert,
            date=day,
            time=wall_clock,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(minutes=minutes),
            capacity=capacity,
            title=title,
            for_types=types,
        )
        try:
            slot.clean_fields(exclude=["expert"])
        except ValidationError as error:
            raise _invalid(error) from error
        slots.append(slot)
    with refusals_as_messages(), slot_transaction():
        vouch_for_clocks(expert.timezone)
        insert_all(slots)
        for slot in {slot.date: slot for slot in slots}.values():  # one message a day is enough
            publisher.slot_changed(slot)
        return slots


def close_slot(*, slot_id: int) -> Slot:
    """Close the slot to new bookings; those in it stay. Locks the slot. Raises NotFound, Busy."""
    return _change(slot_id, is_closed=True)


def reopen_slot(*, slot_id: int) -> Slot:
    """Offer a closed slot again. Locks the slot. Raises NotFound, Busy.

    A slot that was closed by its hours counts from now on as made by hand, so that the hours leave it open.
    """
    stays = Case(When(closed_by_hours=True, then=False), default=F("from_hours"))
    return _change(slot_id, is_closed=False, from_hours=stays, closed_by_hours=False)


def restore_slot(*, slot_id: int) -> Slot:
    """Offer a slot again whose closing is taken back: one of hours is theirs as before. As ``reopen_slot``."""
    return _change(slot_id, is_closed=False, closed_by_hours=False)


def set_capacity(*, slot_id: int, capacity: int) -> Slot:
    """Change the number of seats. Locks the slot. Raises InvalidSlot below the seats taken, NotFound, Busy."""
    if not 1 <= capacity <= 32767:
        raise InvalidSlot(_("A slot has at least one seat."), field="capacity")
    return _change(slot_id, capacity=capacity)


def set_title(*, slot_id: int, title: str) -> Slot:
    """Set the title, "" for none. Locks the slot. Raises InvalidSlot if it is too long, NotFound, Busy."""
    try:
        Slot._meta.get_field("title").clean(title, None)
    except ValidationError as error:
        raise InvalidSlot(" ".join(error.messages), field="title") from error
    return _change(slot_id, title=title)


def set_types(*, slot_id: int, for_types: Collection[int]) -> Slot:
    """Say which session types (ids) may be booked from now on, all when empty; what is booked stays.

    Locks the slot. Raises InvalidSlot for a type of somebody else, NotFound, Busy.
    """
    expert = Expert.objects.filter(slots=slot_id).first()
    if expert is None:
        raise NotFound
    return _change(slot_id, for_types=types_in_order(expert, for_types))


def types_in_order(expert: Expert, ids: Collection[int]) -> list[int]:
    """Return ids of session types of the expert's organisation, each once and in one order. Raises InvalidSlot."""
    wanted = sorted(set(ids))
    known = SessionType.objects.filter(pk__in=wanted, organization=expert.organization_id)
    if wanted and known.count() < len(wanted):
        raise InvalidSlot(_("There is no such session type."), field="for_types")
    return wanted


def delete_slot(*, slot_id: int) -> None:
    """Delete a slot that nobody ever booked; holds that ended go with it. Locks the slot.

    Raises InvalidSlot, NotFound, Busy.
    """
    with slot_transaction():
        lock_slot(slot_id)
        slot = Slot.objects.get(pk=slot_id)
        if slots_in_use([slot_id]):
            raise InvalidSlot(_("This slot has bookings. Close it instead."))
        slots_deleting([slot_id])
        slot.delete()
        publisher.slot_changed(slot)


def _change(slot_id: int, **values: Any) -> Slot:
    with refusals_as_messages(), slot_transaction():
        lock_slot(slot_id)
        before = Slot.objects.get(pk=slot_id)
        Slot.objects.filter(pk=slot_id).update(**values)
        slot = Slot.objects.with_expert().get(pk=slot_id)
        publisher.slot_changed(slot)
        slots_changed([ChangedSlot(before, slot)])
        return slot


def _invalid(error: ValidationError) -> InvalidSlot:
    field = next(iter(error.message_dict))
    return InvalidSlot(" ".join(error.messages), field=field if field != NON_FIELD_ERRORS else "")


@contextmanager
def refusals_as_messages() -> Iterator[None]:
    """Raise InvalidSlot, with a message for people, when one of the constraints in ``_MESSAGES`` refuses a write."""
    try:
        yield
    except DatabaseError as error:
        if (constraint := violated_constraint(error)) not in _MESSAGES:
            raise
        message, field = _MESSAGES[constraint]
        raise InvalidSlot(message, field=field) from error
