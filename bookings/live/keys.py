"""What names a room, and where the address of a socket leads."""

from datetime import date, timedelta
from typing import NamedTuple

from experts.clocks import DAYS_BETWEEN_CLOCKS


class WeekKey(NamedTuple):
    """A week of an expert, by the expert's clock, or by that in ``zone`` (a name) where another one leads."""

    expert_id: int
    monday: date
    zone: str = ""

    def may_show(self, day: date) -> bool:
        """Whether slots of that day of the expert may be in it."""
        beyond = timedelta(days=DAYS_BETWEEN_CLOCKS if self.zone else 0)
        return self.monday - beyond <= day <= self.monday + timedelta(days=6) + beyond


class FoundDay(NamedTuple):
    """The expert and the day of an address; ``zone`` as in WeekKey."""

    expert_id: int
    day: date
    zone: str

    @property
    def week(self) -> WeekKey:
        return WeekKey(self.expert_id, self.day - timedelta(days=self.day.weekday()), self.zone)
