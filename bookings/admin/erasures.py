"""What belongs to an address, for owners: given out, erased in their organisation, and the log of what was erased."""

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminEmailInputWidget

from bookings.models import Erasure
from bookings.privacy import erasing
from bookings.privacy.export import export, sections
from bookings.privacy.registry import Subject, kinds
from experts.admin.base import ReadOnlyAdmin, instant, label
from experts.admin.scoping import WithinReach, may, reach
from experts.permissions import ADD

COLOURS = {
    Erasure.Stage.CANCELLING: "info",
    Erasure.Stage.ERASING: "info",
    Erasure.Stage.SWEEPING: "info",
    Erasure.Stage.DONE: "success",
}


class AddressForm(forms.Form):
    email = forms.EmailField(
        label=gettext_lazy("E-mail address of the person"), max_length=254, widget=UnfoldAdminEmailInputWidget
    )


@admin.register(Erasure)
class ErasureAdmin(ReadOnlyAdmin):
    """The log, to read, and a page about an address. Addresses travel in forms only, never in URLs."""

    organization_path = "organization_id"
    list_display = ("asked", "by", "organization", "state", "rows")
    list_select_related = ("organization", "user")
    list_filter = (("asked_by", ChoicesDropdownFilter), ("organization", WithinReach))
    list_display_links = None
    ordering = ("-id",)
    sortable_by = ()
    actions_list = ("look_at_address",)
    fields = ("asked", "by", "organization", "state", "rows", "finished")
    readonly_fields = fields

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("organization", "user")

    def lookup_allowed(self, lookup, value, request=None):
        """Not by the address, which the list does not show."""
        return not lookup.startswith("address") and super().lookup_allowed(lookup, value, request)

    def get_urls(self):
        view = self.admin_site.admin_view(self.address_view)
        return [path("address/", view, name="bookings_erasure_address"), *super().get_urls()]

    def has_look_at_address_permission(self, request, object_id=None):
        return may(request, self.opts.label_lower, ADD)

    @action(description=gettext_lazy("A person’s data"), icon="person_search", permissions=["look_at_address"])
    def look_at_address(self, request):
        return HttpResponseRedirect(reverse("admin:bookings_erasure_address"))

    # Columns

    @display(description=gettext_lazy("asked"))
    def asked(self, row):
        return instant(row.asked_at)

    @display(description=gettext_lazy("by"))
    def by(self, row):
        return row.user.shown_name if row.user else row.get_asked_by_display()

    @display(description=gettext_lazy("state"))
    def state(self, row):
        return label(row.get_stage_display(), COLOURS[row.stage])

    @display(description=gettext_lazy("rows"))
    def rows(self, row):
        names = {kind.name: str(kind.label) for kind in kinds()} | {"cancelled": _("Cancelled")}
        return ", ".join(f"{names.get(name, name)} {number_format(n)}" for name, n in row.counts.items()) or None

    @display(description=gettext_lazy("finished"))
    def finished(self, row):
        return instant(row.finished_at) if row.finished_at else None

    # A person

    def address_view(self, request):
        """Ask for an address; then show what there is of it, give it out, or erase it. Each by POST."""
        if not self.has_look_at_address_permission(request):
            raise PermissionDenied
        form = AddressForm(request.POST if request.method == "POST" else None)
        if not form.is_valid():
            return self._page(request, form, status=422 if form.is_bound else 200)
        subject = Subject(form.cleaned_data["email"].lower(), self._organizations(request), timezone.now())
        found = erasing.organizations_of(subject)
        wanted = [row for row in found if str(row.pk) == request.POST.get("organization")]
        match request.POST.get("do"), wanted:
            case "json", [organization]:
                return self._json(subject, organization)
            case "read", [organization]:
                return self._read(request, subject, organization)
            case "ask", [organization]:
                return self._page(request, form, subject=subject, found=[organization], asks=True)
            case "erase", [organization]:
                return self._erase(request, subject, organization)
        return self._page(request, form, subject=subject, found=found)

    def _organizations(self, request) -> frozenset[int] | None:
        """Where they may do so; None is everywhere."""
        mine = reach(request)
        return None if mine.everything else mine.with_right(self.opts.label_lower, ADD)[0]

    def _page(self, request, form, *, subject=None, found=(), asks=False, status=200):
        about = []
        for organization in found:
            part = _part(subject, organization)
            there_is = [(section.title, len(section.rows)) for section in sections(export(part, subject.at))]
            about.append((organization, there_is, erasing.ahead_of(part).with_slot().order_by("slot__starts_at")))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Erase this person’s data?") if asks else _("A person’s data"),
            "subtitle": None,
            "opts": self.opts,
            "form": form,
            "media": self.media,
            "email": subject.address if subject else "",
            "about": about,
            "asks": asks,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/personal_data.html", context, status=status)

    def _json(self, subject, organization):
        data = export(_part(subject, organization), subject.at)
        response = JsonResponse(data, json_dumps_params={"indent": 2, "ensure_ascii": False})
        response["Content-Disposition"] = 'attachment; filename="expertbook-data.json"'
        return response

    def _read(self, request, subject, organization):
        context = {
            "address": subject.address,
            "now": subject.at,
            "sections": sections(export(_part(subject, organization), subject.at)),
            "organization": organization,
        }
        return render(request, "admin/personal_data_read.html", context)

    def _erase(self, request, subject, organization):
        erasing.ask_for_erasure(
            email=subject.address, organizations=[organization], by=Erasure.By.STAFF, user=request.user
        )
        text = _("It is being erased. This list says when it is done.")
        self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:bookings_erasure_changelist"))


def _part(subject: Subject, organization) -> Subject:
    return Subject(subject.address, frozenset({organization.pk}), subject.at)
