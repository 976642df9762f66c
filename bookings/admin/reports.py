"""Reports: a period and its experts in numbers, each of which leads to the list of what it has counted."""

from datetime import date, timedelta
from functools import partial
from urllib.parse import urlencode

from django.contrib import messages
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bookings.admin.report_export import export_view
from bookings.admin.report_question import (
    FIRST_COLUMN,
    GROUPINGS,
    PERIODS,
    ReportAnswer,
    ReportQuestion,
    bounds,
    moved,
    read_question,
)
from bookings.admin.staff_choice import organizations_to_choose
from bookings.admin.staff_page import StaffPage, render_page
from bookings.selectors import reports
from bookings.selectors.reports import LONGEST, Demand, Figures, Report
from experts import formatting
from experts.admin.scoping import may, reach
from experts.models import Expert
from experts.permissions import ADD

MOST_ROWS = 400  # shown in the table: as many as a report has days at most
MOST_CHOICES = 300  # experts to tick
MOST_DEMAND = 5
STEPS = 5  # of the colours of the heat table
# What each number means. docs/reports.md says the same at more length.
MEANINGS = {
    "booked": (
        gettext_lazy("Booked"),
        gettext_lazy(
            "Bookings of sessions on these days, whatever became of them later: cancelled ones too. Without requests "
            "that wait, were declined or ran out."
        ),
    ),
    "attended": (
        gettext_lazy("Attended"),
        gettext_lazy("Bookings whose session is over and nobody said they were missed, or whose person has arrived."),
    ),
    "no_shows": (gettext_lazy("No-shows"), gettext_lazy("Bookings of which staff said that nobody came.")),
    "cancelled": (
        gettext_lazy("Cancelled"),
        gettext_lazy("Bookings that customers or staff have cancelled. They count as booked, too."),
    ),
    "use": (
        gettext_lazy("Used of offered"),
        gettext_lazy(
            "Minutes of seats that are taken, of all minutes of seats in open slots: an hour with 12 seats offers 12 "
            "hours. Requests that wait and no-shows use their time; closed slots offer only what is booked in them."
        ),
    ),
    "turned_away": (
        gettext_lazy("Turned away"),
        gettext_lazy(
            "How often somebody opened or asked for a time on these days and could not have it. Whoever tries three "
            "times counts three times."
        ),
    ),
    "lead": (
        gettext_lazy("Lead time"),
        gettext_lazy(
            "From booking to the beginning of the session, the median of all that were booked: half came earlier, half "
            "later."
        ),
    ),
}


def reports_view(request):
    asked = read_question(request)
    if asked.is_cut:
        text = ngettext("A report has at most %(count)d day.", "A report has at most %(count)d days.", LONGEST)
        messages.warning(request, text % {"count": LONGEST})
    answer = ReportAnswer(request, asked)
    report = answer.report
    links = Links(request, answer)
    context = {
        "asked": asked,
        "cards": _cards(report, links),
        "heat": _heat(report, links),
        "demand": _demand(request, answer, links),
        "table": _table(answer, links),
        "experts": _choices(answer),
        "organizations": organizations_to_choose(request, asked.organization),
        "periods": [(label, asked.period == key, _period_url(asked, key)) for key, label in PERIODS.items()],
        "groupings": [(label, asked.by == key, f"?{asked.query(by=key)}#table") for key, label in GROUPINGS.items()],
        "span": formatting.period(asked.first, asked.last, asked.today),
        "span_before": formatting.period(*asked.before, asked.today),
        "earlier": _moved_url(asked, -1),
        "later": _moved_url(asked, 1),
        "query": asked.query(),
        "meanings": MEANINGS.values(),
        "printed_at": formatting.full_day_and_time(timezone.now(), asked.organization.zone),
    }
    return render_page(request, "admin/reports.html", _("Reports"), context)


class Links:
    """Addresses of the lists that numbers have counted."""

    def __init__(self, request, answer: ReportAnswer) -> None:
        self.asked = asked = answer.asked
        mine = reach(request)
        self.common: dict[str, object] = {}
        if mine.everything or len(frozenset().union(*mine.organizations.values())) > 1:
            self.common["organization"] = asked.organization.pk
        # Of those who see their own calendar only, lists have sessions, too, in which they are the second of two.
        if asked.chosen or not answer.sees_all:
            self.common["experts"] = ",".join(map(str, answer.expert_ids))

    def of(self, model: str, path: str, days: tuple[date, date] | None = None, **values: object) -> str:
        """The list of a model on some days, all of the report by default. ``path`` leads to the slot: "slot__"."""
        first, last = days or (self.asked.first, self.asked.last)
        found = {f"{path}date_from": first, f"{path}date_to": last}
        return f"{reverse(f'admin:{model}_changelist')}?{urlencode(self.common | found | values)}"

    def bookings(self, counted: str, days=None, **values: object) -> str:
        return self.of("bookings_booking", "slot__", days, counted=counted, **values)

    def slots(self, days=None, **values: object) -> str:
        return self.of("experts_slot", "", days, when="all", **values)

    def turned_away(self, days=None, **values: object) -> str:
        return self.of("bookings_turnedaway", "slot__", days, **values)

    def waitlist(self) -> str:
        return self.of("bookings_waitlistentry", "slot__", counted="joined")

    def of_row(self, key: object) -> dict[str, object]:
        """What a row of the table adds to an address: of a booking, a slot and what was turned away."""
        if self.asked.by == "day":
            return {"days": (key, key)}
        if self.asked.by == "type":
            return {"untyped": 1} if key is None else {"session_type__id__exact": key}
        return {"experts": key}


