"""Weekly hours as a grid on the expert's page, and time off. What they do to slots is shown first (preview.py)."""

from datetime import date, time
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin
from django.db.models import DateField, Q, TimeField
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import TabularInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from experts import formatting, services
from experts.admin.base import SeatsForm, ServiceAdmin, ServiceForm, without_menu
from experts.admin.fields import FoldedChoices, types_field
from experts.admin.hours_editor import HoursPreview, Week
from experts.admin.preview import WithPreview
from experts.admin.scoping import Scoped, WithinReach
from experts.errors import Refused
from experts.formatting import wall_clock
from experts.models import Expert, SessionType, TimeOff, WeeklyHours
from experts.scheduling.plan import Plan

_MAIN_FIELDS = ("start", "end", "slot_minutes", "for_types")


class ClockInput(UnfoldAdminTextInputWidget):
    """The browser's own field for a time of day: narrow, to the minute, and good on a phone."""

    input_type = "time"

    def format_value(self, value):
        return value.isoformat("minutes") if isinstance(value, time) else value


class DayInput(UnfoldAdminTextInputWidget):
    """The browser's own field for a day."""

    input_type = "date"

    def format_value(self, value):
        return value.isoformat() if isinstance(value, date) else value


class HoursForm(SeatsForm):
    """A line of the grid. Length and seats that are left empty are the expert's usual ones."""

    for_types = types_field(gettext_lazy("only for"), widget=FoldedChoices)

    class Meta:
        model = WeeklyHours
        fields = (
            "weekday",
            "start",
            "end",
            "slot_minutes",
            "buffer_minutes",
            "capacity",
            "title",
            "for_types",
            "valid_from",
            "valid_to",
        )

    def __init__(self, *args, expert=None, types=(), **kwargs):
        super().__init__(*args, **kwargs)
        self._expert = expert
        if not types:
            del self.fields["for_types"]
        else:
            self.fields["for_types"].choices = types
        for name in {"slot_minutes", "buffer_minutes", "capacity"} & self.fields.keys():
            self.fields[name].required = False

    @property
    def number(self) -> str:
        """Its place in the formset, as the editor's buttons name it."""
        return self.prefix.rpartition("-")[2]

    @property
    def main_fields(self):
        """What most hours are told by; the others are ``more_fields``."""
        return [self[name] for name in _MAIN_FIELDS if name in self.fields]

    @property
    def more_fields(self):
        hidden = {field.name for field in self.hidden_fields()}
        return [self[name] for name in self.fields if name not in {*_MAIN_FIELDS, *hidden, "DELETE"}]

    @property
    def is_wrong_below(self) -> bool:
        """Whether something is wrong with a field that is folded away. What else it says, the chip says."""
        return any(field.errors for field in self.more_fields)

    def clean(self):
        values = super().clean()
        usual = {"slot_minutes": self._expert.session_minutes, "capacity": self._expert.default_capacity}
        for name, value in (usual | {"buffer_minutes": 0}).items():
            if name in values and values[name] is None:
                values[name] = value
        return values


class HoursFormSet(forms.BaseInlineFormSet):
    opened: int | None = None  # the line to unfold
    bookings_url = staticmethod(lambda slot: "")

    @cached_property
    def week(self) -> Week:
        return Week(self, self.opened)

    @property
    def zone_words(self) -> str:
        return formatting.zone_name(ZoneInfo(self.instance.timezone))

    @cached_property
    def preview(self) -> HoursPreview | None:
        """What saving would do now; None as long as something has to be corrected."""
        stored = list(self.get_queryset())
        if not self.is_bound:
            return HoursPreview(Plan(self.instance, None), "", stored, stored, self.bookings_url)
        if not self.is_valid():
            return None
        rows = self.rows()
        try:
            plan, key = services.preview_hours(expert=Expert.objects.get(pk=self.instance.pk), hours=rows)
        except Refused:
            return None
        before = list(WeeklyHours.objects.filter(expert=self.instance))
        return HoursPreview(plan, key, before, rows, self.bookings_url)

    def get_form_kwargs(self, index):
        return {**super().get_form_kwargs(index), "expert": self.instance, "types": self.types}

    @cached_property
    def types(self) -> list[tuple[int, str]]:
        """The session types that hours can be for: those that the expert offers, and those that hours are for."""
        named = {key for row in self.get_queryset() for key in row.for_types}
        mine = Q(offers__expert=self.instance, is_active=True) | Q(pk__in=named)
        return list(SessionType.objects.filter(mine).distinct().values_list("pk", "name"))

    def add_fields(self, form, index):
        """A line is one of the expert: Django would take the key of any, and tell by that whether it exists."""
        super().add_fields(form, index)
        key = form.fields[self.model._meta.pk.name]
        key.queryset = key.queryset.filter(expert=self.instance)

    def clean(self):
        """Lines that overlap are told at the later one."""
        super().clean()
        earlier = []
        for form in self._lines():
            if not form.is_valid():
                continue
            if other := next((row for row in earlier if row.overlaps(form.instance)), None):
                form.add_error("start", _("This overlaps %(hours)s.") % {"hours": other})
            earlier.append(form.instance)

    def validate_unique(self):
        """There is nothing unique in a line; what may not overlap is told by ``clean``."""

    def rows(self) -> list[WeeklyHours]:
        """All hours as they are to be."""
        return [form.instance for form in self._lines()]

    def _lines(self) -> list[HoursForm]:
        """The forms that stand for something: not the blank ones, and not what is to be deleted."""
        kept = [*self.initial_forms, *(form for form in self.extra_forms if form.has_changed())]
        return [form for form in kept if not (self.can_delete and self._should_delete_form(form))]


