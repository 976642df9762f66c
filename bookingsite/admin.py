"""Accounts of staff in the admin: they belong to no organisation and are for superusers."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy
from procrastinate.contrib.django.models import ProcrastinateJob
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from bookingsite import operations
from bookingsite.onboarding.admin import InvitationAdmin
from experts import services
from experts.admin.scoping import Scoped
from experts.models import User

# Jobs are for operators (manage.py procrastinate): they belong to no organisation.
# What allauth keeps is changed by the people whose it is (bookingsite/accounts/).
admin.site.unregister([Group, ProcrastinateJob, Authenticator, EmailAddress, SocialAccount, SocialApp, SocialToken])


@admin.register(User)
class UserAdmin(Scoped, DjangoUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    show_full_result_count = False
    list_display = ("email", "name", "is_staff", "is_active")
    search_fields = ("name", "email")
    search_help_text = gettext_lazy("Name or e-mail")
    ordering = ("email",)
    readonly_fields = ("last_login", "created_at")
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        (
            gettext_lazy("Permissions"),
            # Not groups and permissions of Django's, which count for nothing (experts/permissions.py).
            {"fields": ("is_active", "is_staff", "is_superuser")},
        ),
        (gettext_lazy("Important dates"), {"fields": ("last_login", "created_at")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),)

    def save_model(self, request, obj, form, change):
        """An account that is no longer active is logged out for good: it is not in again when it becomes active."""
        super().save_model(request, obj, form, change)
        if not obj.is_active:
            services.end_sessions(user_id=obj.pk)


@admin.register(Group)
class GroupAdmin(Scoped, DjangoGroupAdmin, ModelAdmin):
    show_full_result_count = False


__all__ = ["GroupAdmin", "InvitationAdmin", "UserAdmin"]

admin.site.add_pages([operations.PAGE])