def _period_url(asked: ReportQuestion, period: str) -> str:
    """The same days seen as another kind of period: that in which today is, if it is one of them."""
    if period == "own":
        return f"?{asked.query(period=period)}"
    day = asked.today if asked.first <= asked.today <= asked.last else asked.first
    first, last = bounds(period, day)
    return f"?{asked.query(period=period, first=first, last=last)}"


def _moved_url(asked: ReportQuestion, steps: int) -> str:
    first, last = moved(asked, steps)
    return f"?{asked.query(first=first, last=last)}"


def percent(part: float | None) -> str:
    return _("%(number)d%%") % {"number": round(part * 100)} if part is not None else "–"


def hours(minutes: int) -> str:
    return number_format(round(minutes / 60) if minutes >= 600 else round(minutes / 60, 1), force_grouping=True)


def days(span: timedelta | None) -> str:
    """``6.2 days``; ``5 hours`` and less in their own words."""
    if span is None:
        return "–"
    if span < timedelta(days=1):
        return formatting.duration(span)
    number = round(span / timedelta(days=1), 1)
    return ngettext("%(days)s day", "%(days)s days", 2 if number != 1 else 1) % {"days": number_format(number, 1)}


def _cards(report: Report, links: Links) -> list[dict]:
    now, before = report.total, report.before
    cards = []
    for name in ("booked", "attended", "no_shows", "cancelled"):
        number, was = getattr(now, name), getattr(before, name)
        note = _("from %(number)s") % {"number": formatting.count_label(was)}
        if name != "booked":
            note = _("%(part)s of booked") % {"part": percent(now.part_of_booked(name))}
        good = name in ("booked", "attended")
        change = _change(number - was, good)
        cards.append(_card(name, formatting.count_label(number), links.bookings(name), change, note))
    points = round((now.use or 0) * 100) - round((before.use or 0) * 100)
    used = _("%(used)s of %(offered)s h") % {"used": hours(now.used), "offered": hours(now.offered)}
    comparable = now.use is not None and before.use is not None
    change = _change(points, True, _("%(number)s pt")) if comparable else None
    cards.append(_card("use", percent(now.use), links.slots(), change, used))
    change = _change(now.turned_away - before.turned_away, False)
    away = _card("turned_away", formatting.count_label(now.turned_away), links.turned_away(), change, "")
    away["more"] = {
        "text": _("%(count)s on waitlists") % {"count": formatting.count_label(report.waitlisted)},
        "url": links.waitlist(),
    }
    cards.append(away)
    lead = _card("lead", days(now.lead), links.bookings("booked"), None, _("median"))
    if now.lead is not None and before.lead is not None:
        lead["note"] = _("median, was %(before)s") % {"before": days(before.lead)}
    cards.append(lead)
    return cards


def _card(name: str, number: str, url: str, change: dict | None, note: str) -> dict:
    label, meaning = MEANINGS[name]
    return {"label": label, "meaning": meaning, "number": number, "url": url, "change": change, "note": note}


def _change(by: int, is_more_better: bool, pattern: str = "%(number)s") -> dict:
    sign = "+" if by > 0 else "−" if by < 0 else "±"
    tone = "" if by == 0 else "good" if (by > 0) == is_more_better else "bad"
    number = sign + number_format(abs(by), force_grouping=True)
    icon = "trending_flat" if by == 0 else "trending_up" if by > 0 else "trending_down"
    return {"text": pattern % {"number": number}, "tone": tone, "icon": icon}


def _heat(report: Report, links: Links) -> dict | None:
    """Weekdays by hours, from the first hour of which anything was offered to the last."""
    if not report.heat:
        return None
    shown = range(min(hour for _w, hour in report.heat), max(hour for _w, hour in report.heat) + 1)
    begins = formatting.week_start(date(2024, 1, 1)).isoweekday()
    week = [(begins - 1 + n) % 7 + 1 for n in range(7)]
    weekdays = [day for day in week if day <= 5 or any(weekday == day for weekday, _hour in report.heat)]
    return {
        "hours": [formatting.hour_of_day(hour) for hour in shown],
        "rows": [
            {
                "day": date_format(date(2024, 1, weekday), "SHORT_WEEKDAY_FORMAT"),
                "cells": [_cell(report.heat.get((weekday, hour)), weekday, hour, links) for hour in shown],
            }
            for weekday in weekdays
        ],
        "steps": range(1, STEPS + 1),
    }


