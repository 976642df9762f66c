"""Read a week as a strip of days to choose from, as the pages of an expert and of moving a booking show it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bookings.selectors.week import DayCount, Week
from experts import formatting


def earlier_label(count: int, *, is_today: bool) -> str:
    """Say how many times of a day are over: ``10 earlier times today``."""
    if is_today:
        text = ngettext("%(count)d earlier time today", "%(count)d earlier times today", count)
    else:
        text = ngettext("%(count)d earlier time", "%(count)d earlier times", count)
    return text % {"count": count}


@dataclass(frozen=True)
class StripDay:
    """One day of the strip: what everybody sees of it, and the address that chooses it."""

    count: DayCount
    label: str
    url: str
    is_selected: bool
    is_today: bool


@dataclass(frozen=True)
class DayStrip:
    """Seven days with the weeks beside them. ``label``: ``3 to 9 March``; no address ("") where there is no week."""

    label: str
    days: list[StripDay]
    previous_url: str
    next_url: str
    previous_label: str
    next_label: str

    @classmethod
    def of(cls, week: Week, selected: date, url: Callable[[date], str]) -> "DayStrip":
        """Build the strip of the week around ``selected``; ``url`` makes the address of a day. No query."""
        before, after = week.a_week_before(selected), week.a_week_after(selected)
        return cls(
            label=formatting.day_span(week.days[0], week.days[-1]),
            days=[
                StripDay(
                    count=week.count(day),
                    label=_("Today") if day == week.today else date_format(day, "SHORT_WEEKDAY_FORMAT"),
                    url=url(day),
                    is_selected=day == selected,
                    is_today=day == week.today,
                )
                for day in week.days
            ],
            previous_url=url(before) if before else "",
            next_url=url(after) if after else "",
            previous_label=_("Previous week"),
            next_label=_("Next week"),
        )
