from django.contrib import admin
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from bookings.models import TurnedAway
from experts.admin.base import ServiceAdmin
from experts.admin.scope import WithinReach
from experts.models import Slot


@admin.register(TurnedAway)
class TurnedAwayAdmin(ServiceAdmin):
    """Demand that could not be met, to read. Nothing in it is about a person."""

    organization_path = "slot__expert__organization_id"
    person_path = "slot__expert__user_id"
    list_display = ("created_at", "expert", "when", "reason", "source")
    list_select_related = ("slot__expert",)
    list_filter = (
        ("slot__expert", WithinReach),
        ("reason", ChoicesDropdownFilter),
        ("source", ChoicesDropdownFilter),
    )
    # As it happened: newest first, by the primary key.
    ordering = ("-id",)
    sortable_by = ()
    fields = ("created_at", "expert", "when", "reason", "source")

    def get_readonly_fields(self, request, obj=None):
        return self.fields

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("slot__expert")

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    @display(description=gettext_lazy("expert"))
    def expert(self, row):
        return row.slot.expert.name

    @display(description=gettext_lazy("slot"))
    def when(self, row):
        return self.admin_site.get_model_admin(Slot).when(row.slot)
