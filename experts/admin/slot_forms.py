"""The forms of slots: one or a series to add, one to change, and what an action on several needs to know."""

from datetime import date, time, timedelta

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.forms import ActionForm
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminTextInputWidget,
)

from experts import services
from experts.admin.base import SeatsForm
from experts.admin.fields import ClockTimesField, types_field
from experts.models import Slot
from experts.models.hours import Weekday

# Beyond it nobody can book (the longest horizon), and dates would come near the end of the calendar.
_FARTHEST = timedelta(days=730)


class AddSlotForm(SeatsForm):
    minutes = forms.IntegerField(
        label=gettext_lazy("Length in minutes"),
        required=False,
        min_value=1,
        max_value=services.LONGEST_MINUTES,
        help_text=gettext_lazy("The expert’s usual length if left empty."),
        widget=UnfoldAdminIntegerFieldWidget,
    )
    capacity = forms.IntegerField(
        label=gettext_lazy("Seats"),
        required=False,
        min_value=1,
        max_value=1000,
        help_text=gettext_lazy("The expert’s usual number if left empty."),
        widget=UnfoldAdminIntegerFieldWidget,
    )

    more_times = ClockTimesField(
        label=gettext_lazy("Also at"),
        required=False,
        max_length=400,
        help_text=gettext_lazy("Other times on the same days, such as 10:00, 11:30."),
        widget=UnfoldAdminTextInputWidget,
    )
    until = forms.DateField(
        label=gettext_lazy("Repeat until"),
        required=False,
        help_text=gettext_lazy("For a series. You see what is added before it happens."),
        widget=UnfoldAdminSingleDateWidget,
    )
    weekdays = forms.TypedMultipleChoiceField(
        label=gettext_lazy("On"),
        choices=Weekday.choices,
        coerce=int,
        required=False,
        help_text=gettext_lazy("The weekday of the date if none is chosen."),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    types = types_field(
        gettext_lazy("Only for"), help_text=gettext_lazy("All session types of the expert if none is ticked.")
    )

    class Meta:
        model = Slot
        fields = ("expert", "date", "time", "minutes", "capacity", "title", "more_times", "until", "weekdays")

    def clean_date(self) -> date:
        day, expert = self.cleaned_data["date"], self.cleaned_data.get("expert")
        today = expert.today() if expert else timezone.now().date()
        if day < today:
            raise forms.ValidationError(_("This day is over."))
        if day > today + _FARTHEST:
            raise forms.ValidationError(_("At most two years ahead."))
        return day

    def clean_until(self) -> date | None:
        day, until = self.cleaned_data.get("date"), self.cleaned_data["until"]
        if day and until and until < day:
            raise forms.ValidationError(_("The last day is before the first."))
        if until and until > timezone.now().date() + _FARTHEST:
            raise forms.ValidationError(_("At most two years ahead."))
        return until

    def clean(self):
        values = super().clean()
        if values.get("weekdays") and not values.get("until") and "until" not in self.errors:
            self.add_error("until", _("Until when shall it repeat?"))
        return values

    def series(self) -> tuple[list[date], list[time]] | None:
        """The days and times of a series; None for a single slot."""
        values = self.cleaned_data
        if not values["until"] and not values["more_times"]:
            return None
        first, last = values["date"], values["until"] or values["date"]
        weekdays = values["weekdays"] or [first.weekday()]
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        return [day for day in days if day.weekday() in weekdays], [values["time"], *values["more_times"]]

    def _post_clean(self):
        # An empty number of seats is the expert's own and nothing that a slot could have.
        if self.cleaned_data.get("capacity") is None and (expert := self.cleaned_data.get("expert")):
            self.cleaned_data["capacity"] = expert.default_capacity
        super()._post_clean()


class ChangeSlotForm(SeatsForm):
    types = types_field(
        gettext_lazy("Only for"),
        help_text=gettext_lazy("All session types of the expert if none is ticked. Bookings that it has stay."),
    )

    class Meta:
        model = Slot
        fields = ("title", "capacity", "is_closed")
        labels = {"capacity": gettext_lazy("Seats")}
        help_texts = {
            "title": gettext_lazy("What it is for, if that is special: “First visit”."),
            "capacity": gettext_lazy("Never fewer than are taken."),
            "is_closed": gettext_lazy("Nobody can book a closed slot. Bookings that it has stay."),
        }


class SlotActionForm(ActionForm):
    seats = forms.IntegerField(
        label="",
        required=False,
        widget=forms.NumberInput(
            {
                "class": "eb-seats",
                "min": 1,
                "max": 1000,
                "placeholder": gettext_lazy("Seats"),
                "aria-label": gettext_lazy("Seats"),
            }
        ),
    )
