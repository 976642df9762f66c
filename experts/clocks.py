"""Which clock leads where a time is shown, and which stands beside it: one rule for pages, mails and files."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Case, CharField, DateField, F, Func, Value, When
from django.db.models.functions import Coalesce, NullIf
from django.db.models.lookups import Exact

from experts.timezones import offset_at

# What is today by one clock may be two days ago by another: zones are up to 26 hours apart.
DAYS_BETWEEN_CLOCKS = 2
# How far the clocks of places are ahead of UTC, and behind it.
MOST_AHEAD, MOST_BEHIND = timedelta(hours=14), timedelta(hours=12)
_AT_A_PLACE = "in_person"  # of the values of Expert.venue: whoever comes reads the clock on the wall there


@dataclass(frozen=True)
class Clocks:
    """The clocks by which somebody is told a time.

    Days, "today" and "tomorrow" are those of ``leading``. ``other`` is the other person's zone, None where it is not
    known or the same; ``beside`` tells whether it has anything to add. ``is_of_place``: ``leading`` is the clock of the
    place where they meet, ``other`` that of the visitor. Otherwise ``other`` is the expert's.
    """

    leading: ZoneInfo
    other: ZoneInfo | None = None
    is_of_place: bool = False

    def beside(self, instant: datetime) -> ZoneInfo | None:
        """Return the zone whose time is told beside the leading one; None where both clocks show the same then."""
        if self.other is None or offset_at(self.other, instant) == offset_at(self.leading, instant):
            return None
        return self.other

    def today(self, now: datetime) -> date:
        """Return the day that the leading clock shows."""
        return now.astimezone(self.leading).date()


def clocks_for(venue: str, expert_zone: ZoneInfo, visitor_zone: ZoneInfo | None) -> Clocks:
    """Return the clocks by which a visitor is told of a session.

    At a place its clock leads, which is the expert's, and the visitor's stands beside it. By phone and video the
    visitor's leads, and the expert's stands beside it. Without a ``visitor_zone`` there is the expert's alone.
    """
    is_of_place = venue == _AT_A_PLACE
    if visitor_zone is None or visitor_zone.key == expert_zone.key:
        return Clocks(expert_zone, None, is_of_place)
    if is_of_place:
        return Clocks(expert_zone, visitor_zone, is_of_place)
    return Clocks(visitor_zone, expert_zone)


def leading_zone(visitor_zone: str, expert: Callable[[str], Any] = F) -> Case:
    """Say ``clocks_for(…).leading`` in a query of experts; ``visitor_zone`` is a name, or "" where it is not known.

    In another query, ``expert`` makes of a field's name what stands for that field of the expert.
    """
    own = Coalesce(NullIf(Value(visitor_zone), Value("")), expert("timezone"), output_field=CharField())
    at_a_place = When(Exact(expert("venue"), _AT_A_PLACE), then=expert("timezone"))
    return Case(at_a_place, default=own, output_field=CharField())


def leading_day(visitor_zone: str, slot: Callable[[str], Any] = F, expert: Callable[[str], Any] = F) -> Case:
    """Say, as ``leading_zone``, on which day of the clock that leads a slot starts. Of the expert's a slot knows it."""
    at_a_place = When(Exact(expert("venue"), _AT_A_PLACE), then=slot("date"))
    by_visitor = DayThere(slot("starts_at"), NullIf(Value(visitor_zone), Value("")))
    return Case(at_a_place, default=Coalesce(by_visitor, slot("date")), output_field=DateField())


class DayThere(Func):
    """The day on which an instant falls, in a query: ``DayThere("starts_at", leading_zone(…))``."""

    template = "(%(expressions)s)::date"
    arg_joiner = " AT TIME ZONE "
    output_field = DateField()
