"""Invitations in the admin: sent, seen, withdrawn."""

from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookingsite.onboarding import services
from experts.admin.base import ServiceAdmin, ServiceForm, without_menu
from experts.admin.scoping import WithinReach, only_organization
from experts.models import Invitation, Role


class InvitationForm(ServiceForm):
    class Meta:
        model = Invitation
        fields = ("organization", "email", "role", "expert")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if "role" in self.fields:  # nobody becomes an owner because a list began with it
            self.fields["role"].choices = [("", _("Choose a role")), *Role.choices]
        for name in ("organization", "email"):
            if name in self.fields:
                self.fields[name].required = True

    def clean(self):
        cleaned = super().clean()
        expert, organization = cleaned.get("expert"), cleaned.get("organization")
        if expert and cleaned.get("role") not in (Role.EXPERT, None):
            self.add_error("expert", _("Only for the role “Expert”. Others see all calendars."))
        elif expert and organization and expert.organization_id != organization.pk:
            self.add_error("expert", _("This expert works for another organisation."))
        return cleaned


@admin.register(Invitation)
class InvitationAdmin(ServiceAdmin):
    """Owners invite colleagues by mail. Whether an address has an account is not told."""

    form = InvitationForm
    organization_path = "organization_id"
    is_called_by_address = True
    list_display = ("email", "role", "organization", "expires_at", "accepted_at")
    list_select_related = ("organization",)
    list_filter = (("organization", WithinReach),)
    search_fields = ("email",)
    search_help_text = gettext_lazy("E-mail")
    autocomplete_fields = ("organization", "expert")
    sortable_by = ()
    fields = ("organization", "email", "role", "expert", "invited_by", "expires_at", "accepted_at")
    add_fieldsets = (
        (
            None,
            {
                "fields": ("organization", "email", "role", "expert"),
                "description": gettext_lazy("They get a link by mail, which works once, for 7 days."),
            },
        ),
    )

    def has_change_permission(self, request, obj=None):
        """Nobody changes what was sent: it is withdrawn, and another one is sent."""
        return False

    def get_changeform_initial_data(self, request):
        return only_organization(request) | super().get_changeform_initial_data(request)

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        return without_menu(field) if db_field.name in ("organization", "expert") else field

    def name_of(self, row):
        return row.email

    def save_model(self, request, obj, form, change):
        sent = services.invite(
            organization=obj.organization,
            email=obj.email,
            role=Role(obj.role),
            expert=obj.expert,
            invited_by=request.user,
        )
        obj.pk = sent.pk
