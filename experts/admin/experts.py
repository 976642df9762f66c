from typing import ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.forms.widgets import Script
from django.http import Http404, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelect2MultipleWidget

from experts import services
from experts.admin.base import ServiceAdmin
from experts.admin.exports import Column, WithExport
from experts.admin.hours import HoursFormSet, WeeklyHoursInline
from experts.admin.hours_editor import BUTTON, press
from experts.admin.offers import TypesOfferedInline
from experts.admin.pictures import WithPicture, picture_of
from experts.admin.policy import POLICY_FIELDS, PolicyForm, zone_field
from experts.admin.preview import WithPreview
from experts.admin.scoping import WithinReach, only_organization, reach
from experts.admin.tabs import InTabs, Tab, tabs_of
from experts.models import Expert, Organization, Role, Slot, TimeOff
from experts.models.expert import LANGUAGES
from experts.models.organization import MoveApproval
from experts.ordering import MOST_NAMED
from experts.permissions import CHANGE

# Where somebody works, under which address, and whose login opens the calendar, is for owners to say.
_FOR_OWNERS = ("slug", "organization", "is_active", "user")
# How experts present themselves. What binds the organisation, such as its booking rules, is not theirs.
_FOR_EXPERTS = ("headline", "bio", "languages", "venue", "venue_note", "city")


