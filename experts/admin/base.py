"""What the admin pages of this project have in common: writes through services, and lists that never count."""

from collections.abc import Callable
from datetime import datetime

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.admin.options import get_content_type_for_model
from django.contrib.admin.utils import flatten_fieldsets, quote, unquote
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import DurationField, Model, ProtectedError, QuerySet
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from unfold import paginator
from unfold.admin import ModelAdmin
from unfold.utils import display_for_label
from unfold.widgets import UnfoldAdminTextInputWidget

from experts.admin.fields import SpanField, Suggestions
from experts.admin.history import Entry, read_history
from experts.admin.scoping import Scoped
from experts.admin.shown import SHOWN, Difference, ShownValues, catch_up, words_of
from experts.errors import Refused
from experts.formatting import count_label
from experts.locking import slot_transaction
from experts.timezones import offset_label

MOST_IN_ONE_ACTION = 500
MOST_COUNTED = 500  # rows of a list: what is only shown is counted so far
MOST_REFUSALS_SHOWN = 10
LONGEST_TOLD = 200  # characters of what a colleague wrote


def label(text: str, colour: str) -> str:
    """A short coloured label: success, warning, danger, info or default. The text says it all, the colour helps."""
    return display_for_label((colour, str(text)), "", {colour: colour})


def instant(at: datetime) -> str:
    """In the zone of this browser, which is named: it need not be the expert's."""
    zone = timezone.get_current_timezone()
    return f"{date_format(at.astimezone(zone), 'BRIEF_DATETIME_FORMAT')} ({offset_label(zone, at)})"


