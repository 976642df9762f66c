"""E-mails in the admin: what was sent to whom, what was not and why, and to send one again."""

from datetime import datetime, time, timedelta

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateFilter
from unfold.decorators import display
from unfold.utils import parse_date_str

from bookings import services
from bookings.errors import Refused
from bookings.models import Notification
from bookings.models.booking import read_reference
from experts.admin.base import ServiceAdmin, instant, label
from experts.permissions import CHANGE

COLOURS = {
    Notification.Status.QUEUED: "info",
    Notification.Status.SENDING: "info",
    Notification.Status.SENT: "success",
    Notification.Status.FAILED: "danger",
    Notification.Status.SKIPPED: "default",
}


def _start_of(text: str | None) -> datetime | None:
    day = parse_date_str(text or "")
    return timezone.make_aware(datetime.combine(day, time())) if day and 1970 < day.year < 3000 else None


class DaysFilter(RangeDateFilter):
    """From one day to another, both included, on the clock of this browser. What is no day is no limit."""

    def queryset(self, request, queryset):
        first, last = (_start_of(self.used_parameters.get(name)) for name in self.expected_parameters())
        if first:
            queryset = queryset.filter(**{f"{self.parameter_name}__gte": first})
        if last:
            queryset = queryset.filter(**{f"{self.parameter_name}__lt": last + timedelta(days=1)})
        return queryset


@admin.register(Notification)
class NotificationAdmin(ServiceAdmin):
    """To read, and to have one sent again. Those that are about no booking are for superusers."""

    organization_path = "booking__slot__expert__organization_id"
    change_form_template = "admin/notification.html"
    list_display = ("created", "kind", "to", "reference", "status_label", "attempts")
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("audience", ChoicesDropdownFilter),
        ("created_at", DaysFilter),
    )
    search_fields = ("booking__reference",)
    search_help_text = gettext_lazy("Reference of a booking")
    # As they were made: newest first, by the primary key.
    ordering = ("-id",)
    sortable_by = ()
    actions = ("send_again",)
    fieldsets = (
        (None, {"fields": ("kind", "status_label", "audience", "to", "booking_link")}),
        (
            gettext_lazy("Delivery"),
            {"fields": ("attempts", "last_attempt", "sent", "last_error", "created", "message_id")},
        ),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("booking")

    def get_search_results(self, request, queryset, search_term):
        """By a whole reference and nothing else: its index finds it at once."""
        if not search_term:
            return queryset, False
        reference = read_reference(search_term)
        return (queryset.filter(booking__reference=reference) if reference else queryset.none()), False

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def has_send_permission(self, request, obj=None):
        return self._has_right(request, CHANGE, obj)

    def lookup_allowed(self, lookup, value, request=None):
        """Of a booking its key alone, with which the booking's page asks."""
        path = lookup.split("__")
        is_key = path[0] == "booking" and set(path[1:]) <= {"id", "pk", "exact"}
        return (is_key or path[0] != "booking") and super().lookup_allowed(lookup, value, request)

    # Columns

    @display(description=gettext_lazy("created"))
    def created(self, row):
        return instant(row.created_at)

    @display(description=gettext_lazy("last attempt"))
    def last_attempt(self, row):
        return instant(row.last_attempt_at) if row.last_attempt_at else None

    @display(description=gettext_lazy("sent"))
    def sent(self, row):
        return instant(row.sent_at) if row.sent_at else None

    @display(description=gettext_lazy("booking"))
    def reference(self, row):
        return row.booking.reference if row.booking else None

    @display(description=gettext_lazy("booking"))
    def booking_link(self, row):
        if not row.booking:
            return None
        url = reverse("admin:bookings_booking_change", args=[row.booking_id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, row.booking.reference)

    @display(description=gettext_lazy("status"))
    def status_label(self, row):
        return label(row.get_status_display(), COLOURS[row.status])

    # Sending again

    @admin.action(description=gettext_lazy("Send again"), permissions=["send"])
    def send_again(self, request, queryset):
        self.each(
            request,
            self.within(request, queryset, CHANGE),
            lambda row: services.send_again(notification_id=row.pk),
            lambda n: (
                ngettext("%(count)d e-mail will be sent again.", "%(count)d e-mails will be sent again.", n)
                % {"count": n}
            ),
        )

    def get_urls(self):
        again = self.admin_site.admin_view(self.send_one_again)
        return [path("<int:pk>/send-again/", again, name="bookings_notification_send_again"), *super().get_urls()]

    @method_decorator(require_POST)
    def send_one_again(self, request, pk):
        """The button of one e-mail's page."""
        row = self.get_object(request, str(pk))
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, str(pk))
        if not self.has_send_permission(request, row):
            raise PermissionDenied
        try:
            services.send_again(notification_id=row.pk)
        except Refused as refusal:
            return self._back(request, row, str(refusal), messages.ERROR)
        return self._back(request, row, _("The e-mail will be sent again in a moment."), messages.SUCCESS)

    def _back(self, request, row, text, level):
        self.message_user(request, text, level)
        return HttpResponseRedirect(reverse("admin:bookings_notification_change", args=[row.pk]))

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        may_send = {"may_send": self.has_send_permission(request)}
        return super().changeform_view(request, object_id, form_url, may_send | (extra_context or {}))
