"""E-mails in the admin: what was sent to whom, what was not and why, and to send one again."""

from datetime import datetime, time, timedelta

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateFilter
from unfold.decorators import display
from unfold.utils import parse_date_str
from unfold.widgets import UnfoldAdminTextInputWidget

from bookings import services
from bookings.admin.delivery_log import DeliveryLogAdmin
from bookings.errors import NotAllowed
from bookings.models import Notification
from bookings.references import read_reference
from experts.admin.base import instant
from experts.admin.scoping import reach
from experts.models import Role

COLOURS = {
    Notification.Status.QUEUED: "info",
    Notification.Status.SENDING: "info",
    Notification.Status.SENT: "success",
    Notification.Status.FAILED: "danger",
    Notification.Status.SKIPPED: "default",
    Notification.Status.HELD: "warning",
    Notification.Status.BOUNCED: "danger",
    Notification.Status.SPAM: "danger",
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


class LiftForm(forms.Form):
    reason = forms.CharField(label=gettext_lazy("Why"), max_length=200, widget=UnfoldAdminTextInputWidget)


@admin.register(Notification)
class NotificationAdmin(DeliveryLogAdmin):
    """To read, and to have one sent again. Those that are about no booking are for superusers.

    Where mails to the address are stopped, owners can lift that, and superusers also where its reader has asked for it:
    else whoever founds an organisation could write to people who have told us to stop.
    """

    organization_path = "booking__slot__expert__organization_id"
    listed_by = "of_organization_id"
    colours = COLOURS
    list_display = ("created", "kind", "to", "reference", "status_label", "attempts")
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("audience", ChoicesDropdownFilter),
        ("created_at", DaysFilter),
    )
    search_fields = ("booking__reference",)
    search_help_text = gettext_lazy("Reference of a booking")
    fieldsets = (
        (None, {"fields": ("kind", "status_label", "audience", "to", "booking_link")}),
        (
            gettext_lazy("Delivery"),
            {"fields": ("attempts", "last_attempt", "sent", "why", "mailbox", "created", "message_id")},
        ),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("booking__slot__expert")

    def get_search_results(self, request, queryset, search_term):
        """By a whole reference and nothing else: its index finds it at once."""
        if not search_term:
            return queryset, False
        reference = read_reference(search_term)
        return (queryset.filter(booking__reference=reference) if reference else queryset.none()), False

    def lookup_allowed(self, lookup, value, request=None):
        """Of a booking its key alone, with which the booking's page asks."""
        path = lookup.split("__")
        is_key = path[0] == "booking" and set(path[1:]) <= {"id", "pk", "exact"}
        return (is_key or path[0] != "booking") and super().lookup_allowed(lookup, value, request)

    # Columns

    @display(description=gettext_lazy("sent"))
    def sent(self, row):
        return instant(row.sent_at) if row.sent_at else None

    @display(description=gettext_lazy("last error"))
    def why(self, row):
        return row.why or None

    @display(description=gettext_lazy("booking"))
    def reference(self, row):
        return row.booking.reference if row.booking else None

    @display(description=gettext_lazy("booking"))
    def booking_link(self, row):
        if not row.booking:
            return None
        url = reverse("admin:bookings_booking_change", args=[row.booking_id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, row.booking.reference)

    @display(description=gettext_lazy("mails to this address"))
    def mailbox(self, row):
        stopped = services.suppression_of(email=row.to)
        if stopped is None:
            return _("Nothing stops them")
        about = {"reason": stopped.get_reason_display(), "since": instant(stopped.created_at)}
        return _("Stopped since %(since)s: %(reason)s") % about

    # Letting mails go to an address again

    def get_urls(self):
        view = self.admin_site.admin_view(self.lift_view)
        return [path("<int:pk>/lift/", view, name="bookings_notification_lift"), *super().get_urls()]

    def _may_lift(self, request, row) -> bool:
        mine = reach(request)
        return mine.everything or (
            row.booking is not None and Role.OWNER in mine.roles_in(row.booking.slot.expert.organization_id)
        )

    def change_view(self, request, object_id, form_url="", extra_context=None):
        row = self.get_object(request, object_id)
        if row is not None and self._may_lift(request, row) and services.suppression_of(email=row.to):
            url = reverse("admin:bookings_notification_lift", args=[row.pk])
            extra_context = {"lift_url": url} | (extra_context or {})
        return super().change_view(request, object_id, form_url, extra_context)

    def lift_view(self, request, pk):
        """Ask why; a POST is the answer. The log of the admin keeps it."""
        row = self.get_object(request, str(pk))
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, str(pk))
        if not self._may_lift(request, row):
            raise PermissionDenied
        home = reverse("admin:bookings_notification_change", args=[row.pk])
        stopped = services.suppression_of(email=row.to)
        if stopped is None:
            return HttpResponseRedirect(home)
        form = LiftForm(request.POST or None)
        if form.is_valid():
            try:
                services.lift_suppression(email=row.to, against_wishes=reach(request).everything)
            except NotAllowed as refusal:
                form.add_error(None, str(refusal))
            else:
                self.log_change(request, row, _("Mails go to this address again: %(reason)s") % form.cleaned_data)
                self.message_user(request, _("Mails go to this address again."), messages.SUCCESS)
                return HttpResponseRedirect(home)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Let mails go to this address again?"),
            "form": form,
            "row": row,
            "mailbox": self.mailbox(row),
            "back_url": home,
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/lift.html", context, status=422 if form.errors else 200)

    # Sending again

    def send_row(self, row):
        services.send_again(notification_id=row.pk)
        return _("The e-mail will be sent again in a moment.")

    def count_sent(self, number):
        text = ngettext("%(count)d e-mail will be sent again.", "%(count)d e-mails will be sent again.", number)
        return text % {"count": number}
