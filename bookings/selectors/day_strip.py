"""Read a week as a strip of days to choose from, as the pages of an expert and of moving a booking show it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from bookings.selectors.week import DayCount, Week
from experts import formatting


@dataclass(frozen=True)
class StripDay:
    """One day of the strip: what everybody sees of it, and the address that chooses it."""

    count: DayCount
    label: str
    url: str
    is_selected: bool


@dataclass(frozen=True)
class DayStrip:
    """Monday to Sunday with the weeks beside it. ``label``: ``3 – 9 March``; no address ("") where there is no week."""

    label: str
    days: list[StripDay]
    previous_url: str
    next_url: str

    @classmethod
    def of(cls, week: Week, selected: date, url: Callable[[date], str]) -> "DayStrip":
        """Build the strip of the week around ``selected``; ``url`` makes the address of a day. No query."""
        before, after = week.a_week_before(selected), week.a_week_after(selected)
        return cls(
            label=formatting.day_span(week.monday, week.monday + timedelta(days=6)),
            days=[
                StripDay(
                    count=week.count(day),
                    label=_("Today") if day == week.today else date_format(day, "SHORT_WEEKDAY_FORMAT"),
                    url=url(day),
                    is_selected=day == selected,
                )
                for day in week.days
            ],
            previous_url=url(before) if before else "",
            next_url=url(after) if after else "",
        )