def _cell(figures: Figures | None, weekday: int, hour: int, links: Links) -> dict:
    name = formatting.hour_of_weekday(weekday, hour, hour)
    if figures is None or figures.use is None:
        return {"name": name, "number": None}
    words = {
        "when": name,
        "part": percent(figures.use),
        "used": hours(figures.used),
        "offered": hours(figures.offered),
    }
    return {
        "name": _("%(when)s: %(part)s used, %(used)s of %(offered)s hours") % words,
        "number": round(figures.use * 100),
        "step": min(int(figures.use * STEPS) + 1, STEPS),
        "url": links.slots(hour=f"{weekday}-{hour}"),
    }


def _demand(request, answer: ReportAnswer, links: Links) -> dict:
    report = answer.report
    by_id = answer.experts_named({it.expert_id for it in report.demand[:MOST_DEMAND]})
    most = [(by_id[it.expert_id], it) for it in report.demand[:MOST_DEMAND]]
    now = timezone.now()
    may_add = may(request, "experts.slot", ADD) and bool(most)
    zones = {formatting.zone_name(expert.zone) for expert, _it in most}
    places = reports.where_to_add(most, {expert.pk: expert.today(now) for expert, _it in most}) if may_add else []
    return {
        "rows": [
            {
                "expert": expert,
                "when": formatting.hour_of_weekday(it.weekday, it.first_hour, it.last_hour),
                "zone": formatting.zone_name(expert.zone) if len(zones) > 1 else "",
                "people": it.people,
                "most": report.demand[0].people,
                "url": links.turned_away(
                    experts=expert.pk, hour="-".join(map(str, (it.weekday, it.first_hour, it.last_hour)))
                ),
                "add": _add_url(expert, it, places[number]) if may_add else "",
            }
            for number, (expert, it) in enumerate(most)
        ],
        "zone": zones.pop() if len(zones) == 1 else "",
        "all": links.turned_away(),
        "number": formatting.count_label(report.total.turned_away),
    }


def _add_url(expert: Expert, demand: Demand, place) -> str:
    """The form of a new slot, filled in with the next such day and its first time that is free."""
    day, at = place
    values = {"expert": expert.pk, "date": day.isoformat()} | ({"time": at.isoformat("minutes")} if at else {})
    return f"{reverse('admin:experts_slot_add')}?{urlencode(values)}"


def _table(answer: ReportAnswer, links: Links) -> dict:
    by, report = answer.asked.by, answer.report
    names = answer.names_of_rows(MOST_ROWS)
    number = answer.chosen.count() if by == "expert" and len(names) == MOST_ROWS else len(names)
    shown = list(names.items())[:MOST_ROWS]
    rows = [_row(name, report.rows.get(key, Figures()), links, **links.of_row(key)) for key, name in shown]
    total = _row(_("All together"), report.total, links)
    if by == "type":
        for row in (*rows, total):
            row["use"], row["turned_away"] = None, None
    return {
        "title": GROUPINGS[by],
        "first": FIRST_COLUMN[by],
        "rows": rows,
        "more": number - len(rows),
        "total": total,
        "has_slots": by != "type",
    }


def _row(name: str, figures: Figures, links: Links, **values) -> dict:
    counted = [
        {"number": formatting.count_label(getattr(figures, key)), "url": links.bookings(key, **values)}
        for key in ("booked", "attended", "no_shows", "cancelled")
    ]
    for cell, key in zip(counted, ("booked", "attended", "no_shows", "cancelled"), strict=True):
        if not getattr(figures, key):
            cell["url"] = ""
    by_slot = {key: value for key, value in values.items() if key in ("days", "experts")}
    return {
        "name": name,
        "counted": counted,
        "use": {"number": percent(figures.use), "url": links.slots(**by_slot) if figures.offered else ""},
        "turned_away": {
            "number": formatting.count_label(figures.turned_away),
            "url": links.turned_away(**by_slot) if figures.turned_away else "",
        },
        "lead": days(figures.lead),
    }


def _choices(answer: ReportAnswer) -> dict:
    chosen = set(answer.expert_ids) if answer.asked.chosen else set()
    number = answer.experts.count()
    count = len(chosen) or number
    text = ngettext("%(count)d expert", "%(count)d experts", count) % {"count": count}
    rows = [(expert, expert.pk in chosen) for expert in answer.experts[:MOST_CHOICES]] if number > 1 else []
    return {"text": text, "rows": rows, "is_cut": number > MOST_CHOICES}


REPORTS = StaffPage(
    "reports",
    "reports/",
    reports_view,
    gettext_lazy("Reports"),
    icon="bar_chart",
    parts=(
        ("reports_csv", "reports/export.csv", partial(export_view, file_format="csv")),
        ("reports_xlsx", "reports/export.xlsx", partial(export_view, file_format="xlsx")),
    ),
)
