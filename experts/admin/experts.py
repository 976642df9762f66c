from django import forms
from django.contrib import admin
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.widgets import UnfoldAdminSelect2MultipleWidget

from experts import services
from experts.admin.base import ServiceAdmin
from experts.admin.hours import HoursFormSet, WeeklyHoursInline
from experts.admin.policy import POLICY_FIELDS, PolicyForm, zone_field
from experts.admin.preview import WithPreview
from experts.models import Expert
from experts.models.expert import LANGUAGES


@admin.register(Expert)
class ExpertAdmin(WithPreview, ServiceAdmin):
    form = PolicyForm
    inlines = (WeeklyHoursInline,)
    has_events = True
    list_display = ("name", "headline", "organization", "category", "timezone", "is_active")
    list_select_related = ("organization", "category")
    list_filter = (
        ("organization", AutocompleteSelectFilter),
        ("category", AutocompleteSelectFilter),
        "is_active",
    )
    search_fields = ("search_text",)
    search_help_text = gettext_lazy("Name, headline, category or organisation")
    autocomplete_fields = ("organization", "category", "user")
    prepopulated_fields = {"slug": ("name",)}
    fieldsets = (
        (None, {"fields": ("name", "slug", "organization", "category", "headline", "bio", "languages", "is_active")}),
        (
            gettext_lazy("Sessions"),
            {"fields": ("timezone", "session_minutes", "default_capacity", "venue", "venue_note")},
        ),
        (
            gettext_lazy("Booking rules of their own"),
            {
                "fields": POLICY_FIELDS,
                "description": gettext_lazy("Whatever is left empty follows the organisation."),
            },
        ),
        (gettext_lazy("Account"), {"fields": ("user",)}),
    )

    def get_search_results(self, request, queryset, search_term):
        """By the beginnings of words, as visitors search: there is an index for that."""
        return queryset.matching(search_term), False

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        if db_field.name == "timezone":
            return zone_field(db_field)
        if db_field.name == "languages":
            return forms.MultipleChoiceField(
                label=_("Languages"),
                choices=list(LANGUAGES.items()),
                required=False,
                widget=UnfoldAdminSelect2MultipleWidget,
            )
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "requires_approval":
            field.widget.choices = [("unknown", _("As the organisation")), ("true", _("Yes")), ("false", _("No"))]
        if db_field.name == "user":
            field.help_text = _("The person’s own login, if there is one.")
        return field

    def get_inlines(self, request, obj):
        """Hours once there is an expert to have them. A form that was sent without the grid leaves them as they are."""
        sent_without = request.method == "POST" and "hours-TOTAL_FORMS" not in request.POST
        return () if obj is None or sent_without else super().get_inlines(request, obj)

    def save_model(self, request, obj, form, change):
        if not change:
            services.save_expert(expert=obj)

    def save_related(self, request, form, formsets, change):
        """The expert and the hours at once: both decide which slots there are."""
        if not change:
            return
        hours = None
        for formset in formsets:
            if isinstance(formset, HoursFormSet):
                formset.save(commit=False)  # tells the log what changed
                hours = formset.rows()
        services.save_expert(expert=form.instance, hours=hours, seen=request.POST.get("_seen", ""))

    def reason_to_keep(self, obj):
        return _("There are slots, past ones too. Make the expert inactive instead.") if obj.slots.exists() else ""

    def view_on_site(self, obj):
        return reverse("expert", args=[obj.slug]) if obj.is_active and obj.organization.is_active else None
