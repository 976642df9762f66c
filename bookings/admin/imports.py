"""Import experts, slots and bookings: choose a file, see what it would do, then do it as a whole."""

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET

from bookings.admin.staff_choice import chosen_organization
from bookings.admin.staff_page import StaffPage, render_page
from bookings.services import imports
from experts import formatting, tables
from experts.admin.base import instant
from experts.admin.exports import table_response
from experts.admin.scoping import may, reach
from experts.errors import Refused
from experts.models import ExportFormat, ImportKind, ImportRun, ImportStatus, Organization
from experts.permissions import ADD
from experts.tables import UnreadableTable

MOST_LISTED = 10
# What an import adds, and where it is then to be seen.
MODELS = {
    ImportKind.EXPERTS: "experts.expert",
    ImportKind.SLOTS: "experts.slot",
    ImportKind.BOOKINGS: "bookings.booking",
}


class ImportForm(forms.Form):
    kind = forms.ChoiceField(label=gettext_lazy("What is in it"), choices=(), widget=forms.RadioSelect)
    organization = forms.ModelChoiceField(
        label=gettext_lazy("Organisation"), queryset=Organization.objects.none(), empty_label=None
    )
    file = forms.FileField(
        label=gettext_lazy("File"),
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx"}),
    )
    sends_mails = forms.BooleanField(
        label=gettext_lazy("Send each customer a confirmation of the booking"), required=False
    )

    def __init__(self, request, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.request = request
        self.fields["kind"].choices = [(kind.value, kind.label) for kind in ImportKind if _organizations(request, kind)]
        rows = Organization.objects.order_by("name")
        if not reach(request).everything:
            rows = rows.filter(pk__in=frozenset().union(*(_organizations(request, kind) for kind in ImportKind)))
        self.fields["organization"].queryset = rows
        self.needs_choice = self.fields["organization"].queryset.count() > 1
        if self.needs_choice:
            self.fields["organization"].initial = chosen_organization(request)
        else:
            self.fields["organization"].required = False

    def clean(self):
        cleaned = super().clean()
        if not self.needs_choice:
            cleaned["organization"] = self.fields["organization"].queryset.first()
        kind, organization = cleaned.get("kind"), cleaned.get("organization")
        if kind and organization and not _may_import(self.request, kind, organization.pk):
            self.add_error("kind", _("You may not add these to that organisation."))
        file = cleaned.get("file")
        if file is not None and file.size > tables.MOST_BYTES:
            self.add_error("file", _("The file is larger than 5 MB."))
        return cleaned


def _organizations(request, kind: str) -> frozenset[int] | bool:
    """The organisations into which they may import that; True for all."""
    mine = reach(request)
    if mine.everything:
        return True
    may_import, _own = mine.with_right("experts.importrun", ADD)
    may_add, _own = mine.with_right(MODELS[ImportKind(kind)], ADD)
    return may_import & may_add


def _may_import(request, kind: str, organization_id: int) -> bool:
    found = _organizations(request, kind)
    return found if isinstance(found, bool) else organization_id in found


def _runs(request):
    """The imports of the organisations in which they may import."""
    rows = ImportRun.objects.defer("content").select_related("organization", "user")
    mine = reach(request)
    return rows if mine.everything else rows.filter(organization__in=mine.with_right("experts.importrun", ADD)[0])


@csrf_exempt
def import_view(request):
    """Choose a file. What it would do is on the page of the import, to which this leads.

    The middleware would read the body to find the form's token. Here that is done after the log-in and the right to
    import were asked for, so that nobody else makes the server take a file.
    """
    return _import(request)


@csrf_protect
def _import(request):
    form = ImportForm(request, request.POST or None, request.FILES or None)
    status = 200
    if request.method == "POST":
        if form.is_valid():
            values = form.cleaned_data
            try:
                run = imports.start_import(
                    organization=values["organization"],
                    kind=values["kind"],
                    content=values["file"].read(),
                    user=request.user,
                    sends_mails=values["sends_mails"] and values["kind"] == ImportKind.BOOKINGS,
                )
            except UnreadableTable as error:
                form.add_error("file", str(error))
            except Refused as refusal:
                form.add_error(None, str(refusal))
            else:
                return redirect("admin:import_run", pk=run.pk)
        status = 422
    context = {
        "form": form,
        "kinds": [
            {
                "value": value,
                "label": label,
                "columns": imports.COLUMNS[value],
                "template_url": reverse("admin:import_template", args=[value]),
                "is_chosen": form["kind"].value() == value,
            }
            for value, label in form.fields["kind"].choices
        ],
        "runs": [
            (run, reverse("admin:import_run", args=[run.pk]), instant(run.created_at)) for run in _latest(request)
        ],
    }
    return render_page(request, "admin/import.html", _("Import"), context, status=status)


def _latest(request):
    return _runs(request).order_by("-pk")[:MOST_LISTED]


def run_view(request, pk):
    """What a file would do, or has done; how far it is until that is known. POST imports what was tried."""
    run = _runs(request).filter(pk=pk).first()
    if run is None:
        raise Http404
    if request.method == "POST":
        if not _may_import(request, run.kind, run.organization_id):
            raise PermissionDenied
        try:
            imports.confirm_import(run_id=run.pk)
        except Refused as refusal:
            messages.error(request, str(refusal))
        return redirect("admin:import_run", pk=run.pk)
    context = _of_run(request, run)
    if request.headers.get("HX-Request"):
        return TemplateResponse(request, "admin/_import_run.html", context)  # asked each second: without the frame
    return render_page(request, "admin/import_run.html", _("Import"), context)


def _of_run(request, run: ImportRun) -> dict:
    result = run.result
    errors = result.get("errors", [])
    progress = imports.progress_of(run) if run.is_running else None
    return {
        "run": run,
        "url": reverse("admin:import_run", args=[run.pk]),
        "progress": progress,
        "percent": round(progress[0] * 100 / progress[1]) if progress and progress[1] else 0,
        "title_line": _title(run, result),
        "note_line": _note(run, result),
        "errors": [(_("Row %(row)d") % {"row": row} if row > 0 else "", text) for row, text in errors],
        "more_errors": max(result.get("error_count", 0) - len(errors), 0),
        "ignored": ", ".join(result.get("ignored", ())),
        "may_confirm": run.status == ImportStatus.CHECKED and not errors and result.get("added", 0) > 0,
        "confirm_text": _confirm(run, result.get("added", 0)),
        "list_url": _list_url(run),
        "again_url": reverse("admin:import"),
        "when": formatting.full_day_and_time(run.created_at, timezone.get_current_timezone()),
    }


def _title(run: ImportRun, result: dict) -> str:
    number = result.get("error_count", 0)
    if run.status == ImportStatus.CHECKING:
        return _("The file is being checked")
    if run.status == ImportStatus.IMPORTING:
        return _("The import is running")
    if number:
        text = ngettext(
            "Nothing was imported: %(count)d row needs a fix",
            "Nothing was imported: %(count)d rows need a fix",
            number,
        )
        return text % {"count": number}
    if run.status == ImportStatus.DONE:
        return _("The import is done")
    return _("The file is in order") if result.get("added") else _("There is nothing to import")


def _note(run: ImportRun, result: dict) -> str:
    if run.is_running:
        return _("You can leave this page and come back: it goes on by itself.")
    if result.get("error_count"):
        return _("Correct these in your file, and choose it again. Either all of it is imported or nothing.")
    words = {"added": result.get("added", 0), "unchanged": result.get("unchanged", 0)}
    if run.status == ImportStatus.DONE:
        return _("%(added)d added, %(unchanged)d were there already.") % words
    return _("%(added)d would be added, %(unchanged)d are there already and stay as they are.") % words


def _confirm(run: ImportRun, number: int) -> str:
    texts = {
        ImportKind.EXPERTS: ngettext("Import %(count)d expert", "Import %(count)d experts", number),
        ImportKind.SLOTS: ngettext("Import %(count)d slot", "Import %(count)d slots", number),
        ImportKind.BOOKINGS: ngettext("Import %(count)d booking", "Import %(count)d bookings", number),
    }
    return texts[ImportKind(run.kind)] % {"count": number}


def _list_url(run: ImportRun) -> str:
    return reverse(f"admin:{MODELS[ImportKind(run.kind)].replace('.', '_')}_changelist")


@require_GET
def template_view(request, kind):
    """An example of a table to fill in: the names of the columns, and one row."""
    if kind not in imports.COLUMNS or not may(request, "experts.importrun", ADD):
        raise Http404
    columns = imports.COLUMNS[kind]
    rows = [[column.name for column in columns], [column.example for column in columns]]
    return table_response(ExportFormat.CSV, f"import-{kind}", [(kind, rows)])


IMPORTS = StaffPage(
    "import",
    "import/",
    import_view,
    gettext_lazy("Import"),
    icon="upload_file",
    model="experts.importrun",
    right=ADD,
    parts=(
        ("import_run", "import/<int:pk>/", run_view),
        ("import_template", "import/template/<str:kind>/", template_view),
    ),
)
