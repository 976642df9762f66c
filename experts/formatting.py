"""Write days and times in words, in the active language. Every function is given the zone."""

import re
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.utils.formats import date_format, get_format, number_format, time_format
from django.utils.text import get_text_list
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from experts.clocks import Clocks
from experts.timezones import city, day_bounds, minutes_in, offset_at, offset_label


def wall_clock(at: time) -> str:
    """``14:30``, of a time that is read off a clock already."""
    return time_format(at, "TIME_FORMAT")


def clock(instant: datetime, zone: ZoneInfo) -> str:
    """``14:30``"""
    at = instant.astimezone(zone)
    return _clock(at.hour, at.minute, get_format("TIME_FORMAT"), get_language())


@lru_cache(maxsize=5000)
def _clock(hour: int, minute: int, pattern: str, _language: str | None) -> str:
    """A page shows dozens of the same."""
    return time_format(time(hour, minute), pattern)


def hour_cycle() -> str:
    """How scripts write the hours, as JavaScript's ``Intl`` names it: ``h23`` for 0 to 23, ``h12`` for 1 to 12."""
    pattern = re.sub(r"\\.", "", get_format("TIME_FORMAT"))  # without letters that mean themselves
    return "h23" if re.search("[GH]", pattern) else "h12"


def week_start(day: date) -> date:
    """Return the first day of the week that ``day`` is in, as calendars of the language show weeks."""
    first = int(get_format("FIRST_DAY_OF_WEEK"))  # 0 is Sunday; ``isoweekday`` has Sunday as 7
    return day - timedelta(days=(day.isoweekday() - first) % 7)


def weekday_and_time(instant: datetime, zone: ZoneInfo) -> str:
    """``Wed 14:30``"""
    return date_format(instant.astimezone(zone), "WEEKDAY_TIME_FORMAT")


def visitors_clock(clocks: Clocks, instant: datetime) -> str:
    """``15:00 in Berlin``, what the visitor's clock shows beside a place's; empty where both show the same.

    With the weekday where that is another day.
    """
    zone = clocks.beside(instant) if clocks.is_of_place else None
    if zone is None:
        return ""
    is_same_day = instant.astimezone(zone).date() == instant.astimezone(clocks.leading).date()
    shown = clock(instant, zone) if is_same_day else weekday_and_time(instant, zone)
    return _("%(time)s in %(city)s") % {"time": shown, "city": city(zone)}


