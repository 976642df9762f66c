"""Say why a slot cannot be booked, and which open times are nearest."""

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.translation import gettext as _

from bookings.addresses import book_url
from experts import formatting
from experts.crowds import SharedRead
from experts.models import Session, Slot
from experts.scheduling.sessions import nearest_sessions
from experts.selectors import nearest_bookable


@dataclass(frozen=True)
class Alternative:
    """A time to choose instead, in words. ``ends``: of a session, whose end is shown; "" of a slot."""

    slot: Slot
    url: str
    time: str
    ends: str
    day: str
    distance: str


@dataclass(frozen=True)
class Conflict:
    """Why a slot could not be booked. ``reason``: the slot's state, or ``party`` when too few seats are left.

    ``was_race``: whether the visitor had begun to book it, rather than found it taken.
    """

    slot: Slot
    reason: str
    was_race: bool

    @classmethod
    def in_race(cls, slot: Slot, reason: str) -> "Conflict":
        return cls(slot, reason, True)

    @classmethod
    def on_opening(cls, slot: Slot, reason: str) -> "Conflict":
        return cls(slot, reason, False)

    @property
    def title(self) -> str:
        if self.reason == "full":
            return _("This slot was just taken") if self.was_race else _("This slot is full")
        return {
            "held": _("Someone is booking this slot"),
            "closed": _("This slot is closed"),
            "past": _("It is too late for this slot"),
            "party": _("Too few seats are left"),
        }[self.reason]

    def text(self, zone: ZoneInfo) -> str:
        """Return what happened, and after a race that nothing was booked. Times are in ``zone``."""
        names = {"time": formatting.clock(self.slot.starts_at, zone), "expert": self.slot.expert.name}
        what = {
            "full": _("Someone confirmed the last seat at %(time)s first.")
            if self.was_race
            else _("All seats at %(time)s are taken."),
            "held": _("The last seat at %(time)s is being booked by someone else. It may open again in a few minutes."),
            "closed": _("%(expert)s does not offer %(time)s any more."),
            "past": _("%(time)s has started, or starts too soon to be booked."),
            "party": _("There are not enough seats left at %(time)s for your party."),
        }[self.reason] % names
        if not self.was_race:
            return what
        return _("%(what)s Nothing was booked, and your details are saved.") % {"what": what}

    def alternatives(self, zone: ZoneInfo) -> list[Alternative]:
        """Return the three bookable slots of the same expert that start closest, with times in ``zone``."""
        today = timezone.now().astimezone(zone).date()
        return [
            Alternative(
                slot=slot,
                url=book_url(slot),
                time=formatting.clock(slot.starts_at, zone),
                ends=formatting.clock(slot.ends_at, zone) if isinstance(slot, Session) else "",
                day=formatting.day_name(slot.starts_at.astimezone(zone).date(), today),
                distance=formatting.distance(slot.starts_at, self.slot.starts_at, zone),
            )
            for slot in alternatives_to(self.slot)
        ]


def alternatives_to(slot: Slot) -> Sequence[Slot]:
    """The three bookable slots of the same expert that start closest to ``slot``, closest first.

    To a Session those of the same type. Read once for a crowd that wants the same slot: thousands may lose it at one
    moment.
    """
    if isinstance(slot, Session):
        return _shared_sessions(slot.pk, slot.expert_id, slot.starts_at, slot.session_type.pk)
    return _shared(slot.pk, slot.expert_id, slot.starts_at)


_shared = SharedRead(
    lambda pk, expert_id, starts_at: nearest_bookable(Slot(pk=pk, expert_id=expert_id, starts_at=starts_at))
)
_shared_sessions = SharedRead(
    lambda pk, expert_id, starts_at, session_type: nearest_sessions(expert_id, session_type, pk, starts_at)
)
