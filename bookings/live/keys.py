"""What names a room, and where the address of a socket leads."""

from datetime import date, timedelta
from typing import NamedTuple

from experts.clocks import DAYS_BETWEEN_CLOCKS


class WeekKey(NamedTuple):
    """Days of an expert, by the expert's clock, or by that in ``zone`` (a name) where another one leads.

    From ``first`` to ``last``: the seven days of a strip, or those of a month. ``session_type``: the id of the type
    whose sessions are shown, 0 for the slots as they are.
    """

    expert_id: int
    first: date
    last: date
    zone: str = ""
    session_type: int = 0

    @property
    def length(self) -> int:
        return (self.last - self.first).days + 1

    def may_show(self, day: date) -> bool:
        """Whether slots of that day of the expert may be in it."""
        # A session may take slots of the day before and after that on which it starts.
        beyond = timedelta(days=(DAYS_BETWEEN_CLOCKS if self.zone else 0) + (1 if self.session_type else 0))
        return self.first - beyond <= day <= self.last + beyond


class FoundDay(NamedTuple):
    """The day that an address of a socket names, among the days that its page shows."""

    day: date
    week: WeekKey
