"""Accounts of staff: for superusers, as they are of no organisation. Members are in experts/admin/members.py."""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from procrastinate.contrib.django.models import ProcrastinateJob
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from experts.admin.scope import Scoped

# Jobs are for operators (manage.py procrastinate): they belong to no organisation.
admin.site.unregister([User, Group, ProcrastinateJob])


@admin.register(User)
class UserAdmin(Scoped, DjangoUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    show_full_result_count = False


@admin.register(Group)
class GroupAdmin(Scoped, DjangoGroupAdmin, ModelAdmin):
    show_full_result_count = False
