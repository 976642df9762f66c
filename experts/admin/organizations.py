from django.conf import settings
from django.contrib import admin
from django.core.paginator import Paginator
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from experts import services
from experts.admin.base import ServiceAdmin
from experts.admin.fields import OriginsField, Swatches
from experts.admin.pictures import WithPicture
from experts.admin.policy import POLICY_FIELDS, PolicyForm, zone_field
from experts.admin.scoping import reach
from experts.models import Organization


@admin.register(Organization)
class OrganizationAdmin(WithPicture, ServiceAdmin):
    form = PolicyForm
    organization_path = "id"
    paginator = Paginator
    has_events = True
    list_display = ("name", "slug", "timezone", "requires_approval", "is_active")
    list_filter = ("is_active", "requires_approval")
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}
    fieldsets = (
        (None, {"fields": ("name", "slug", "city", "timezone", "contact_email", "is_active")}),
        (
            gettext_lazy("Booking rules"),
            {
                "fields": (*POLICY_FIELDS, "offer_minutes", "proof"),
                "description": gettext_lazy(
                    "They hold for all experts of the organisation who have no rule of their own."
                ),
            },
        ),
        (
            gettext_lazy("Reminders"),
            {
                "fields": ("reminds_day_before", "reminds_hour_before"),
                "description": gettext_lazy(
                    "E-mails to customers, 24 hours and 1 hour before a confirmed session. A change holds for all "
                    "sessions that lie ahead."
                ),
            },
        ),
        (
            gettext_lazy("On your website"),
            {
                "fields": ("embed_origins", "embed_code"),
                "description": gettext_lazy(
                    "These sites may show your calendars in a frame, live. No other site can. Visitors book in a tab "
                    "of its own."
                ),
            },
        ),
        (
            gettext_lazy("Log-in"),
            {
                "fields": ("two_factor",),
                "description": gettext_lazy(
                    "Besides the password a passkey or a code of an app. Whoever has neither sets one up before "
                    "anything else."
                ),
            },
        ),
        (
            gettext_lazy("Limits of a new organisation"),
            {
                "fields": ("invitation_quota", "staff_mail_quota"),
                "description": gettext_lazy(
                    "An organisation that founded itself begins with these, and whoever runs the site lifts them. "
                    "Empty means no limit. What is over it waits for the next day; bookings are never refused for it."
                ),
            },
        ),
        (gettext_lazy("Look and words"), {"fields": ("accent", "mail_footer")}),
    )

    def get_readonly_fields(self, request, obj=None):
        """Its address, its limits, and whether it is open at all are agreed with whoever runs the installation."""
        agreed = ("slug", "is_active", "invitation_quota", "staff_mail_quota")
        return ("embed_code",) if reach(request).everything else (*agreed, "embed_code")

    def get_prepopulated_fields(self, request, obj=None):
        return {} if obj else super().get_prepopulated_fields(request, obj)

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        if db_field.name == "timezone":
            return zone_field(db_field)
        if db_field.name == "accent":
            return db_field.formfield(widget=Swatches)
        if db_field.name == "embed_origins":
            return OriginsField(
                label=_("Sites that may embed it"),
                required=False,
                widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
                help_text=_("One on each line, such as https://www.example.com"),
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @display(description=gettext_lazy("Line for your page"))
    def embed_code(self, organization):
        """All experts; docs/embedding.md has more. The plain address of the script: it outlives the next release."""
        if not organization.slug:
            return None
        source = f"{settings.SITE_URL.rstrip('/')}{settings.STATIC_URL}js/embed.js"
        line = f'<script src="{source}" data-organization="{organization.slug}" async></script>'
        line = f'<div style="min-height: 48rem">{line}</div>'
        return format_html('<code class="eb-once">{}</code>', line)

    def save_model(self, request, obj, form, change):
        services.save_organization(organization=obj, fields=self.changed_fields(form) if change else None)

    def delete_model(self, request, obj):
        services.delete_organization(organization_id=obj.pk)

    def reason_to_keep(self, obj):
        return _("It has experts. Make it inactive instead.") if obj.experts.exists() else ""

    def view_on_site(self, obj):
        return reverse("organization", args=[obj.slug]) if obj.is_active else None
