"""Take a list along as CSV or XLSX, as it is filtered, and write into a log who did."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import FileResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from experts import services, tables
from experts.admin.scoping import WithinReach
from experts.admin.sign_ins import LogAdmin
from experts.formatting import count_label
from experts.models import ExportFormat, ExportLog
from experts.tables import Cell, Row

MOST_EXPORTED = 50_000  # rows
CHUNK = 500


@dataclass(frozen=True)
class Column:
    """A column of a file: what stands above it, and how a cell is made of a row."""

    name: Any
    cell: Callable[[Any], Cell]


class WithExport(admin.ModelAdmin):
    """A list that can be taken along as CSV or XLSX: the rows that its filters and search show, in their order."""

    change_list_template = "admin/exported_list.html"
    export_columns: tuple[Column, ...] = ()

    def get_urls(self):
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        view = self.admin_site.admin_view(self.export_view)
        return [
            *(
                path(f"export.{kind}", view, {"file_format": kind}, name=f"{name}_{kind}")
                for kind in ExportFormat.values
            ),
            *super().get_urls(),
        ]

    def changelist_view(self, request, extra_context=None):
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}"
        query = f"?{request.GET.urlencode()}" if request.GET else ""
        links = [(kind.label, reverse(f"{name}_{kind}") + query) for kind in ExportFormat]
        return super().changelist_view(request, {"export_links": links, **(extra_context or {})})

    def export_view(self, request, file_format):
        if not self.has_view_permission(request):
            raise PermissionDenied
        back = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        try:
            request.exports_list = True
            changelist = self.get_changelist_instance(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(f"{back}?e=1")
        rows = changelist.queryset
        keys = list(rows.values_list("pk", flat=True)[: MOST_EXPORTED + 1])
        if len(keys) > MOST_EXPORTED:
            text = _("There are more than %(count)s rows. Filter the list first, and export it in parts.")
            messages.warning(request, text % {"count": count_label(MOST_EXPORTED)})
            query = f"?{request.GET.urlencode()}" if request.GET else ""
            return HttpResponseRedirect(back + query)
        services.log_export(
            user=request.user,
            subject=self.opts.label_lower,
            filters=_filters_of(request, changelist),
            file_format=file_format,
            rows=self._rows_by_organization(rows),
        )
        return table_response(
            file_format, self.opts.model_name, [(str(self.opts.verbose_name_plural), self._lines(request, rows, keys))]
        )

    def _rows_by_organization(self, rows: QuerySet) -> dict[int | None, int]:
        [organization] = self._organization_paths
        counted = rows.order_by().values_list(organization).annotate(number=Count("pk", distinct=True))
        return dict(counted)

    def _lines(self, request, rows: QuerySet, keys: list) -> Iterator[Row]:
        """The head and a line for each row, read a few at a time: no cursor would live behind a pooler."""
        columns = self.export_columns
        yield [str(column.name) for column in columns]
        for start in range(0, len(keys), CHUNK):
            wanted = keys[start : start + CHUNK]
            found = {row.pk: row for row in rows.order_by().filter(pk__in=wanted)}
            there = [found[key] for key in wanted if key in found]
            self.prepare_export(request, there)
            for row in there:
                yield [column.cell(row) for column in columns]

    def prepare_export(self, request, rows: list) -> None:
        """Read what the columns need beside the rows, for some of them at a time."""


def table_response(file_format: str, name: str, sheets: list[tuple[str, Iterable[Row]]]):
    """A file to save. A CSV has the first sheet alone, and is sent while it is read."""
    day = timezone.localdate().isoformat()
    if file_format == ExportFormat.CSV:
        _title, rows = sheets[0]
        response = StreamingHttpResponse(tables.csv_chunks(rows), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{name}-{day}.csv"'
    else:
        file = tempfile.TemporaryFile()  # noqa: SIM115  # the response closes it
        tables.write_xlsx(file, sheets)
        file.seek(0)
        response = FileResponse(file, as_attachment=True, filename=f"{name}-{day}.xlsx", content_type=tables.XLSX_TYPE)
    response["Cache-Control"] = "no-store, private"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _filters_of(request, changelist) -> str:
    """By what the list was filtered. What was searched for may be somebody's name: only that something was."""
    known = {name for spec in changelist.filter_specs for name in spec.expected_parameters()}
    left_out = ("p", "o", "e", "all")
    return urlencode(
        [
            (name, value if name in known else "…")
            for name in request.GET
            for value in request.GET.getlist(name)
            if name not in left_out
        ]
    )


@admin.register(ExportLog)
class ExportLogAdmin(LogAdmin):
    """Who has taken which lists along in a file: owners see that of their own organisation."""

    organization_path = "organization_id"
    list_display = ("when", "who", "what", "rows", "format", "by", "organization")
    list_select_related = ("organization",)
    list_filter = (("format", ChoicesDropdownFilter), ("organization", WithinReach))
    search_fields = ("who",)
    search_help_text = gettext_lazy("E-mail")
    fields = ("when", "who", "what", "rows", "format", "by", "organization")

    @display(description=gettext_lazy("list"))
    def what(self, row):
        model = next((model for model in self.admin_site._registry if model._meta.label_lower == row.subject), None)
        return str(model._meta.verbose_name_plural) if model else _("Reports")

    @display(description=gettext_lazy("filters"))
    def by(self, row):
        return row.filters or None


def when_and_zone(at) -> Cell:
    """An instant as a text with its offset: a cell of a spreadsheet knows no zone."""
    return at.isoformat(" ", "minutes") if at else None
