"""Webhooks in the admin: where they go, what came of each event, resumed and sent again."""

import json

from django import forms
from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from bookings.admin.delivery_log import ButtonAdmin, DeliveryLogAdmin
from bookings.models import WebhookDelivery, WebhookEndpoint
from bookings.models.webhook import CHOSEN_EVENTS
from bookings.webhooks import endpoints
from experts.admin.base import ServiceForm, instant, label, without_menu
from experts.admin.scoping import WithinReach

COLOURS = {
    WebhookDelivery.Status.WAITING: "info",
    WebhookDelivery.Status.DELIVERED: "success",
    WebhookDelivery.Status.FAILED: "danger",
    WebhookDelivery.Status.KEPT: "warning",
}


class WebhookForm(ServiceForm):
    event_types = forms.MultipleChoiceField(
        label=gettext_lazy("Events"), choices=CHOSEN_EVENTS, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )

    class Meta:
        model = WebhookEndpoint
        fields = ("organization", "url", "event_types", "sends_contacts", "is_active")
        help_texts = {
            "url": gettext_lazy("Where your program listens: https://…"),
            "sends_contacts": gettext_lazy("Otherwise an event names the booking, and nobody in it."),
        }


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ButtonAdmin):
    form = WebhookForm
    organization_path = "organization_id"
    has_events = True
    change_form_template = "admin/webhook.html"
    list_display = ("url", "organization", "status_label", "failing")
    list_select_related = ("organization",)
    list_filter = (("organization", WithinReach), "is_active")
    search_fields = ("url",)
    search_help_text = gettext_lazy("Address")
    sortable_by = ()
    autocomplete_fields = ("organization",)
    readonly_fields = ("status_label", "failing", "secret_text", "log")
    _settings = ("organization", "url", "event_types", "sends_contacts", "is_active")

    def get_fieldsets(self, request, obj=None):
        if obj is None:
            return [(None, {"fields": self._settings})]
        return [
            (None, {"fields": ("status_label", "failing", "log") if obj.failing_since else ("status_label", "log")}),
            (_("What is told, and where"), {"fields": self._settings}),
            (
                _("Signature"),
                {
                    "fields": ("secret_text",),
                    "description": _("Your program uses it to make sure that an event comes from us. Keep it secret."),
                },
            ),
        ]

    def get_readonly_fields(self, request, obj=None):
        return (*self.readonly_fields, "organization") if obj else self.readonly_fields

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        return without_menu(field) if db_field.name == "organization" else field

    def may_act(self, request, row):
        return self.has_change_permission(request, row)

    def save_model(self, request, obj, form, change):
        values = {name: form.cleaned_data[name] for name in self._settings if name in form.cleaned_data}
        if change:
            endpoints.change_webhook(endpoint_id=obj.pk, **values)
        else:
            obj.pk = endpoints.add_webhook(**values).pk

    def delete_model(self, request, obj):
        endpoints.delete_webhook(endpoint_id=obj.pk)

    def change_view(self, request, object_id, form_url="", extra_context=None):
        endpoint = self.get_object(request, object_id)
        if endpoint is not None and endpoint.paused_at:
            kept = endpoint.deliveries.filter(status=WebhookDelivery.Status.KEPT).count()
            extra_context = {"kept": kept} | (extra_context or {})
        return super().change_view(request, object_id, form_url, extra_context)

    # Columns

    @display(description=gettext_lazy("status"))
    def status_label(self, endpoint):
        if endpoint.paused_at:
            return format_html(
                "{} {}, {}",
                label(_("Paused"), "danger"),
                endpoint.get_paused_reason_display(),
                instant(endpoint.paused_at),
            )
        return label(_("Active"), "success") if endpoint.is_active else label(_("Off"), "default")

    @display(description=gettext_lazy("failing since"))
    def failing(self, endpoint):
        return instant(endpoint.failing_since) if endpoint.failing_since else None

    @display(description=gettext_lazy("signing secret"))
    def secret_text(self, endpoint):
        code = format_html('<code class="eb-code">{}</code>', endpoint.secret)
        if not endpoint.old_secret_until:
            return code
        text = _("The one before signs beside it until %(until)s.") % {"until": instant(endpoint.old_secret_until)}
        return format_html("{}<br>{}", code, text)

    @display(description=gettext_lazy("events sent"))
    def log(self, endpoint):
        url = reverse("admin:bookings_webhookdelivery_changelist")
        return format_html(
            '<a class="text-link" href="{}?endpoint__id__exact={}">{}</a>', url, endpoint.pk, _("What was sent")
        )

    # Buttons: each returns the row whose page comes next, and what to say there

    def send_test(self, endpoint):
        return endpoints.send_test_webhook(endpoint_id=endpoint.pk), _(
            "The test is on its way. Reload this page to see the answer."
        )

    def resume(self, endpoint):
        endpoints.resume_webhook(endpoint_id=endpoint.pk, sends_kept=False)
        return endpoint, _("The webhook is told of what happens from now on.")

    def resume_and_send(self, endpoint):
        count = endpoints.resume_webhook(endpoint_id=endpoint.pk, sends_kept=True)
        text = ngettext("%(count)d kept event is on its way.", "%(count)d kept events are on their way.", count)
        return endpoint, text % {"count": count}

    def renew_secret(self, endpoint):
        endpoints.renew_secret(endpoint_id=endpoint.pk)
        return endpoint, _("There is a new secret. For a day, events are signed with the old one, too.")

    buttons = {"test": send_test, "resume": resume, "resume-all": resume_and_send, "renew-secret": renew_secret}


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(DeliveryLogAdmin):
    """To read, and to send again."""

    organization_path = "endpoint__organization_id"
    colours = COLOURS
    list_display = ("created", "type", "endpoint", "status_label", "response_status", "attempts")
    list_select_related = ("endpoint",)
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("type", ChoicesDropdownFilter),
        ("endpoint", WithinReach),
    )
    fieldsets = (
        (None, {"fields": ("status_label", "type", "created", "webhook", "event_id")}),
        (
            gettext_lazy("Delivery"),
            {"fields": ("attempts", "last_attempt", "next_attempt", "response_status", "error", "response_text")},
        ),
        (gettext_lazy("What was sent"), {"fields": ("payload_text",)}),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("endpoint")

    # Columns

    @display(description=gettext_lazy("next attempt"))
    def next_attempt(self, row):
        return instant(row.next_attempt_at) if row.next_attempt_at else None

    @display(description=gettext_lazy("webhook"))
    def webhook(self, row):
        url = reverse("admin:bookings_webhookendpoint_change", args=[row.endpoint_id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, row.endpoint)

    @display(description=gettext_lazy("text of the answer"))
    def response_text(self, row):
        return format_html('<pre class="eb-code">{}</pre>', row.response) if row.response else None

    @display(description=gettext_lazy("content"))
    def payload_text(self, row):
        return format_html('<pre class="eb-code">{}</pre>', json.dumps(row.payload, indent=2, ensure_ascii=False))

    # Sending again

    def send_row(self, row):
        endpoints.send_webhook_again(delivery_id=row.pk)
        return _("The event is on its way. Reload this page to see the answer.")

    def count_sent(self, number):
        text = ngettext("%(count)d event is sent again.", "%(count)d events are sent again.", number)
        return text % {"count": number}
