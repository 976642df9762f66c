"""Add many slots by hand at once: the same times on each of some days."""

from collections.abc import Collection
from datetime import date, time, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from experts.errors import InvalidSlot
from experts.locking import slot_transaction
from experts.models import Slot
from experts.scheduling.occurrences import WantedSlot
from experts.scheduling.plan import Blocked, Plan, Skipped
from experts.services.hours import insert, lock_expert, must_be_seen, tell
from experts.services.slots import LONGEST_MINUTES, refusals_as_messages, types_in_order
from experts.timezones import edge_of, instant_of

MOST_IN_A_SERIES = 2000


def add_series(
    *,
    expert_id: int,
    days: list[date],
    times: list[time],
    minutes: int | None = None,
    capacity: int | None = None,
    title: str = "",
    for_types: Collection[int] = (),
    seen: str = "",
) -> list[Slot]:
    """Add a slot at each of ``times`` on each of ``days``, on the expert's wall clock. In one transaction.

    A time that has passed, overlaps another slot, or is skipped by the clocks is left out; the preview lists it.
    ``minutes`` and ``capacity`` default to the expert's. Locks the expert. Raises PreviewNeeded unless ``seen`` is the
    key of what would be added, InvalidSlot, also when nothing is left, NotFound, Busy.
    """
    with refusals_as_messages(), slot_transaction():
        expert = lock_expert(expert_id)
        minutes = expert.session_minutes if minutes is None else minutes
        capacity = expert.default_capacity if capacity is None else capacity
        if not 1 <= minutes <= LONGEST_MINUTES:
            raise InvalidSlot(_("A slot lasts between 1 minute and 24 hours."), field="minutes")
        types = tuple(types_in_order(expert, for_types))
        if len(days) * len(times) > MOST_IN_A_SERIES:
            text = _("At most %(count)d slots at once. Choose fewer days.") % {"count": MOST_IN_A_SERIES}
            raise InvalidSlot(text, field="until")
        now = timezone.now()
        plan = Plan(expert, until=None)
        blocked = Blocked(Slot.objects.filter(expert=expert).ahead(now))
        for day, at in ((day, at) for day in sorted(set(days)) for at in sorted(set(times))):
            starts_at = instant_of(day, at, expert.zone)
            shown_at = starts_at or edge_of(day, at, expert.zone)
            slot = WantedSlot(shown_at, shown_at + timedelta(minutes=minutes), day, at, capacity, title, types)
            by = blocked.find(slot)
            if starts_at is None or by or starts_at <= now:
                plan.skipped.append(Skipped(slot, by))
            else:
                plan.added.append((slot, False))
                blocked.add(slot)
        if not plan.added:
            raise InvalidSlot(_("None of these can be added: they have passed or overlap other slots."), field="date")
        must_be_seen([plan], seen)
        slots = insert(expert, plan.added, from_hours=False)
        tell(slots)
        return slots
