"""Calendar feeds in the admin: who made which, when each was last used, and a new one, whose address is shown once."""

from django.contrib import admin
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import display

from bookings import services
from bookings.icalendar.feed import feed_url
from bookings.models import CalendarFeed
from experts.admin.base import ServiceAdmin, ServiceForm, instant, label, without_menu
from experts.admin.scoping import WithinReach, may
from experts.permissions import ADD


class FeedForm(ServiceForm):
    class Meta:
        model = CalendarFeed
        fields = ("expert", "organization")

    def clean(self):
        cleaned = super().clean()
        if self.errors:
            return cleaned
        expert, organization = cleaned.get("expert"), cleaned.get("organization")
        if expert is None and organization is None:
            self.add_error("expert", _("Choose an expert, or an organisation for all its experts."))
        elif expert and organization and expert.organization_id != organization.pk:
            self.add_error("expert", _("This expert works for another organisation."))
        elif expert:
            cleaned["organization"] = expert.organization
        return cleaned


@admin.register(CalendarFeed)
class CalendarFeedAdmin(ServiceAdmin):
    form = FeedForm
    organization_path = "organization_id"
    person_path = "expert__user_id"
    has_events = True
    list_display = ("whose", "state", "created_by", "created", "last_used")
    list_display_links = None
    list_select_related = ("organization", "expert", "created_by")
    list_filter = (("organization", WithinReach), ("expert", WithinReach))
    autocomplete_fields = ("expert", "organization")
    sortable_by = ()
    actions = ("revoke",)
    fields = ("whose", "state", "created_by", "created", "last_used")
    add_fieldsets = (
        (
            None,
            {
                "fields": ("expert", "organization"),
                "description": gettext_lazy(
                    "Your calendar program shows the bookings of an expert, or of all experts of an organisation, with "
                    "the names of customers. The feed ends when you may not see them any more."
                ),
            },
        ),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("organization", "expert", "created_by")

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def has_revoke_permission(self, request):
        return may(request, self.opts.label_lower, ADD)

    def get_fieldsets(self, request, obj=None):
        return super().get_fieldsets(request, obj) if obj else self.add_fieldsets

    def get_readonly_fields(self, request, obj=None):
        return self.fields if obj else ()

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "organization":
            field.required = False
            field.help_text = _("For all its experts: leave the expert empty.")
        return without_menu(field) if db_field.name in ("organization", "expert") else field

    # Columns

    @display(description=gettext_lazy("calendar"))
    def whose(self, feed):
        return f"{feed.expert.name}, {feed.organization.name}" if feed.expert else feed.organization.name

    @display(description=gettext_lazy("status"))
    def state(self, feed):
        return label(_("Revoked"), "default") if feed.revoked_at else label(_("Active"), "success")

    @display(description=gettext_lazy("created"))
    def created(self, feed):
        return instant(feed.created_at)

    @display(description=gettext_lazy("last used"))
    def last_used(self, feed):
        return instant(feed.last_used_at) if feed.last_used_at else None

    def name_of(self, row):
        return self.whose(row)

    # Making and revoking

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        """One button: each leads to the address."""
        buttons = {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().changeform_view(request, object_id, form_url, buttons | (extra_context or {}))

    def save_model(self, request, obj, form, change):
        made, request.feed_token = services.create_feed(
            organization=obj.organization, expert=obj.expert, created_by=request.user
        )
        obj.pk = made.pk

    def response_add(self, request, obj, post_url_continue=None):
        """The address, now and never again: no redirect, which would have to carry it."""
        context = {
            **self.admin_site.each_context(request),
            "title": _("Calendar feed of %(name)s") % {"name": obj},
            "subtitle": None,
            "opts": self.opts,
            "url": feed_url(request.feed_token),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/feed_made.html", context)

    @admin.action(description=gettext_lazy("Revoke"), permissions=["revoke"])
    def revoke(self, request, queryset):
        self.each(
            request,
            queryset,
            lambda feed: services.revoke_feed(feed_id=feed.pk),
            lambda n: ngettext("%(count)d feed is revoked.", "%(count)d feeds are revoked.", n) % {"count": n},
        )
