from datetime import timedelta

from django.contrib import admin
from django.db.models import Count, F, Sum
from django.utils import timezone
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from bookings.models import TurnedAway
from experts.admin.base import ReadOnlyAdmin, instant
from experts.admin.exports import Column, WithExport, when_and_zone
from experts.admin.report_filters import at_hour, of_experts, of_organization
from experts.admin.scoping import WithinReach
from experts.admin.slots import DaysFilter

BACK = timedelta(days=7)
MOST_DAYS = 10
MOST_COUNTED = 500  # rows, of as many slots, which have to be read


@admin.register(TurnedAway)
class TurnedAwayAdmin(WithExport, ReadOnlyAdmin):
    """Demand that could not be met, to read. Nothing in it is about a person."""

    organization_path = "slot__expert__organization_id"
    listed_by = "of_organization_id"
    person_path = "slot__expert__user_id"
    list_display = ("at", "expert", "when", "reason", "source", "people")
    list_select_related = ("slot__expert",)
    list_filter = (
        ("slot__expert", WithinReach),
        ("reason", ChoicesDropdownFilter),
        ("source", ChoicesDropdownFilter),
        ("slot__date", DaysFilter),
        of_experts("slot__expert"),
        of_organization("slot__expert__organization"),
        at_hour("slot__"),
    )
    export_columns = (
        Column(gettext_lazy("When"), lambda row: when_and_zone(row.created_at)),
        Column(gettext_lazy("Expert"), lambda row: row.slot.expert.name),
        Column(gettext_lazy("Date"), lambda row: row.slot.date),
        Column(gettext_lazy("Time"), lambda row: row.slot.time),
        Column(gettext_lazy("Time zone"), lambda row: row.slot.expert.timezone),
        Column(gettext_lazy("Reason"), lambda row: row.get_reason_display()),
        Column(gettext_lazy("Source"), lambda row: row.get_source_display()),
        Column(gettext_lazy("People"), lambda row: row.people),
    )
    # Newest first, as an organisation's index has them.
    ordering = ("-created_at", "-id")
    sortable_by = ()
    fields = ("at", "expert", "when", "reason", "source", "people")

    def get_readonly_fields(self, request, obj=None):
        return self.fields

    list_before_template = "admin/demand.html"

    def changelist_view(self, request, extra_context=None):
        """Above the plain list, where it hurts most: the days ahead that people could not have."""
        demand, counted = (None, None) if request.GET else self._demand(request)
        return super().changelist_view(request, {"demand": demand, "counted": counted, **(extra_context or {})})

    def _demand(self, request) -> tuple[list[dict], int | None]:
        """Experts and days ahead, most wanted first, by the last that happened in the last days.

        And how many rows were counted, where there are more.
        """
        now = timezone.now()
        lately = self.get_queryset(request).filter(created_at__gt=now - BACK).order_by("-created_at", "-id")
        keys = list(lately.values_list("pk", flat=True)[: MOST_COUNTED + 1])
        recent = TurnedAway.objects.filter(pk__in=keys[:MOST_COUNTED], slot__starts_at__gt=now)
        fields = {
            "expert_id": F("slot__expert_id"),
            "name": F("slot__expert__name"),
            "day": F("slot__date"),
        }
        counted = recent.order_by().values(**fields).annotate(number=Sum("people"), slots=Count("slot", distinct=True))
        most = MOST_COUNTED if len(keys) > MOST_COUNTED else None
        return list(counted.order_by("-number", "day", "name")[:MOST_DAYS]), most

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("slot__expert")

    @display(description=gettext_lazy("when"))
    def at(self, row):
        return instant(row.created_at)

    @display(description=gettext_lazy("expert"))
    def expert(self, row):
        return row.slot.expert.name

    @display(description=gettext_lazy("slot"))
    def when(self, row):
        return row.slot.when
