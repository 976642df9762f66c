"""Who works for an organisation. Owners see and change their colleagues; nobody is listed who is none."""

from django.contrib import admin
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from experts import services
from experts.admin.base import ServiceAdmin
from experts.admin.scoping import WithinReach, may
from experts.models import Membership, Role
from experts.permissions import ADD


@admin.register(Membership)
class MembershipAdmin(ServiceAdmin):
    organization_path = "organization_id"
    has_events = True
    list_display = ("person", "email", "role", "organization")
    list_select_related = ("user", "organization")
    list_filter = (("role", ChoicesDropdownFilter), ("organization", WithinReach))
    search_fields = ("user__name", "user__email")
    search_help_text = _("Name or e-mail")
    autocomplete_fields = ("user", "organization")
    sortable_by = ()
    actions_list = ("invite",)
    fieldsets = (
        (
            None,
            {
                "fields": ("user", "organization", "role"),
                "description": _(
                    "Owners may do everything for the organisation. Schedulers look after calendars and bookings. "
                    "Experts see their own calendar and bookings only, once the expert’s page names their account."
                ),
            },
        ),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("user", "organization")

    def get_readonly_fields(self, request, obj=None):
        return ("user", "organization") if obj else ()

    def has_invite_permission(self, request, object_id=None):
        return may(request, "experts.invitation", ADD)

    @action(description=_("Invite somebody"), icon="person_add", permissions=["invite"])
    def invite(self, request):
        return HttpResponseRedirect(reverse("admin:experts_invitation_add"))

    @display(description=_("person"))
    def person(self, membership):
        return str(membership)

    @display(description=_("e-mail"))
    def email(self, membership):
        return membership.user.email

    def save_model(self, request, obj, form, change):
        if change:
            services.change_role(membership_id=obj.pk, role=Role(obj.role))
        else:
            obj.pk = services.add_member(user=obj.user, organization=obj.organization, role=Role(obj.role)).pk

    def delete_model(self, request, obj):
        services.remove_member(membership_id=obj.pk)
