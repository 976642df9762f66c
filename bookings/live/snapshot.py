"""One expert's week as it was read at one moment, and its HTML."""

from dataclasses import dataclass, field
from datetime import date, datetime

from bookings.live import fragments
from bookings.live.sockets import Message
from bookings.selectors.week import PLAIN_STATES, Week
from experts.models import Slot
from experts.models.slot import BOOKABLE_STATES


@dataclass(frozen=True)
class ShownSlot:
    """What was last said of a slot, or of the session that starts in it, which takes the slots ``taken``."""

    version: int
    state: str
    seats_left: int
    taken: tuple[int, ...]

    def is_before(self, other: "ShownSlot") -> bool:
        """Whether it was read earlier than another one of the same slot, as far as that can be told."""
        return self.taken == other.taken and self.version < other.version


@dataclass
class Snapshot:
    """A week as it was read at one moment, and the HTML of its parts in the languages that were asked for."""

    week: Week
    shown: dict[int, ShownSlot]
    _html: dict[tuple[object, ...], str] = field(default_factory=dict)
    _days: dict[tuple[date, str], Message] = field(default_factory=dict)

    @classmethod
    def of(cls, week: Week) -> "Snapshot":
        return cls(
            week,
            {
                slot.pk: ShownSlot(
                    slot.version,
                    week.states[slot.pk],
                    slot.seats_left_at(week.now),
                    tuple(each.pk for each in slot.covered),
                )
                for slots in week.slots.values()
                for slot in slots
            },
        )

    def is_older_than(self, other: "Snapshot") -> bool:
        """Whether a slot went back in time, as when two readings overtook each other."""
        return any(shown.is_before(other.shown[pk]) for pk, shown in self.shown.items() if pk in other.shown)

    def has_aged(self, now: datetime) -> bool:
        """Whether time alone has changed what this shows: a start, a hold that ran out, midnight."""
        return now >= self.week.changes_at

    def day_message(self, day: date, language: str) -> Message:
        """Everything that a page on ``day`` shows; rendered once for all who ask."""
        if (day, language) not in self._days:
            states = "".join(self._state(slot, language) for slot in self.week.on(day))
            self._days[day, language] = Message(states + self._counts(tuple(self.week.days), day, language))
        return self._days[day, language]

    def changes_since(self, old: "Snapshot", day: date, language: str) -> str:
        """What a page on ``day`` has to change to go from ``old`` to this; "" for nothing."""
        html = "".join(
            self._state(slot, language, _change(old.shown.get(slot.pk), self.shown[slot.pk]))
            for slot in self.week.on(day)
            if self.is_news(old, slot.pk)
        )
        if self.week.offered is not None:
            html += "".join(fragments.gone(slot.pk, language) for slot in old.week.on(day) if slot.pk not in self.shown)
        days = tuple(d for d in self.week.days if self.week.count(d) != old.week.count(d))
        return html + (self._counts(days, day, language) if days else "")

    def is_news(self, old: "Snapshot", slot_id: int) -> bool:
        """Whether a slot looks different, and not because this snapshot is the older one."""
        before, now = old.shown.get(slot_id), self.shown[slot_id]
        return before is None or (now != before and not now.is_before(before))

    def _state(self, slot: Slot, language: str, change: str = "") -> str:
        key = (slot.pk, language, change)
        if key not in self._html:
            self._html[key] = fragments.slot_state(slot, self.shown[slot.pk].state, language, change)
        return self._html[key]

    def _counts(self, days: tuple[date, ...], day: date, language: str) -> str:
        key = (days, day, language)
        if key not in self._html:
            counts = fragments.day_counts(self.week, list(days), language)
            own = fragments.open_count(self.week, day, language) if day in days else ""
            self._html[key] = counts + own
        return self._html[key]


def _change(before: ShownSlot | None, now: ShownSlot) -> str:
    """How a change is shown: a slot that can be booked again is worth a flag, one that merely grew old is not."""
    if before is None or now.state in PLAIN_STATES:
        return ""
    if now.state in BOOKABLE_STATES and before.state not in BOOKABLE_STATES:
        return "opened"
    return "changed"
