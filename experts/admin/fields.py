"""Form fields that read what people write."""

import re
from datetime import time, timedelta

from django import forms
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from experts.embedding import MOST_ORIGINS, read_origin, validate_origin
from experts.timezones import minutes_in

_KEY = re.compile(r"[0-9]{1,18}")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}
_PART = re.compile(r"(\d{1,6})\s*(days?|d|hours?|h|minutes?|mins?|m)(?![a-z])")
_CLOCK = re.compile(r"(\d{1,4}):([0-5]\d)(?::00)?")
LONGEST = timedelta(days=366)


def span_text(span: timedelta) -> str:
    """``1 day 2 hours``, in units that SpanField reads back."""
    hours, minutes = divmod(minutes_in(span), 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 min"


class Suggestions(AutocompleteSelect):
    """A choice among very many, suggested while one types. What cannot be a key is nothing, rather than an error."""

    def optgroups(self, name, value, attr=None):
        return super().optgroups(name, [key for key in value if not key or _KEY.fullmatch(str(key))], attr)


class SpanField(forms.CharField):
    """A length of time as people write it: ``90 min``, ``2 h``, ``1 d 12 h``, or ``1:30``. Minutes are the finest."""

    default_error_messages = {"invalid": gettext_lazy("Write a length of time such as 90 min, 2 h or 1 d.")}

    def prepare_value(self, value):
        return span_text(value) if isinstance(value, timedelta) else value

    def to_python(self, value) -> timedelta | None:
        text = super().to_python(value).lower().replace(",", " ").strip()
        if not text:
            return None
        if clock := _CLOCK.fullmatch(text):
            span = timedelta(hours=int(clock[1]), minutes=int(clock[2]))
        elif text == "0":
            span = timedelta(0)
        else:
            if _PART.sub("", text).strip() or not (parts := _PART.findall(text)):
                raise ValidationError(self.error_messages["invalid"], code="invalid")
            span = sum((timedelta(**{_UNITS[unit[0]]: int(number)}) for number, unit in parts), timedelta(0))
        if span > LONGEST:
            raise ValidationError(_("At most 366 days."), code="too_long")
        return span

    def has_changed(self, initial, data) -> bool:
        try:
            return initial != self.to_python(data)
        except ValidationError:
            return True


def types_field(label, **kwargs) -> forms.TypedMultipleChoiceField:
    """Session types (ids) to tick; none means all. Whoever uses it says which there are."""
    widget = kwargs.pop("widget", forms.CheckboxSelectMultiple)
    return forms.TypedMultipleChoiceField(label=label, coerce=int, required=False, widget=widget, **kwargs)


class FoldedChoices(forms.CheckboxSelectMultiple):
    """Choices to tick, in a cell of a table: folded to the names of what is ticked, "All" where nothing is."""

    template_name = "admin/folded_choices.html"

    def get_context(self, name, value, attrs):
        context = super().get_context(name, value, attrs)
        options = [option for _name, group, _index in context["widget"]["optgroups"] for option in group]
        ticked = [str(option["label"]) for option in options if option["selected"]]
        return context | {"options": options, "ticked": ", ".join(ticked)}

    def _render(self, template_name, context, renderer=None):
        """By a template of ours: Django looks for those of widgets among its own."""
        return render_to_string(template_name, context)


class Swatches(forms.RadioSelect):
    """A choice among colours: each shown beside its name."""

    template_name = "admin/swatches.html"

    def get_context(self, name, value, attrs):
        context = super().get_context(name, value, attrs)
        options = [option for _name, group, _index in context["widget"]["optgroups"] for option in group]
        return context | {"options": options}

    def _render(self, template_name, context, renderer=None):
        return render_to_string(template_name, context)


class ClockTimesField(forms.CharField):
    """Times of day as people list them: ``10:00, 11:30 14:00``."""

    def to_python(self, value) -> list[time]:
        times = []
        for word in re.split(r"[\s,;]+", super().to_python(value)):
            match = re.fullmatch(r"(\d{1,2}):(\d{2})", word)
            if word and not (match and int(match[1]) < 24 and int(match[2]) < 60):
                raise ValidationError(_("Write times such as 10:00, 11:30."), code="invalid")
            if word:
                times.append(time(int(match[1]), int(match[2])))
        return times


class OriginsField(forms.CharField):
    """Addresses of sites, one on each line."""

    def prepare_value(self, value):
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value) -> list[str]:
        origins = list(
            dict.fromkeys(read_origin(word) for word in re.split(r"[\s,;]+", super().to_python(value)) if word)
        )
        if len(origins) > MOST_ORIGINS:
            raise ValidationError(_("At most %(most)d sites.") % {"most": MOST_ORIGINS}, code="too_many")
        problems = []
        for origin in origins:
            try:
                validate_origin(origin)
            except ValidationError as problem:
                problems.append(problem)
        if problems:
            raise ValidationError(problems)
        return origins

    def has_changed(self, initial, data) -> bool:
        try:
            return (initial or []) != self.to_python(data)
        except ValidationError:
            return True
