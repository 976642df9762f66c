"""Blocks in the admin: whom the organisation takes no bookings from online, until when, and how that ends earlier."""

from datetime import timedelta

from django import forms
from django.contrib import admin
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from bookings import services
from bookings.models import Block, Booking
from bookings.models.block import BlockKind
from bookings.selectors.origins import origin_of
from experts.admin.base import ServiceAdmin, ServiceForm, instant, label, without_menu
from experts.admin.scoping import WithinReach, only_organization

LASTS = [
    (1, gettext_lazy("1 day")),
    (7, gettext_lazy("1 week")),
    (30, gettext_lazy("30 days")),
    (90, gettext_lazy("90 days")),
]


class BlockForm(ServiceForm):
    lasts = forms.TypedChoiceField(
        label=gettext_lazy("For how long"), choices=LASTS, coerce=int, initial=7, widget=UnfoldAdminSelectWidget
    )

    class Meta:
        model = Block
        fields = ("organization", "kind", "value", "note")


@admin.register(Block)
class BlockAdmin(ServiceAdmin):
    """A block is not changed: it ends by itself or at once, and another one may be made."""

    form = BlockForm
    organization_path = "organization_id"
    has_events = True
    is_called_by_address = True
    list_display = ("value", "kind", "organization", "state", "until_shown", "note", "created_by")
    list_select_related = ("organization", "created_by")
    list_filter = (("kind", ChoicesDropdownFilter), ("organization", WithinReach))
    search_fields = ("value", "note")
    search_help_text = gettext_lazy("Address, domain, network or note")
    ordering = ("-until",)
    sortable_by = ()
    autocomplete_fields = ("organization",)
    actions = ("end",)
    fields = ("value", "kind", "organization", "state", "until_shown", "note", "created_by", "created")
    add_fieldsets = (
        (
            None,
            {
                "fields": ("organization", "kind", "value", "lasts", "note"),
                "description": gettext_lazy(
                    "Whom you block can look, but not hold, book or wait; they are asked to get in touch, and not told "
                    "why. A network may be a school or a phone company, with many people behind it. What is booked "
                    "stays booked, and staff can book for anybody."
                ),
            },
        ),
    )

    def get_fieldsets(self, request, obj=None):
        return super().get_fieldsets(request, obj) if obj else self.add_fieldsets

    def get_readonly_fields(self, request, obj=None):
        return self.fields if obj else ()

    def get_changeform_initial_data(self, request):
        """What comes from the page of a source: that source, of that booking's organisation."""
        given = only_organization(request) | {"kind": BlockKind.ADDRESS}
        key, kind = request.GET.get("booking", ""), request.GET.get("kind")
        if key.isascii() and key.isdecimal() and len(key) < 19 and kind in BlockKind.values:
            rows = self.admin_site.get_model_admin(Booking).get_queryset(request)
            if (booking := rows.filter(pk=key).first()) is not None:
                given = {
                    "organization": booking.slot.expert.organization_id,
                    "kind": kind,
                    "value": origin_of(booking, kind),
                }
        return given

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "value":
            field.help_text = _("Such as ann@example.com, example.com or 192.0.2.0/24.")
        return without_menu(field) if db_field.name == "organization" else field

    def has_change_permission(self, request, obj=None):
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request, obj=None):
        return False

    # Columns

    @display(description=gettext_lazy("status"))
    def state(self, block):
        return label(_("Blocked"), "warning") if block.until > timezone.now() else label(_("Ended"), "default")

    @display(description=gettext_lazy("until"))
    def until_shown(self, block):
        return instant(block.until)

    @display(description=gettext_lazy("blocked"))
    def created(self, block):
        return instant(block.created_at)

    # Making and ending

    def save_model(self, request, obj, form, change):
        obj.created_by = request.user
        obj.until = timezone.now() + timedelta(days=form.cleaned_data["lasts"])
        services.block(wanted=obj)

    @admin.action(description=gettext_lazy("End now"), permissions=["change"])
    def end(self, request, queryset):
        self.each(
            request,
            queryset,
            lambda block: services.end_block(block_id=block.pk),
            lambda n: ngettext("%(count)d block has ended.", "%(count)d blocks have ended.", n) % {"count": n},
        )
