"""Tell of times that nobody can book yet: those that the hours will make once their day is within the horizon."""

from datetime import datetime, timedelta

from experts.models import Expert
from experts.scheduling.fitting import Offered, covered_slots
from experts.scheduling.plan import Calendar


def not_made_yet(
    expert: Expert, start: datetime, end: datetime, now: datetime, offered: Offered | None = None
) -> list[datetime]:
    """Return when the slots begin, from ``start`` until before ``end``, that the hours ask for and that are not made.

    With an offered type those of them at which a session of it will fit.

    Two queries where that lies beyond the horizon, else none. Whoever changes hours or time off writes the expert too
    (experts/services/hours.py), so what is said here is as old as that row.
    """
    horizon = now + timedelta(days=expert.policy("horizon_days"))
    if end <= horizon:
        return []
    # Up to this day there are slots already; what staff deleted of them stays deleted.
    made = expert.slots_until or horizon.astimezone(expert.zone).date()
    first, last = made + timedelta(days=1), end.astimezone(expert.zone).date()
    # A session may reach into the day after.
    wanted = Calendar.of(expert).wanted(first, last if offered is None else last + timedelta(days=1), horizon)
    starts = list(wanted)
    if offered is not None:
        kind, terms, slots = offered.session_type.pk, offered.terms, list(wanted.values())
        starts = [slot.starts_at for place, slot in enumerate(slots) if covered_slots(place, slots, kind, terms)]
    return [starts_at for starts_at in starts if start <= starts_at < end]
