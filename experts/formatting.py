"""Write days and times in words, in the active language. Every function is given the zone."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from experts.clocks import Clocks
from experts.timezones import city, day_bounds, offset_at, offset_label


def clock(instant: datetime, zone: ZoneInfo) -> str:
    """``14:30``"""
    return date_format(instant.astimezone(zone), "H:i")


def weekday_and_time(instant: datetime, zone: ZoneInfo) -> str:
    """``Wed 14:30``"""
    return date_format(instant.astimezone(zone), "D H:i")


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
    return date_format(day, "D j F" if day.year == today.year else "D j F Y")


def full_day(day: date, today: date) -> str:
    """``Tuesday 10 March``, with the year when it is another one."""
    return date_format(day, "l j F" if day.year == today.year else "l j F Y")


def day_span(first: date, last: date) -> str:
    """``9 to 15 March``, ``30 March to 5 April``, ``28 December 2026 to 3 January 2027``."""
    if first.year != last.year:
        return _("%(first)s to %(last)s") % {
            "first": date_format(first, "j F Y"),
            "last": date_format(last, "j F Y"),
        }
    start = date_format(first, "j" if first.month == last.month else "j F")
    return _("%(first)s to %(last)s") % {"first": start, "last": date_format(last, "j F")}


def day_and_time(instant: datetime, zone: ZoneInfo) -> str:
    """``Wed 10 Mar 2027, 14:30 London``: for lists, where one column holds times of several zones."""
    day = date_format(instant.astimezone(zone), "D j M Y")
    return _("%(day)s, %(time)s %(city)s") % {"day": day, "time": clock(instant, zone), "city": city(zone)}


def soon(instant: datetime, zone: ZoneInfo, now: datetime) -> str:
    """``Today 11:45``, ``Tomorrow 09:00``, ``Wed 10:20`` within a week, then ``Mon 16 Mar, 08:40``."""
    day, today = instant.astimezone(zone).date(), now.astimezone(zone).date()
    if day <= today + timedelta(days=1):
        return f"{day_name(day, today)} {clock(instant, zone)}"
    if day < today + timedelta(days=7):
        return weekday_and_time(instant, zone)
    return date_format(instant.astimezone(zone), "D j M, H:i")


def duration(span: timedelta) -> str:
    """``45 min``, ``1 hour``, ``5 h 45 min``, ``2 days``; minutes up to two hours, as people say ``90 min``."""
    minutes = int(span.total_seconds() // 60)
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
    return _("%(city)s time") % {"city": city(zone)}


def zone_difference(zone: ZoneInfo, shown: ZoneInfo, instant: datetime) -> str:
    """Return how clocks in ``zone`` differ from those in ``shown``: ``1 hour behind``; empty when they agree."""
    difference = offset_at(zone, instant) - offset_at(shown, instant)
    if not difference:
        return ""
    span = {"span": duration(abs(difference))}
    return _("%(span)s ahead") % span if difference > timedelta(0) else _("%(span)s behind") % span
