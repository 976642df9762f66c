from django.contrib import admin
from django.core.paginator import Paginator
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin

from experts.admin.base import ServiceAdmin
from experts.models import Category


@admin.register(Category)
class CategoryAdmin(ServiceAdmin):
    """Fields of work, shared by all organisations. Few, and no seats hang on them."""

    form = ModelAdmin.form
    shared = True
    paginator = Paginator
    list_display = ("name", "slug", "icon", "position")
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}
    fields = ("name", "slug", "icon", "position", "is_medical")

    def reason_to_keep(self, obj):
        return _("Experts belong to it.") if obj.experts.exists() else ""