def time_span(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    """``14:30 to 15:15``"""
    return _("%(start)s to %(end)s") % {"start": clock(start, zone), "end": clock(end, zone)}


def day_name(day: date, today: date) -> str:
    """``Today``, ``Tomorrow``, or the date: ``Wed 11 March``, with the year when it is another one."""
    if day == today:
        return _("Today")
    if day == today + timedelta(days=1):
        return _("Tomorrow")
    return date_format(day, "DAY_FORMAT" if day.year == today.year else "DAY_YEAR_FORMAT")


def brief_day(day: date, today: date) -> str:
    """``11 Mar``, with weekday and year when it is another year."""
    return date_format(day, "BRIEF_MONTH_DAY_FORMAT" if day.year == today.year else "BRIEF_DATE_FORMAT")


def full_day(day: date, today: date) -> str:
    """``Tuesday 10 March``, with the year when it is another one."""
    return date_format(day, "FULL_DAY_FORMAT" if day.year == today.year else "FULL_DAY_YEAR_FORMAT")


def full_day_and_time(instant: datetime, zone: ZoneInfo) -> str:
    """``Tuesday 5 January, 09:00``"""
    return date_format(instant.astimezone(zone), "FULL_DAY_TIME_FORMAT")


def day_span(first: date, last: date) -> str:
    """``9 to 15 March``, ``30 March to 5 April``, ``28 December 2026 to 3 January 2027``."""
    if first.year != last.year:
        return _("%(first)s to %(last)s") % {
            "first": date_format(first, "DATE_FORMAT"),
            "last": date_format(last, "DATE_FORMAT"),
        }
    start = date_format(first, "DAY_OF_MONTH_FORMAT" if first.month == last.month else "MONTH_DAY_FORMAT")
    return _("%(first)s to %(last)s") % {"first": start, "last": date_format(last, "MONTH_DAY_FORMAT")}


def period(first: date, last: date, today: date) -> str:
    """``March``, ``9 to 15 March``; with the year when it is another one. A whole month is called by its name."""
    is_month = first.day == 1 and last == (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    if is_month:
        return date_format(first, "MONTH_FORMAT" if first.year == today.year else "MONTH_YEAR_FORMAT")
    if first == last:
        return date_format(first, "MONTH_DAY_FORMAT" if first.year == today.year else "DATE_FORMAT")
    span = day_span(first, last)
    if first.year != last.year or first.year == today.year:
        return span
    return _("%(span)s %(year)d") % {"span": span, "year": last.year}


def hour_of_day(hour: int) -> str:
    """``08``, above a column: the hour as clocks of the language show it."""
    return time_format(time(hour), "HOUR_FORMAT")


def hour_of_weekday(weekday: int, first: int, last: int) -> str:
    """``Thu 16:00 to 19:00``: hours of a weekday (Monday is 1), to the end of the last."""
    day = date_format(date(2024, 1, weekday), "SHORT_WEEKDAY_FORMAT")  # that January began on a Monday
    end = time(last + 1) if last < 23 else time(0)
    return _("%(day)s %(start)s to %(end)s") % {"day": day, "start": wall_clock(time(first)), "end": wall_clock(end)}


def day_and_time(instant: datetime, zone: ZoneInfo) -> str:
    """``Wed 10 Mar 2027, 14:30 London``: for lists, where one column holds times of several zones."""
    day = date_format(instant.astimezone(zone), "BRIEF_DATE_FORMAT")
    return _("%(day)s, %(time)s %(city)s") % {"day": day, "time": clock(instant, zone), "city": city(zone)}


def soon(instant: datetime, zone: ZoneInfo, now: datetime) -> str:
    """``Today 11:45``, ``Tomorrow 09:00``, ``Wed 10:20`` within a week, then ``Mon 16 Mar, 08:40``."""
    day, today = instant.astimezone(zone).date(), now.astimezone(zone).date()
    if day <= today + timedelta(days=1):
        return _("%(day)s %(time)s") % {"day": day_name(day, today), "time": clock(instant, zone)}
    if day < today + timedelta(days=7):
        return weekday_and_time(instant, zone)
    return date_format(instant.astimezone(zone), "BRIEF_DAY_TIME_FORMAT")


def lately(instant: datetime, zone: ZoneInfo, now: datetime) -> str:
    """``11:45`` today, else as ``soon``."""
    is_today = instant.astimezone(zone).date() == now.astimezone(zone).date()
    return clock(instant, zone) if is_today else soon(instant, zone, now)


def session_in_words(start: datetime, end: datetime, zone: ZoneInfo, now: datetime) -> str:
    """``Wednesday 11 March, 14:00 to 14:40``"""
    day = full_day(start.astimezone(zone).date(), now.astimezone(zone).date())
    return _("%(day)s, %(time)s") % {"day": day, "time": time_span(start, end, zone)}


def duration(span: timedelta) -> str:
    """``45 min``, ``1 hour``, ``5 h 45 min``, ``2 days``; minutes up to two hours, as people say ``90 min``."""
    minutes = minutes_in(span)
    if minutes >= 24 * 60:
        days = round(minutes / (24 * 60))
        return ngettext("%(count)d day", "%(count)d days", days) % {"count": days}
    hours, rest = divmod(minutes, 60)
    if rest == 0 and hours:
        return ngettext("%(count)d hour", "%(count)d hours", hours) % {"count": hours}
    if minutes < 120:
        return _("%(count)d min") % {"count": minutes}
    return _("%(hours)d h %(minutes)d min") % {"hours": hours, "minutes": rest}


def distance(instant: datetime, other: datetime, zone: ZoneInfo) -> str:
    """Return the way from ``other`` to ``instant``: ``45 min later``, ``90 min earlier``, or ``Same time``."""
    here, there = instant.astimezone(zone), other.astimezone(zone)
    if here.time() == there.time() and here.date() != there.date():
        return _("Same time")
    span = {"span": duration(abs(instant - other))}
    return _("%(span)s later") % span if instant > other else _("%(span)s earlier") % span


def zone_name(zone: ZoneInfo) -> str:
    """``London time``; ``UTC``."""
    return "UTC" if zone.key == "UTC" else _("%(city)s time") % {"city": city(zone)}


def by_clock_of(zone: ZoneInfo, when: str) -> str:
    """Name the zone of a time in words: ``Wed 11 March, 14:30 London time``."""
    return _("%(when)s %(zone)s") % {"when": when, "zone": zone_name(zone)}


def time_beside(clocks: Clocks, instant: datetime) -> str:
    """What the other clock shows: ``15:00 for you in Berlin``, ``14:00 in London``; empty where both show the same.

    With the day where that is another one.
    """
    other = clocks.beside(instant)
    if other is None:
        return ""
    here, there = instant.astimezone(clocks.leading), instant.astimezone(other)
    pattern = "TIME_FORMAT" if here.date() == there.date() else "DAY_TIME_FORMAT"
    text = _("%(time)s for you in %(city)s") if clocks.is_of_place else _("%(time)s in %(city)s")
    return text % {"time": date_format(there, pattern), "city": city(other)}


def deadline(instant: datetime, clocks: Clocks, when: str) -> str:
    """``16:04 London time (17:04 for you in Berlin)``. ``when``: the instant in words, by the leading clock.

    By phone and video the visitor's own clock leads, which is all that somebody wants to know of a deadline.
    """
    when, beside = by_clock_of(clocks.leading, when), time_beside(clocks, instant) if clocks.is_of_place else ""
    return _("%(when)s (%(beside)s)") % {"when": when, "beside": beside} if beside else when


def zone_line(clocks: Clocks, instant: datetime) -> str:
    """Say whose time an instant was told in, and what the other clock shows then, in whole sentences.

    ``London time (GMT), where you will be. 15:00 for you in Berlin.``, or ``Berlin time (GMT+1). 14:00 in London.``
    """
    words = {"zone": zone_label(clocks.leading, instant), "beside": time_beside(clocks, instant)}
    if not words["beside"]:
        return _("%(zone)s.") % words
    text = _("%(zone)s, where you will be. %(beside)s.") if clocks.is_of_place else _("%(zone)s. %(beside)s.")
    return text % words


def start_and_zone(instant: datetime, zone: ZoneInfo, now: datetime) -> str:
    """``Wednesday 11 March, 14:00 London time``"""
    day = full_day(instant.astimezone(zone).date(), now.astimezone(zone).date())
    return by_clock_of(zone, _("%(day)s, %(time)s") % {"day": day, "time": clock(instant, zone)})


def start_in_words(instant: datetime, clocks: Clocks, now: datetime) -> str:
    """``Wednesday 11 March, 14:00 London time (15:00 for you in Berlin)``, for where no ``zone_line`` stands below."""
    when, beside = start_and_zone(instant, clocks.leading, now), time_beside(clocks, instant)
    return _("%(when)s (%(beside)s)") % {"when": when, "beside": beside} if beside else when


def zone_label(zone: ZoneInfo, instant: datetime) -> str:
    """``Berlin time (GMT+1)``, with the offset in force at that instant."""
    return _("%(city)s time (%(offset)s)") % {"city": city(zone), "offset": offset_label(zone, instant)}


def zone_label_of_day(zone: ZoneInfo, day: date) -> str:
    """``Berlin time (GMT+1)``; ``Berlin time (GMT+2, then GMT+1)`` on the day on which the clocks change."""
    start = datetime.combine(day, time(0), tzinfo=zone)
    first, last = offset_label(zone, start), offset_label(zone, start + timedelta(days=1) - timedelta(minutes=1))
    if first == last:
        return zone_label(zone, start)
    return _("%(city)s time (%(first)s, then %(last)s)") % {"city": city(zone), "first": first, "last": last}


def clock_of_day(zone: ZoneInfo, day: date) -> str:
    """``Berlin time``; as ``zone_label_of_day`` on the day on which the clocks change."""
    start, end = day_bounds(day, zone)
    if offset_at(zone, start) != offset_at(zone, end - timedelta(minutes=1)):
        return zone_label_of_day(zone, day)
    return zone_name(zone)


def count_label(number: int, is_least: bool = False) -> str:
    """``1,234``; ``1,000+`` of a number that was not counted to its end (``is_least``)."""
    figures = number_format(number, force_grouping=True)
    return _("%(count)s+") % {"count": figures} if is_least else figures


_SYMBOLS = {"EUR": "€", "GBP": "£", "USD": "$"}


def listed(items: Iterable[str]) -> str:
    """``09:00, 09:20 and 09:40``"""
    return get_text_list(list(items), _("and"))


def money(amount: Decimal, currency: str) -> str:
    """``€60``, ``€12.50``, ``CHF 60``; the amount alone without a currency."""
    number = number_format(amount, 0 if amount == amount.to_integral_value() else 2)
    if currency in _SYMBOLS:
        return f"{_SYMBOLS[currency]}{number}"
    return f"{currency} {number}".strip()
