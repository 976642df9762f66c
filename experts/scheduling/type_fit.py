"""Tell how sessions of a type fit into slots, whoever has booked them: how many they take, and what is lost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from experts.models import SessionTerms, Slot, WeeklyHours
from experts.scheduling.fitting import covered_slots
from experts.scheduling.occurrences import WantedSlot, wanted_slots
from experts.timezones import minutes_in

# Less than this is not worth a word: minutes, and share of what a session takes.
_LITTLE_MINUTES, _LITTLE_SHARE = 10, 0.2
_USUAL_LENGTHS = (60, 45, 40, 30, 25, 20, 15, 10, 5)
_ANY_WEEK = date(2027, 1, 4)


@dataclass(frozen=True)
class Fit:
    """How a session of ``need`` minutes, buffers included, fits: where it does best, if it ever does.

    It takes ``slots`` slots of ``taken`` minutes in all; both are 0 where it never fits. ``longest`` is the longest
    stretch without a gap, ``gap`` the shortest gap between slots of one day (0 without any), all in minutes.
    ``better`` is a length of slots with which less would be lost, 0 where there is none.
    """

    need: int
    slots: int
    taken: int
    longest: int
    gap: int
    better: int

    @property
    def lost(self) -> int:
        """Minutes that nobody can use."""
        return self.taken - self.need if self.slots else 0

    @property
    def never(self) -> bool:
        return self.slots == 0

    @property
    def wastes(self) -> bool:
        """Whether so much is lost that staff want to know."""
        return self.lost >= _LITTLE_MINUTES and self.lost >= _LITTLE_SHARE * self.taken


def fit_into(slots: Sequence[Slot | WantedSlot], type_id: int, terms: SessionTerms) -> Fit | None:
    """Return how a session of the type fits into slots that are in order of time; None without slots."""
    if not slots:
        return None
    best: tuple[timedelta, int] | None = None
    for place in range(len(slots)):
        if covered := covered_slots(place, slots, type_id, terms):
            taken = (covered[-1].ends_at - covered[0].starts_at, len(covered))
            best = min(best or taken, taken)
    need = terms.before + terms.length + terms.after
    return Fit(
        need=minutes_in(need),
        slots=best[1] if best else 0,
        taken=minutes_in(best[0]) if best else 0,
        longest=_longest(slots),
        gap=_gap(slots),
        better=_better(terms),
    )


def fit_into_hours(hours: Iterable[WeeklyHours], type_id: int, terms: SessionTerms) -> Fit | None:
    """As ``fit_into``, for all the slots that weekly hours make of a week, whatever day they begin."""
    rows = [_undated(row) for row in hours]
    week = wanted_slots(rows, [], ZoneInfo("UTC"), _ANY_WEEK, _ANY_WEEK + timedelta(days=6))
    return fit_into(sorted(week), type_id, terms)


def _longest(slots: Sequence[Slot | WantedSlot]) -> int:
    longest, began = timedelta(0), slots[0].starts_at
    for place, slot in enumerate(slots):
        if place and slots[place - 1].ends_at != slot.starts_at:
            began = slot.starts_at
        longest = max(longest, slot.ends_at - began)
    return minutes_in(longest)


def _gap(slots: Sequence[Slot | WantedSlot]) -> int:
    gaps = [later.starts_at - slot.ends_at for slot, later in pairwise(slots) if slot.date == later.date]
    return min((minutes_in(gap) for gap in gaps if gap), default=0)


def _better(terms: SessionTerms) -> int:
    """The longest usual length of slots of which the session and its buffers take whole ones."""
    parts = (terms.buffer_before, terms.minutes + terms.buffer_after)
    return next((length for length in _USUAL_LENGTHS if all(part % length == 0 for part in parts)), 0)


def _undated(row: WeeklyHours) -> WeeklyHours:
    names = ("weekday", "start", "end", "slot_minutes", "buffer_minutes", "capacity", "title", "for_types")
    return WeeklyHours(**{name: getattr(row, name) for name in names})