class WeeklyHoursInline(Scoped, TabularInline):
    model = WeeklyHours
    organization_path = "expert__organization_id"
    person_path = "expert__user_id"
    form = HoursForm
    formset = HoursFormSet
    formfield_overrides = {TimeField: {"widget": ClockInput}, DateField: {"widget": DayInput}}
    template = "admin/hours_editor.html"
    extra = 0
    hide_title = True
    verbose_name = gettext_lazy("line")
    verbose_name_plural = gettext_lazy("Weekly hours, on the expert’s clock. Two lines with a gap make a break.")

    def get_fields(self, request, obj=None):
        """Without types where the expert has none."""
        fields = list(self.form._meta.fields)
        has_types = obj is not None and SessionType.objects.filter(offers__expert=obj).exists()
        if not has_types and not WeeklyHours.objects.filter(expert=obj).exclude(for_types=[]).exists():
            fields.remove("for_types")
        return fields

    def formfield_for_choice_field(self, db_field, request, **kwargs):
        """With nothing chosen in a new line, or a line that was left alone would look filled in."""
        field = super().formfield_for_choice_field(db_field, request, **kwargs)
        field.choices = [("", "–"), *db_field.flatchoices]
        return field


class TimeOffForm(ServiceForm):
    class Meta:
        model = TimeOff
        fields = ("expert", "organization", "first_day", "last_day", "from_time", "to_time", "reason")
        help_texts = {
            "expert": gettext_lazy("Who is away."),
            "organization": gettext_lazy("Instead of an expert: a holiday of all its experts."),
            "last_day": gettext_lazy("The same day if left empty."),
            "from_time": gettext_lazy("On the first day; its beginning if left empty."),
            "to_time": gettext_lazy("On the last day; its end if left empty."),
            "reason": gettext_lazy("For staff only."),
        }

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if "last_day" in self.fields:
            self.fields["last_day"].required = False

    def clean(self):
        values = super().clean()
        if "last_day" in values and values["last_day"] is None:
            values["last_day"] = values.get("first_day")
        return values


@admin.register(TimeOff)
class TimeOffAdmin(WithPreview, ServiceAdmin):
    form = TimeOffForm
    organization_path = ("organization_id", "expert__organization_id")
    person_path = "expert__user_id"
    has_events = True
    list_display = ("when", "who", "reason")
    list_select_related = ("expert", "organization")
    list_filter = (("expert", WithinReach), ("organization", WithinReach))
    search_fields = ("expert__search_text", "organization__name", "reason")
    autocomplete_fields = ("expert", "organization")
    formfield_overrides = ServiceAdmin.formfield_overrides | {
        TimeField: {"widget": ClockInput},
        DateField: {"widget": DayInput},
    }
    ordering = ("-first_day", "-id")
    sortable_by = ()
    fieldsets = (
        (None, {"fields": ("expert", "organization")}),
        (
            gettext_lazy("When"),
            {
                "fields": (("first_day", "last_day"), ("from_time", "to_time"), "reason"),
                "description": gettext_lazy("Days and times are read on each expert’s clock."),
            },
        ),
    )

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        return without_menu(field) if db_field.name in {"expert", "organization"} else field

    @display(description=gettext_lazy("when"))
    def when(self, time_off):
        return period(time_off)

    @display(description=gettext_lazy("who"))
    def who(self, time_off):
        return str(time_off.expert or _("All of %(name)s") % {"name": time_off.organization})

    def name_of(self, time_off):
        return f"{self.who(time_off)}, {period(time_off)}"

    def save_model(self, request, obj, form, change):
        fields = self.changed_fields(form) if change else None
        services.save_time_off(time_off=obj, fields=fields, seen=request.POST.get("_seen", ""))

    def delete_model(self, request, obj):
        services.delete_time_off(time_off_id=obj.pk, seen=request.POST.get("_seen", ""))


def period(time_off: TimeOff) -> str:
    """``Mon 4 Jan 2027, 12:00 – Fri 8 Jan 2027``."""
    start, end = (date_format(day, "BRIEF_DATE_FORMAT") for day in (time_off.first_day, time_off.last_day))
    if time_off.from_time:
        start = _("%(day)s, %(time)s") % {"day": start, "time": wall_clock(time_off.from_time)}
    if not time_off.to_time:
        if time_off.first_day == time_off.last_day and not time_off.from_time:
            return start
    else:
        end = _("%(day)s, %(time)s") % {"day": end, "time": wall_clock(time_off.to_time)}
    return _("%(start)s – %(end)s") % {"start": start, "end": end}
