"""The log of sign-ins, to read: owners see that of their own organisation."""

from django.contrib import admin
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from experts.admin.base import ReadOnlyAdmin, instant, label
from experts.admin.scoping import WithinReach
from experts.models import Outcome, SignIn

COLOURS = {
    Outcome.IN: "success",
    Outcome.OUT: "default",
    Outcome.WRONG: "warning",
    Outcome.LOCKED: "danger",
    Outcome.REFUSED: "danger",
}


class LogAdmin(ReadOnlyAdmin):
    """Lines of a log, the newest first."""

    ordering = ("-id",)
    sortable_by = ()
    list_display_links = None

    @display(description=gettext_lazy("when"))
    def when(self, row):
        return instant(row.at)


@admin.register(SignIn)
class SignInAdmin(LogAdmin):
    organization_path = "organization_id"
    list_display = ("when", "person", "what", "means", "address", "organization")
    list_select_related = ("organization",)
    list_filter = (
        ("outcome", ChoicesDropdownFilter),
        ("means", ChoicesDropdownFilter),
        ("organization", WithinReach),
    )
    search_fields = ("who",)
    search_help_text = gettext_lazy("E-mail")
    fields = ("when", "person", "what", "means", "address", "organization")

    @display(description=gettext_lazy("who"))
    def person(self, row):
        return str(row)

    @display(description=gettext_lazy("what happened"))
    def what(self, row):
        return label(row.get_outcome_display(), COLOURS[Outcome(row.outcome)])