@admin.register(Expert)
class ExpertAdmin(WithPicture, InTabs, WithExport, WithPreview, ServiceAdmin):
    form = PolicyForm
    change_form_template = "admin/expert_form.html"
    inlines = (TypesOfferedInline, WeeklyHoursInline)
    organization_path = "organization_id"
    person_path = "user_id"
    has_events = True
    list_display = ("name", "headline", "organization", "category", "timezone", "is_active")
    list_select_related = ("organization", "category")
    list_filter = (
        ("organization", WithinReach),
        ("category", WithinReach),
        "is_active",
    )
    search_fields = ("search_text",)
    search_help_text = gettext_lazy("Name, headline, words of the bio, category, organisation, city or language")
    export_columns = (
        Column(gettext_lazy("Name"), lambda expert: expert.name),
        Column(gettext_lazy("Address"), lambda expert: expert.slug),
        Column(gettext_lazy("Organisation"), lambda expert: expert.organization.name),
        Column(gettext_lazy("Category"), lambda expert: expert.category.name),
        Column(gettext_lazy("Headline"), lambda expert: expert.headline),
        Column(gettext_lazy("About"), lambda expert: expert.bio),
        Column(gettext_lazy("Time zone"), lambda expert: expert.timezone),
        Column(gettext_lazy("Languages"), lambda expert: ", ".join(expert.languages)),
        Column(gettext_lazy("Minutes"), lambda expert: expert.session_minutes),
        Column(gettext_lazy("Seats"), lambda expert: expert.default_capacity),
        Column(gettext_lazy("Place"), lambda expert: expert.get_venue_display()),
        Column(gettext_lazy("Place note"), lambda expert: expert.venue_note),
        Column(gettext_lazy("City"), lambda expert: expert.city),
        Column(gettext_lazy("Active"), lambda expert: _("Yes") if expert.is_active else _("No")),
    )
    autocomplete_fields = ("organization", "category", "user")
    prepopulated_fields = {"slug": ("name",)}
    fieldsets = (
        (None, {"fields": ("name", "slug", "organization", "category", "headline", "bio", "languages", "is_active")}),
        (gettext_lazy("Where sessions take place"), {"fields": ("venue", "venue_note", "city")}),
        (gettext_lazy("New slots"), {"fields": ("timezone", ("session_minutes", "default_capacity"))}),
        (
            gettext_lazy("Booking rules of their own"),
            {
                "fields": POLICY_FIELDS,
                "description": gettext_lazy("Whatever is left empty follows the organisation."),
            },
        ),
        (gettext_lazy("Account"), {"fields": ("user",)}),
    )
    # The tabs of the page: which of the fieldsets, and which grid.
    tabs = (
        Tab("profile", gettext_lazy("Profile"), (0, 1)),
        Tab("types", gettext_lazy("Session types"), (), "offered_types"),
        Tab("weekly-hours", gettext_lazy("Hours"), (2,), "hours"),
        Tab("rules", gettext_lazy("Rules"), (3,)),
        Tab("log-in", gettext_lazy("Log-in"), (4,)),
    )

    class Media:
        css: ClassVar = {"all": ["css/admin-expert.css"]}
        js = (Script("js/admin-expert.js", type="module"),)

    def get_list_display(self, request):
        """Without the organisation where there is only one."""
        names = super().get_list_display(request)
        return [name for name in names if name != "organization"] if only_organization(request) else names

    # The page in tabs

    def get_urls(self):
        view = self.admin_site.admin_view(self.hours_view)
        return [path("<int:object_id>/hours/", view, name="experts_expert_hours"), *super().get_urls()]

    def hours_view(self, request, object_id):
        """Answer with the editor of weekly hours after one of its buttons, or as it was typed. Saves nothing."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        expert = self.get_object(request, str(object_id))
        if expert is None:
            raise Http404
        inline = WeeklyHoursInline(self.model, self.admin_site)
        if not inline.has_change_permission(request, expert):
            raise PermissionDenied
        sent, opened = press(request.POST, request.POST.get(BUTTON, ""))
        formset = inline.get_formset(request, expert)(
            sent, instance=expert, prefix="hours", queryset=inline.get_queryset(request)
        )
        self._tell(request, formset, opened)
        return TemplateResponse(request, "admin/_hours.html", {"formset": formset, "expert": expert})

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        """A button of the hours that was pressed without a script: the page again as the button changes it."""
        if request.method == "POST" and BUTTON in request.POST:
            request.POST, request.opened_hours = press(request.POST, request.POST[BUTTON])
            request.POST["_edit"] = "1"
        return super().changeform_view(request, object_id, form_url, extra_context)

    def render_change_form(self, request, context, add=False, change=False, form_url="", obj=None):
        if obj is not None:
            grids = {}
            for inline in context["inline_admin_formsets"]:
                grids[inline.formset.prefix] = inline
                if inline.formset.prefix == "hours":
                    self._tell(request, inline.formset, getattr(request, "opened_hours", None))
            away = TimeOff.objects.of_expert(obj).filter(last_day__gte=obj.today())
            context |= {
                "tabs": tabs_of(self.tabs, list(context["adminform"]), grids, pressed=hasattr(request, "opened_hours")),
                "picture": picture_of(obj) if self.has_change_permission(request, obj) else None,
                "time_off": {
                    "url": f"{reverse('admin:experts_timeoff_changelist')}?expert__id__exact={obj.pk}",
                    "count": away.count(),
                },
            }
        return super().render_change_form(request, context, add, change, form_url, obj)

    def _tell(self, request, formset, opened: int | None) -> None:
        slots = self.admin_site.get_model_admin(Slot)
        formset.opened = opened
        formset.bookings_url = lambda slot: slots.bookings_url(request, slot)

    def get_search_results(self, request, queryset, search_term):
        """By the beginnings of words, as visitors search: there is an index for that."""
        ids = list(queryset.matching(search_term).order_by().values_list("pk", flat=True)[: MOST_NAMED + 1])
        # In the order of the list all would be walked through until a page has been found.
        return queryset.filter(pk__any_of=ids) if len(ids) <= MOST_NAMED else queryset.matching(search_term), False

    def get_readonly_fields(self, request, obj=None):
        if obj is None or reach(request).everything:
            return ()
        roles = reach(request).roles_in(obj.organization_id)
        if Role.OWNER in roles:
            return ()
        if Role.SCHEDULER in roles:
            return _FOR_OWNERS
        return tuple(name for name in flatten_fieldsets(self.fieldsets) if name not in _FOR_EXPERTS)

    def get_changeform_initial_data(self, request):
        """With one organisation, that one and its time zone."""
        initial = only_organization(request)
        for organization in Organization.objects.filter(pk__in=initial.values()):
            initial["timezone"] = organization.timezone
        return initial | super().get_changeform_initial_data(request)

    def response_add(self, request, obj, post_url_continue=None):
        """On to the expert's own page: that is where the weekly hours are."""
        if "_addanother" not in request.POST:
            request.POST = request.POST.copy()
            request.POST["_continue"] = "1"
        return super().response_add(request, obj, post_url_continue)

    def get_prepopulated_fields(self, request, obj=None):
        """An address that is out in the world does not follow a new name."""
        return {} if obj else super().get_prepopulated_fields(request, obj)

    def get_autocomplete_fields(self, request):
        """Accounts are suggested to superusers only; members choose among a few."""
        fields = super().get_autocomplete_fields(request)
        return fields if reach(request).everything else [name for name in fields if name != "user"]

    def choices_within(self, request, db_field, rows):
        mine = reach(request)
        if db_field.name != "user" or mine.everything:
            return super().choices_within(request, db_field, rows)
        organizations, _own = mine.with_right("experts.membership", CHANGE)
        colleagues = rows.filter(is_active=True, memberships__organization__in=organizations).distinct()
        return colleagues.filter(Q(expert=None) | Q(expert__organization__in=organizations)).order_by("email")

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
        if db_field.name == "organization" and only_organization(request):
            field.widget = forms.HiddenInput()  # there is nothing to choose
        if db_field.name == "bio":
            field.widget.attrs["rows"] = 5
        if db_field.name == "city":
            field.help_text = _("Left empty, it is the organisation’s.")
        if db_field.name == "requires_approval":
            field.widget.choices = [("unknown", _("As the organisation")), ("true", _("Yes")), ("false", _("No"))]
        if db_field.name == "move_approval":
            field.choices = [("", _("As the organisation")), *MoveApproval.choices]
        if db_field.name == "user":
            field.help_text = _("The person’s own login, if there is one.")
        if db_field.name == "venue_note":
            field.help_text = _(
                "In person: the address, which everybody can read. By phone or video: who calls whom, or the link to "
                "join, which is told to those whose booking is confirmed, until the session is over."
            )
        return field

    def get_inlines(self, request, obj):
        """Hours, and types where there are any, once there is an expert to have them.

        A form that was sent without one of these grids leaves it as it is.
        """
        if obj is None:
            return ()
        grids = {"hours": WeeklyHoursInline}
        if obj.organization.session_types.exists():
            grids = {"offered_types": TypesOfferedInline} | grids
        is_sent = request.method == "POST"
        return [grid for name, grid in grids.items() if not is_sent or f"{name}-TOTAL_FORMS" in request.POST]

    def save_model(self, request, obj, form, change):
        if not change:
            services.save_expert(expert=obj)

    def delete_model(self, request, obj):
        services.delete_expert(expert_id=obj.pk)

    def save_related(self, request, form, formsets, change):
        """The expert and the hours at once: both decide which slots there are."""
        if not change:
            return
        hours, offers = None, None
        for formset in formsets:
            formset.save(commit=False)  # tells the log what changed
            if isinstance(formset, HoursFormSet):
                hours = formset.rows()
            elif formset.may_change:
                offers = formset
        services.save_expert(
            expert=form.instance, fields=form.changed_data, hours=hours, seen=request.POST.get("_seen", "")
        )
        # After the hours: what it means for times that can be booked is counted in the slots that these have made.
        if offers is not None:
            services.save_offers(
                expert_id=form.instance.pk,
                offered=offers.offered(),
                withdrawn=offers.withdrawn(),
                seen=request.POST.get("_seen_types", ""),
            )

    def reason_to_keep(self, obj):
        return _("There are slots, past ones too. Make the expert inactive instead.") if obj.slots.exists() else ""

    def view_on_site(self, obj):
        return reverse("expert", args=[obj.slug]) if obj.is_active and obj.organization.is_active else None