def read_key(text: str) -> int:
    """The key of a row that an address names; 0, which no row has, for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


def without_menu(field: forms.Field) -> forms.Field:
    """A choice of something that is made and changed elsewhere: without the menu to do so from here."""
    field.widget = getattr(field.widget, "widget", field.widget)
    return field


class InfinitePaginator(paginator.InfinitePaginator):
    """Pages of a list that nobody counts to its end. What a row refers to is read for the rows of the page only.

    In one query PostgreSQL would join the rows of all earlier pages, too, before it skips them. The name is unfold's:
    its templates know by it that there is no number of results to show.
    """

    def page(self, number):
        number = self.validate_number(number)
        start = (number - 1) * self.per_page
        keys = list(self.object_list.values_list("pk", flat=True)[start : start + self.per_page])
        self._shown = start, len(keys)
        return self._get_page(self.object_list.filter(pk__in=keys), number, self)

    @cached_property
    def counted(self) -> str:
        """``12 in this list``, ``51 to 100 of 500+``: what is shown, and of how many, counted as far as MOST_COUNTED.

        Asks nothing where the page that was read has the end of the list. Empty beyond the end.
        """
        start, length = self._shown
        if not length and start:
            return ""
        if length < self.per_page:
            number, is_least = start + length, False
        else:
            number = self.object_list.order_by()[: MOST_COUNTED + 1].count()
            is_least = number > MOST_COUNTED
        of = count_label(max(min(number, MOST_COUNTED) if is_least else number, start + length), is_least)
        if not start and number == length:
            return ngettext("%(count)s in this list", "%(count)s in this list", number) % {"count": of}
        return _("%(first)d to %(last)d of %(count)s") % {"first": start + 1, "last": start + length, "count": of}


class ServiceForm(forms.ModelForm):
    """A form that can show why the service refused what was sent. The service has the last word about what is right."""

    refusal: dict[str | None, list[str]] = {}

    def _post_clean(self):
        stored = dict(vars(self.instance))
        super()._post_clean()
        for field, texts in self.refusal.items():
            self.add_error(field if field in self.fields else None, texts)
        if self.errors:
            # What is shown beside the fields is how things are, not how somebody wanted them.
            vars(self.instance).update(stored)


class SeatsForm(ServiceForm):
    """A form for what takes seats: uniqueness and constraints are left to the service, which judges under the lock.

    The service also knows which field each of them is about.
    """

    def clean(self):
        return self.cleaned_data  # without super(), which would ask for uniqueness

    def _post_clean(self):
        self.instance.validate_constraints = lambda exclude=None: None
        super()._post_clean()


class ServiceAdmin(Scoped, ModelAdmin):
    """Writes go through services, in ``save_model`` and ``delete_model``; what they refuse is a message, never a 500.

    Django saves inside one transaction, so a refusal, which ends it, leaves nothing half-written. Whose rows they
    are is said with ``organization_path`` and ``person_path`` (experts/permissions.py).
    """

    form = ServiceForm
    change_form_before_template = "admin/shown.html"
    formfield_overrides = {DurationField: {"form_class": SpanField, "widget": UnfoldAdminTextInputWidget}}
    # The list neither counts what it holds nor offers to act on rows that nobody has seen.
    paginator = InfinitePaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_disable_select_all = True
    list_filter_submit = True
    list_per_page = 50
    list_max_show_all = 0
    compressed_fields = True
    warn_unsaved_form = True
    has_events = False
    # Whether a row is called by somebody's address, which the log of the admin would keep for longer than the row.
    is_called_by_address = False

    def get_actions(self, request):
        """Without Django's own bulk deletion, which knows no services."""
        actions = super().get_actions(request)
        if "delete_selected" not in (self.actions or ()):
            actions.pop("delete_selected", None)
        return actions

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", Suggestions(db_field, self.admin_site, using=kwargs.get("using")))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_object(self, request, object_id, from_field=None):
        """By the primary key also where the address has ``_to_field=`` without a name, which Django looks up as one."""
        return super().get_object(request, object_id, from_field or None)

    # Refusals on a form

    def get_form(self, request, obj=None, change=False, **kwargs):
        form = super().get_form(request, obj, change, **kwargs)  # a class of its own for each request
        form.refusal = getattr(request, "refusal", {})
        return form

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except Refused as refusal:
            # The transaction is over and undone. The same form again, now with the reason.
            request.refusal = self.explain(request, refusal)
            return super().changeform_view(request, object_id, form_url, extra_context)

    # Forms that are older than what is stored (shown.py)

    def _changeform_view(self, request, object_id, form_url, extra_context):
        obj = self.get_object(request, unquote(object_id)) if object_id and request.method == "POST" else None
        if obj is not None and self.has_change_permission(request, obj):
            if not hasattr(request, "refusal"):  # else nothing is written
                with slot_transaction(), connection.cursor() as cursor:
                    # One form about an object after the other, until the end of the transaction that is open already.
                    key = f"{self.opts.label_lower}:{obj.pk}"
                    cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])
            self._catch_up(request, self.get_object(request, unquote(object_id)))
        return super()._changeform_view(request, object_id, form_url, extra_context)

    def changed_fields(self, form: forms.ModelForm) -> list[str]:
        """The names of what the form changes in the row: the rest is not written."""
        return [field.name for field in self.opts.concrete_fields if field.name in form.changed_data]

    def _catch_up(self, request, obj: Model | None) -> None:
        """Refuse a form that is older than what is stored, with what is stored now wherever nothing was typed."""
        shown = ShownValues.from_text(request.POST.get(SHOWN, ""))
        if obj is None or shown is None:
            return
        form, names, formsets = self._stored_forms(request, obj)
        now = ShownValues.of(form, names, formsets)
        sent, differences = catch_up(shown, now, request.POST, form, formsets)
        request.shown = now
        if differences:
            request.POST = sent
            request.refusal = self._tell_differences(obj, form, formsets, differences)

    def _stored_forms(self, request, obj: Model) -> tuple[forms.BaseForm, list[str], list[forms.BaseFormSet]]:
        """The form of the object and its grids as they are stored, with the names of the fields that are shown."""
        names = flatten_fieldsets(self.get_fieldsets(request, obj))
        form = self.get_form(request, obj, change=True, fields=names)(instance=obj)
        formsets = [
            FormSet(instance=obj, prefix=FormSet.get_default_prefix(), queryset=inline.get_queryset(request))
            for FormSet, inline in self.get_formsets_with_inlines(request, obj)
        ]
        return form, names, formsets

    def _tell_differences(self, obj, form, formsets, differences: list[Difference]) -> dict[str | None, list[str]]:
        """What was changed by whom: at the fields, and of grids above the form."""
        entries = read_history(obj).entries if self.has_events else []
        grids = {formset.prefix: formset for formset in formsets}
        texts: dict[str | None, list[str]] = {}
        who, lines = [], []
        for it in differences:
            if it.prefix:
                entry, text = _tell_row(grids[it.prefix], it, entries)
                lines.append(text)
            else:
                entry, text = _tell_field(form, it, entries)
                texts[it.name] = [text]
            who.append(entry.who if entry else _("Somebody"))
        names = {"who": ", ".join(dict.fromkeys(who))}
        told = _(
            "%(who)s changed this while you had it open. Nothing of yours is saved yet, and nothing is lost: look at "
            "what is marked, then save again."
        )
        return {None: [told % names, *lines], **texts}

    def render_change_form(self, request, context, add=False, change=False, form_url="", obj=None):
        form = context["adminform"].form
        shown = getattr(request, "shown", None)
        if change and shown is None and not form.is_bound:
            grids = [grid.formset for grid in context["inline_admin_formsets"]]
            shown = ShownValues.of(form, flatten_fieldsets(self.get_fieldsets(request, obj)), grids)
        context |= {"shown": shown.as_text() if change and shown else "", "shown_name": SHOWN}
        return super().render_change_form(request, context, add, change, form_url, obj)

    def explain(self, request, refusal: Refused) -> dict[str | None, list[str]]:
        """The texts for each field; None is the whole form."""
        return refusal.fields or {None: [str(refusal)]}

    # The log of the admin

    def log_addition(self, request, obj, message):
        entry = super().log_addition(request, obj, message)
        self._forget_names([obj])
        return entry

    def log_change(self, request, obj, message):
        entry = super().log_change(request, obj, message)
        self._forget_names([obj])
        return entry

    def log_deletions(self, request, queryset):
        entries = super().log_deletions(request, queryset)
        self._forget_names(queryset)
        return entries

    def _forget_names(self, rows) -> None:
        if self.is_called_by_address:
            kind = get_content_type_for_model(self.model)
            entries = LogEntry.objects.filter(content_type=kind, object_id__in=[str(row.pk) for row in rows])
            entries.update(object_repr="")

    # Deletion

    def reason_to_keep(self, obj: Model) -> str:
        """Why the object cannot be deleted, as far as that is known before it is tried."""
        return ""

    def get_deleted_objects(self, objs, request):
        """The object alone: Django would list all that refers to it, which may be a million rows."""
        return [self.name_of(obj) for obj in objs], {self.opts.verbose_name_plural: len(objs)}, set(), []

    def delete_view(self, request, object_id, extra_context=None):
        obj = self.get_object(request, unquote(object_id))
        reason = self.reason_to_keep(obj) if obj and self.has_delete_permission(request, obj) else ""
        if not reason:
            try:
                return super().delete_view(request, object_id, extra_context)
            except Refused as refusal:
                reason = str(refusal)
            except ProtectedError:
                reason = _("Others refer to it.")
        self.message_user(request, _("Nothing was deleted. %(reason)s") % {"reason": reason}, messages.ERROR)
        change = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[quote(unquote(object_id))])
        return HttpResponseRedirect(change)

    # Actions on several rows

    def each(self, request, rows: QuerySet, act: Callable[[Model], None], done: Callable[[int], str]) -> list:
        """Do something to each row on its own; say in one message how many went well, and of each other why not."""
        went_well, refusals = [], []
        for row in rows[:MOST_IN_ONE_ACTION]:
            try:
                act(row)
            except Refused as refusal:
                refusals.append(f"{self.name_of(row)}: {refusal}")
            else:
                went_well.append(row)
        texts = [done(len(went_well))] if went_well else []
        if refusals:
            texts.append(ngettext("%(count)d refused:", "%(count)d refused:", len(refusals)) % {"count": len(refusals)})
        lines = refusals[:MOST_REFUSALS_SHOWN]
        if (more := len(refusals) - MOST_REFUSALS_SHOWN) > 0:
            lines.append(ngettext("and %(count)d more", "and %(count)d more", more) % {"count": more})
        if texts:
            listed = format_html("<ul>{}</ul>", format_html_join("", "<li>{}</li>", ((line,) for line in lines)))
            said = format_html("{}{}", " ".join(texts), listed if lines else "")
            self.message_user(request, said, messages.WARNING if refusals else messages.SUCCESS)
        return went_well

    def name_of(self, row: Model) -> str:
        return str(row)

    # History

    def history_view(self, request, object_id, extra_context=None):
        """What changed, when, by whom and from where, as the database kept it; Django's own log for other models."""
        if not self.has_events:
            return super().history_view(request, object_id, extra_context)
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_view_or_change_permission(request, obj):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": _("History of %(name)s") % {"name": self.name_of(obj)},
            "subtitle": None,
            "opts": self.opts,
            "object": obj,
            "original": obj,
            "history": read_history(obj, page=request.GET.get("page")),
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/event_history.html", context)


