"""Take the table of a report along, and the hours and the demand beside it."""

from collections.abc import Iterator
from datetime import date, timedelta

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from bookings.admin.report_question import FIRST_COLUMN, GROUPINGS, ReportAnswer, ReportQuestion, read_question
from bookings.selectors.reports import Figures, Report
from experts import formatting, services
from experts.admin.exports import table_response
from experts.models import Expert, ExportFormat
from experts.tables import Cell, Row


def export_view(request, file_format):
    """The table as it is shown, with all rows and minutes instead of parts; a workbook has hours and demand, too."""
    asked = read_question(request)
    answer = ReportAnswer(request, asked)
    report, names = answer.report, answer.names_of_rows()
    services.log_export(
        user=request.user,
        subject="reports",
        filters=asked.query(),
        file_format=file_format,
        rows={asked.organization.pk: len(names)},
    )
    sheets = [(str(GROUPINGS[asked.by]), _lines(asked, report, names))]
    if file_format == ExportFormat.XLSX:
        experts = answer.experts_named({it.expert_id for it in report.demand})
        sheets += [
            (_("Used seats by hour"), _lines_of_heat(report)),
            (_("Demand you turned away"), _lines_of_demand(report, experts)),
        ]
    return table_response(file_format, "report", sheets)


def _lines(asked: ReportQuestion, report: Report, names: dict[object, str]) -> Iterator[Row]:
    head = [_("From"), _("To"), str(FIRST_COLUMN[asked.by])]
    head += [_("Booked"), _("Attended"), _("No-shows"), _("Cancelled")]
    yield [*head, _("Offered minutes"), _("Used minutes"), _("Turned away"), _("Lead time in days")]
    keyed = [(name, report.rows.get(key, Figures())) for key, name in names.items()]
    for name, it in [*keyed, (_("All together"), report.total)]:
        by_slot: list[Cell] = [it.offered, it.used, it.turned_away] if asked.by != "type" else [None, None, None]
        lead = round(it.lead / timedelta(days=1), 2) if it.lead is not None else None
        counted = [it.booked, it.attended, it.no_shows, it.cancelled]
        yield [asked.first, asked.last, name, *counted, *by_slot, lead]


def _lines_of_heat(report: Report) -> Iterator[Row]:
    yield [_("Weekday"), _("Hour"), _("Offered minutes"), _("Used minutes")]
    for (weekday, hour), it in sorted(report.heat.items()):
        yield [date_format(date(2024, 1, weekday), "WEEKDAY_FORMAT"), hour, it.offered, it.used]


def _lines_of_demand(report: Report, experts: dict[int, Expert]) -> Iterator[Row]:
    yield [_("Expert"), _("Time zone"), _("Hours"), _("Turned away")]
    for it in report.demand:
        expert, when = experts[it.expert_id], formatting.hour_of_weekday(it.weekday, it.first_hour, it.last_hour)
        yield [expert.name, expert.timezone, when, it.people]
