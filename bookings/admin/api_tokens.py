"""Tokens of programs in the admin: made, shown once, watched and revoked."""

from datetime import timedelta

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from bookings import services
from bookings.models import ApiToken
from bookings.models.api_token import USUAL_LIFE
from experts import formatting
from experts.admin.base import ServiceAdmin, ServiceForm, instant, label, without_menu
from experts.admin.scoping import WithinReach

WARNS_BEFORE = timedelta(days=30)
LASTS = [
    (30, gettext_lazy("30 days")),
    (90, gettext_lazy("90 days")),
    (USUAL_LIFE.days, gettext_lazy("1 year")),
    (2 * USUAL_LIFE.days, gettext_lazy("2 years")),
]


class TokenForm(ServiceForm):
    lasts = forms.TypedChoiceField(
        label=gettext_lazy("Ends after"),
        choices=LASTS,
        coerce=int,
        initial=USUAL_LIFE.days,
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("It also ends when you are no owner of the organisation any more."),
    )

    class Meta:
        model = ApiToken
        fields = ("organization", "name", "scope")


@admin.register(ApiToken)
class ApiTokenAdmin(ServiceAdmin):
    """A token is not changed: what may do something else is another token."""

    form = TokenForm
    organization_path = "organization_id"
    has_events = True
    change_form_template = "admin/api_token.html"
    list_display = ("name", "organization", "scope", "ending_shown", "created_by", "last_used", "ends", "state")
    list_select_related = ("organization", "created_by")
    list_filter = (("scope", ChoicesDropdownFilter), ("organization", WithinReach))
    search_fields = ("name",)
    autocomplete_fields = ("organization",)
    sortable_by = ()
    actions = ("revoke",)
    add_fieldsets = (
        (
            None,
            {
                "fields": ("organization", "name", "scope", "lasts"),
                "description": gettext_lazy(
                    "For a program that uses the API. It sees names and addresses of everybody who booked, so give "
                    "each program a token of its own, and no more rights than it needs."
                ),
            },
        ),
    )
    fieldsets = (
        (None, {"fields": ("name", "organization", "scope", "ending_shown", "state")}),
        (gettext_lazy("Use"), {"fields": ("last_used", "ends", "created", "created_by")}),
    )

    def get_fieldsets(self, request, obj=None):
        return self.fieldsets if obj else self.add_fieldsets

    def get_urls(self):
        view = self.admin_site.admin_view(self.revoke_one)
        return [path("<path:object_id>/revoke/", view, name="bookings_apitoken_revoke"), *super().get_urls()]

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def has_revoke_permission(self, request, obj=None):
        """What would be the right to change them, if they could be changed."""
        return super().has_change_permission(request, obj)

    def get_queryset(self, request):
        counts = Exists(ApiToken.objects.in_force().filter(pk=OuterRef("pk")))
        return super().get_queryset(request).annotate(counts=counts)

    # Columns

    @display(description=gettext_lazy("ends in"))
    def ending_shown(self, token):
        return f"…{token.ending}"

    @display(description=gettext_lazy("last used"))
    def last_used(self, token):
        return instant(token.last_used_at) if token.last_used_at else _("Never")

    @display(description=gettext_lazy("valid until"))
    def ends(self, token):
        return instant(token.expires_at)

    @display(description=gettext_lazy("created"))
    def created(self, token):
        return instant(token.created_at)

    @display(description=gettext_lazy("state"))
    def state(self, token):
        now = timezone.now()
        if token.revoked_at is not None:
            return label(_("Revoked"), "default")
        if token.expires_at <= now:
            return label(_("Over"), "default")
        if not token.counts:
            return label(_("Ended with its maker"), "default")
        if token.expires_at - now < WARNS_BEFORE:
            left = formatting.duration(token.expires_at - now)
            return label(_("Ends in %(time)s") % {"time": left}, "warning")
        return label(_("In use"), "success")

    # Making one

    def add_view(self, request, form_url="", extra_context=None):
        """Its answer shows the secret, so there is no way on to another page."""
        ways_on = {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().add_view(request, form_url, ways_on | (extra_context or {}))

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        return without_menu(field) if db_field.name == "organization" else field

    def save_model(self, request, obj, form, change):
        obj.created_by = request.user
        obj.expires_at = timezone.now() + timedelta(days=form.cleaned_data["lasts"])
        request.new_secret = services.create_token(token=obj)

    def response_add(self, request, obj, post_url_continue=None):
        """Shown in this answer and never again: a message would wait in a cookie, an address in a log."""
        context = {
            **self.admin_site.each_context(request),
            "title": _("Copy the token now"),
            "opts": self.opts,
            "token": obj,
            "secret": request.new_secret,
            "list_url": reverse("admin:bookings_apitoken_changelist"),
        }
        response = TemplateResponse(request, "admin/api_token_created.html", context)
        add_never_cache_headers(response)
        return response

    # Revoking

    def change_view(self, request, object_id, form_url="", extra_context=None):
        token = self.get_object(request, unquote(object_id))
        may = token is not None and token.revoked_at is None and self.has_revoke_permission(request, token)
        return super().change_view(request, object_id, form_url, {"may_revoke": may} | (extra_context or {}))

    @method_decorator(require_POST)
    def revoke_one(self, request, object_id):
        token = self.get_object(request, unquote(object_id))
        if token is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_revoke_permission(request, token):
            raise PermissionDenied
        self._revoke(request, [token])
        return HttpResponseRedirect(reverse("admin:bookings_apitoken_change", args=[token.pk]))

    @admin.action(description=gettext_lazy("Revoke"), permissions=["revoke"])
    def revoke(self, request, queryset):
        self._revoke(request, [token for token in queryset if self.has_revoke_permission(request, token)])

    def _revoke(self, request, tokens) -> None:
        count = sum(services.revoke_token(token_id=token.pk) for token in tokens)
        text = ngettext("%(count)d token revoked.", "%(count)d tokens revoked.", count) % {"count": count}
        self.message_user(request, text, messages.SUCCESS if count else messages.WARNING)
