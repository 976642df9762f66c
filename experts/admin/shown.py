"""What a form showed goes with it, so that an older one takes back nothing that a colleague has changed since.

A page of the admin sends back all of a form, what was changed and what was only shown. What was shown travels in a
hidden field. When the form comes back, whatever is stored otherwise by then was changed by somebody else: then nothing
is written, and the form is shown again with what is stored now in the fields that were not touched, and with what was
typed in those that were.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _

SHOWN = "_shown"

# What a browser sends for each field of a form, by its name; and of each grid (by its prefix), by the key of a row.
Sent = dict[str, list[str]]


@dataclass(frozen=True)
class ShownValues:
    fields: Sent = field(default_factory=dict)
    rows: dict[str, dict[str, Sent]] = field(default_factory=dict)

    @classmethod
    def of(cls, form: forms.BaseForm, names: Iterable[str], formsets: Iterable[forms.BaseFormSet]) -> "ShownValues":
        """What these forms, which nobody has filled in, show; of the first the fields with these names."""
        fields = {name: sent_unchanged(form[name]) for name in names if name in form.fields}
        rows = {formset.prefix: _rows(formset) for formset in formsets}
        return cls(fields, {prefix: {key: sent for key, sent in mine if key} for prefix, mine in rows.items()})

    def as_text(self) -> str:
        return json.dumps({"fields": self.fields, "rows": self.rows}, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> "ShownValues | None":
        """Read what a form carried; None for what no form carries."""
        try:
            values = json.loads(text)
            fields, rows = values["fields"], values["rows"]
            for sent in (fields, *(sent for keys in rows.values() for sent in keys.values())):
                if not all(isinstance(it, list) and all(isinstance(text, str) for text in it) for it in sent.values()):
                    return None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        return cls(fields, rows)


@dataclass(frozen=True)
class Difference:
    """What somebody else has changed since: a field; or with ``prefix`` a row of a grid, ``is_there`` still or not."""

    name: str
    prefix: str = ""
    is_there: bool = True
    is_mine: bool = False  # whether it was changed in the form, too


def sent_unchanged(bound: forms.BoundField) -> list[str]:
    """What a browser sends for a field that nobody touches."""
    widget, value = bound.field.widget, bound.value()
    if isinstance(widget, forms.CheckboxInput):
        return ["on"] if widget.check_test(value) else []
    if getattr(widget, "allow_multiple_selected", False):
        return sorted(str(item) for item in value or ())
    text: Any = widget.format_value(value)
    if isinstance(text, list | tuple):
        text = text[0] if text else ""
    return [_plain("" if text is None else str(text))]


def catch_up(
    shown: ShownValues, now: ShownValues, sent: QueryDict, form: forms.BaseForm, formsets: Iterable[forms.BaseFormSet]
) -> tuple[QueryDict, list[Difference]]:
    """Return what to show in the form, and what was changed by others; nothing, and ``sent`` as it is, if it is new.

    ``form`` and ``formsets``: as they are stored now, not filled in.
    """
    merged, differences = sent.copy(), []
    for name, value in now.fields.items():
        if name in shown.fields and value != shown.fields[name]:
            is_mine = _sent(form.fields[name], sent, form.add_prefix(name), shown.fields[name]) != shown.fields[name]
            differences.append(Difference(name, is_mine=is_mine))
            if not is_mine:
                merged.setlist(form.add_prefix(name), value)
    for formset in formsets:
        if formset.prefix in shown.rows:
            differences += _catch_up_rows(formset, shown.rows[formset.prefix], sent, merged)
    return merged, differences


def _catch_up_rows(
    formset: forms.BaseFormSet, shown: dict[str, Sent], sent: QueryDict, merged: QueryDict
) -> list[Difference]:
    stored = _rows(formset)
    now = {key: row for key, row in stored if key}
    others = [key for key in {**now, **shown} if now.get(key) != shown.get(key)]
    if not others:
        return []
    fields, blank = formset.empty_form.fields, _blank(formset)
    mine, added = {}, []
    for prefix, key in _rows_sent(formset, sent):
        before = shown.get(key) or blank
        row = {name: _sent(fields[name], sent, f"{prefix}-{name}", before.get(name, [])) for name in blank}
        changed = {name: value for name, value in row.items() if value != before.get(name, value)}
        if key in shown:
            mine[key] = changed | ({"DELETE": ["on"]} if f"{prefix}-DELETE" in sent else {})
        elif not key and changed:
            added.append(row)
    # What I changed and somebody else took away becomes a row of its own: nothing that was typed is lost.
    added += [shown[key] | mine[key] for key in others if key not in now and mine.get(key, {}).keys() - {"DELETE"}]
    if any(not key for key, _row in stored):
        added.append(blank)
    _write_rows(formset, merged, [(key, row | mine.get(key, {})) for key, row in stored if key], added)
    return [Difference(key, formset.prefix, key in now, bool(mine.get(key))) for key in others]


def _write_rows(formset: forms.BaseFormSet, merged: QueryDict, rows: list[tuple[str, Sent]], added: list[Sent]) -> None:
    prefix = formset.prefix
    for name in [name for name in merged if name.startswith(f"{prefix}-")]:
        del merged[name]
    management = formset.management_form
    for name in management.fields:
        merged[management.add_prefix(name)] = str(management.initial.get(name) or 0)
    merged[management.add_prefix(forms.formsets.TOTAL_FORM_COUNT)] = str(len(rows) + len(added))
    keys = formset.model._meta.pk.name, formset.fk.name
    for number, (_key, row) in enumerate([*rows, *(("", row) for row in added)]):
        for name, value in row.items():
            merged.setlist(f"{prefix}-{number}-{name}", value)
        merged[f"{prefix}-{number}-{keys[1]}"] = str(formset.instance.pk)
        form = formset.forms[number] if number < len(rows) else None
        if form is not None and form.instance.pk:
            merged[f"{prefix}-{number}-{keys[0]}"] = str(form.instance.pk)
        if form is not None and (named := _key_field(formset)) != keys[0]:
            merged[f"{prefix}-{number}-{named}"] = row_key(formset, form)


def row_key(formset: forms.BaseFormSet, form: forms.BaseForm) -> str:
    """By which a row is known again: its own key, or of whom it is where there is one row for each; "" of a blank."""
    named = _key_field(formset)
    if named == formset.model._meta.pk.name:
        return str(form.instance.pk or "")
    return str(getattr(form.instance, f"{named}_id") or "")


def _key_field(formset: forms.BaseFormSet) -> str:
    return getattr(formset, "other", "") or formset.model._meta.pk.name


def _rows(formset: forms.BaseFormSet) -> list[tuple[str, Sent]]:
    names = _names(formset)
    return [(row_key(formset, form), {name: sent_unchanged(form[name]) for name in names}) for form in formset.forms]


def _rows_sent(formset: forms.BaseFormSet, sent: QueryDict) -> list[tuple[str, str]]:
    total = sent.get(f"{formset.prefix}-{forms.formsets.TOTAL_FORM_COUNT}", "")
    count = min(int(total), 1000) if total.isascii() and total.isdecimal() and len(total) < 6 else 0
    prefixes = [f"{formset.prefix}-{number}" for number in range(count)]
    return [(prefix, sent.get(f"{prefix}-{_key_field(formset)}", "")) for prefix in prefixes]


def _names(formset: forms.BaseFormSet) -> list[str]:
    hidden = {formset.model._meta.pk.name, formset.fk.name, _key_field(formset), forms.formsets.DELETION_FIELD_NAME}
    return [name for name in formset.empty_form.fields if name not in hidden]


def _blank(formset: forms.BaseFormSet) -> Sent:
    return {name: sent_unchanged(formset.empty_form[name]) for name in _names(formset)}


def _sent(field: forms.Field, sent: QueryDict, name: str, shown: list[str]) -> list[str]:
    """What was sent for a field; where it was not part of what was sent, what was shown."""
    if field.widget.value_omitted_from_data(sent, {}, name):
        return shown
    return sorted(_plain(value) for value in sent.getlist(name))


def _plain(text: str) -> str:
    """Browsers send other line breaks than are stored."""
    return text.replace("\r\n", "\n")


def words_of(bound: forms.BoundField) -> str:
    """The value of a field as people read it."""
    value, field = bound.value(), bound.field
    if isinstance(field.widget, forms.CheckboxInput):
        return _("Yes") if value else _("No")
    if isinstance(field, forms.ModelChoiceField):
        found = field.queryset.filter(pk=value).first() if value else None
        return str(found) if found else "–"
    choices = getattr(field, "choices", None)
    if choices is not None:
        wanted = {str(item) for item in (value if isinstance(value, list | tuple) else [value])}
        return ", ".join(str(label) for key, label in choices if str(key) in wanted) or "–"
    [text] = sent_unchanged(bound)[:1] or [""]
    return text or "–"
