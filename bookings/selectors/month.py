"""Read a month as a calendar of days to choose from, beside the strip of a week (bookings/selectors/day_strip.py)."""

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from bookings.selectors.week import DAYS_OF_WEEK, DayCount, Week, read_day
from experts import formatting


@dataclass(frozen=True)
class MonthDay:
    """One day of the calendar: what everybody sees of it, and the address that chooses it; "" where nothing is."""

    count: DayCount
    url: str
    is_selected: bool
    is_today: bool


@dataclass(frozen=True)
class Month:
    """A month from its first to its last day. ``label``: ``January 2027``; no address ("") where there is no month.

    ``weekdays``: ``Mon`` to ``Sun``, from the day on which weeks of the language begin; ``first_column``: under which
    of them the first day is, from 1. ``opens``: ``Opens 5 January``, of the first day beyond the horizon, or "";
    ``opens_before``: the day before which a line says so, None for the end. ``opening``: the same in a sentence.
    """

    label: str
    weekdays: list[str]
    first_column: int
    days: list[MonthDay]
    previous_url: str
    next_url: str
    previous_label: str
    next_label: str
    opens: str
    opens_before: date | None
    opening: str

    @classmethod
    def of(
        cls, week: Week, selected: date, day_url: Callable[[date], str], month_url: Callable[[date], str]
    ) -> "Month":
        """Build the calendar of the month that was read as ``week``. The others make addresses. No query."""
        first, last = week.days[0], week.days[-1]
        start, after = formatting.week_start(first), last + timedelta(days=1)
        # A line cannot go through a week: it is drawn below the one in which the horizon is.
        behind = max(first, formatting.week_start(week.last_bookable_day) + timedelta(days=DAYS_OF_WEEK))
        counts = [week.count(day) for day in week.days]
        first_later = next((count.date for count in counts if count.state == "later"), None)
        return cls(
            label=date_format(first, "MONTH_YEAR_FORMAT"),
            weekdays=[date_format(start + timedelta(days=n), "SHORT_WEEKDAY_FORMAT") for n in range(DAYS_OF_WEEK)],
            first_column=(first - start).days + 1,
            days=[
                MonthDay(
                    count=count,
                    url=day_url(count.date) if count.state in ("open", "full") else "",
                    is_selected=count.date == selected,
                    is_today=count.date == week.today,
                )
                for count in counts
            ],
            previous_url=month_url(first - timedelta(days=1)) if first > week.today else "",
            next_url=month_url(after) if after <= week.last_bookable_day else "",
            previous_label=_("Previous month"),
            next_label=_("Next month"),
            opens=_opens(week, first_later),
            opens_before=behind if behind <= last else None,
            opening=_opening(week, first_later),
        )


def _opens(week: Week, first: date | None) -> str:
    if first is None:
        return ""
    opens_at = week.opens[first].astimezone(week.zone)
    return _("Opens %(day)s") % {"day": date_format(opens_at, "MONTH_DAY_FORMAT")}


def _opening(week: Week, first: date | None) -> str:
    if first is None:
        return ""
    return _("Times from %(day)s open on %(when)s.") % {
        "day": date_format(first, "MONTH_DAY_FORMAT"),
        "when": formatting.full_day_and_time(week.opens[first], week.zone),
    }


def read_month(text: str) -> date | None:
    """Return the first day of the month that is written there (``2027-01``); None if it is none."""
    return read_day(f"{text}-01") if re.fullmatch(r"[0-9]{4}-[0-9]{2}", text) else None


def length_of_month(first: date) -> int:
    """Return how many days a month has."""
    return monthrange(first.year, first.month)[1]
