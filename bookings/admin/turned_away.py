from datetime import timedelta

from django.contrib import admin
from django.db.models import Count, F, Sum
from django.utils import timezone
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from bookings.models import TurnedAway
from experts.admin.base import ServiceAdmin, instant
from experts.admin.exports import Column, WithExport, when_and_zone
from experts.admin.report_filters import at_hour, of_experts, of_organization
from experts.admin.scoping import WithinReach
from experts.admin.slots import DaysFilter

BACK = timedelta(days=7)
MOST_DAYS = 10


@admin.register(TurnedAway)
class TurnedAwayAdmin(WithExport, ServiceAdmin):
    """Demand that could not be met, to read. Nothing in it is about a person."""

    organization_path = "slot__expert__organization_id"
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
    # As it happened: newest first, by the primary key.
    ordering = ("-id",)
    sortable_by = ()
    fields = ("at", "expert", "when", "reason", "source", "people")

    def get_readonly_fields(self, request, obj=None):
        return self.fields

    list_before_template = "admin/demand.html"

    def changelist_view(self, request, extra_context=None):
        """Above the plain list, where it hurts most: the days ahead that people could not have."""
        demand = None if request.GET else self._demand(request)
        return super().changelist_view(request, {"demand": demand, **(extra_context or {})})

    def _demand(self, request) -> list[dict]:
        """Experts and days ahead, most wanted first. Bounded by what happened in the last days."""
        now = timezone.now()
        recent = self.get_queryset(request).filter(created_at__gt=now - BACK, slot__starts_at__gt=now)
        fields = {
            "expert_id": F("slot__expert_id"),
            "name": F("slot__expert__name"),
            "day": F("slot__date"),
        }
        counted = recent.order_by().values(**fields).annotate(number=Sum("people"), slots=Count("slot", distinct=True))
        return list(counted.order_by("-number", "day", "name")[:MOST_DAYS])

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("slot__expert")

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    @display(description=gettext_lazy("when"))
    def at(self, row):
        return instant(row.created_at)

    @display(description=gettext_lazy("expert"))
    def expert(self, row):
        return row.slot.expert.name

    @display(description=gettext_lazy("slot"))
    def when(self, row):
        return row.slot.when