def _tell_field(form: forms.BaseForm, it: Difference, entries: list[Entry]) -> tuple[Entry | None, str]:
    entry = next((entry for entry in entries if _is_about(entry, form.instance, it.name)), None)
    value = words_of(form[it.name])
    values = {"value": value if len(value) <= LONGEST_TOLD else f"{value[:LONGEST_TOLD]}…", **_told_of(entry)}
    if it.is_mine:
        return entry, _("%(who)s wrote “%(value)s”, %(when)s. The field has what you entered.") % values
    return entry, _("%(who)s wrote this, %(when)s.") % values


def _is_about(entry: Entry, obj: Model, name: str) -> bool:
    return isinstance(obj, entry.model) and not entry.is_addition and name in entry.names


def _tell_row(formset: forms.BaseFormSet, it: Difference, entries: list[Entry]) -> tuple[Entry | None, str]:
    key = getattr(formset, "other", "")
    about = [entry for entry in entries if entry.model is formset.model]
    entry = next((entry for entry in about if it.name == str(entry.row.get(f"{key}_id") if key else entry.key)), None)
    values = {"what": entry.what if entry else formset.model._meta.verbose_name, **_told_of(entry)}
    return entry, _("%(what)s (%(who)s, %(when)s)") % values


def _told_of(entry: Entry | None) -> dict[str, str]:
    if entry is None:
        return {"who": _("Somebody"), "when": _("a moment ago")}
    return {"who": entry.who, "when": instant(entry.at)}


class ReadOnlyAdmin(ServiceAdmin):
    """Rows that nobody adds, changes or deletes by hand."""

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False
