from django.contrib import admin
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from bookings import services
from bookings.models import WaitlistEntry
from experts.admin.base import ServiceAdmin, instant, label
from experts.admin.exports import Column, WithExport, when_and_zone
from experts.admin.live_list import LiveList
from experts.admin.report_filters import ShownWhileUsed, of_experts, of_organization
from experts.admin.scoping import WithinReach
from experts.admin.slots import DaysFilter

COLOURS = {
    WaitlistEntry.Status.WAITING: "warning",
    WaitlistEntry.Status.OFFERED: "info",
    WaitlistEntry.Status.BOOKED: "success",
}


class JoinedFilter(ShownWhileUsed):
    """Whoever joined, whatever came of it: what a report counts."""

    title = gettext_lazy("counted as")
    parameter_name = "counted"

    def name_of(self, text):
        return _("Joined a line")

    def queryset(self, request, queryset):
        return queryset.exclude(status=WaitlistEntry.Status.UNPROVEN) if self.value() else queryset


@admin.register(WaitlistEntry)
class WaitlistAdmin(LiveList, WithExport, ServiceAdmin):
    """Who waits for a seat, to read; people join and are served by themselves. Somebody can be taken off."""

    organization_path = "slot__expert__organization_id"
    listed_by = "of_organization_id"
    person_path = "slot__expert__user_id"
    list_display = ("name", "when", "expert_and_session", "status_label", "seats", "joined")
    list_filter = (
        ("slot__expert", WithinReach),
        ("status", ChoicesDropdownFilter),
        ("slot__date", DaysFilter),
        of_experts("slot__expert"),
        of_organization("slot__expert__organization"),
        JoinedFilter,
    )
    export_columns = (
        Column(gettext_lazy("Name"), lambda row: row.name),
        Column(gettext_lazy("E-mail"), lambda row: row.email),
        Column(gettext_lazy("Seats"), lambda row: row.seats),
        Column(gettext_lazy("Expert"), lambda row: row.slot.expert.name),
        Column(gettext_lazy("Session"), lambda row: row.session_type.name if row.session_type else row.slot.title),
        Column(gettext_lazy("Date"), lambda row: row.slot.date),
        Column(gettext_lazy("Time"), lambda row: row.slot.time),
        Column(gettext_lazy("Time zone"), lambda row: row.slot.expert.timezone),
        Column(gettext_lazy("Status"), lambda row: row.get_status_display()),
        Column(gettext_lazy("Joined"), lambda row: when_and_zone(row.created_at)),
    )
    ordering = ("-id",)
    sortable_by = ()
    actions = ("leave",)
    fields = ("name", "email", "seats", "expert_and_session", "when", "status_label", "offered_until", "joined")

    def get_readonly_fields(self, request, obj=None):
        return self.fields

    def get_queryset(self, request):
        return super().get_queryset(request).with_slot().filter(is_echo=False)

    def lookup_allowed(self, lookup, value, request=None):
        """Not by what nobody is shown."""
        return not lookup.startswith(("visitor", "hold")) and super().lookup_allowed(lookup, value, request)

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        """People are taken off in the list; an entry itself is not written by hand."""
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request, obj=None):
        return False

    def save_model(self, request, obj, form, change):
        """There is nothing to write on the page, and so nothing to save."""

    def name_of(self, row):
        return row.name

    @display(description=gettext_lazy("expert"))
    def expert_and_session(self, row):
        name = row.slot.expert.name
        return format_html("{}<br>{}", name, row.session_type) if row.session_type else name

    @display(description=gettext_lazy("slot"))
    def when(self, row):
        return row.slot.when

    @display(description=gettext_lazy("status"))
    def status_label(self, row):
        return label(row.get_status_display(), COLOURS.get(row.status, "default"))

    @display(description=gettext_lazy("kept until"))
    def offered_until(self, row):
        return instant(row.hold.expires_at) if row.has_running_offer else None

    @display(description=gettext_lazy("joined"))
    def joined(self, row):
        return instant(row.created_at)

    @admin.action(description=gettext_lazy("Take off the waitlist"), permissions=["change"])
    def leave(self, request, queryset):
        self.each(
            request,
            queryset,
            lambda entry: services.leave_waitlist(entry_id=entry.pk),
            lambda n: ngettext("%(count)d is off the waitlist.", "%(count)d are off the waitlist.", n) % {"count": n},
        )
