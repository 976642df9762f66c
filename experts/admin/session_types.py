"""Session types in the admin: what they are, who offers them, how visitors see them."""

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.forms.widgets import Script
from django.http import Http404, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget

from experts import services
from experts.addresses import absolute_url
from experts.admin.base import ServiceAdmin, label, read_key, without_menu
from experts.admin.offers import ExpertsOfferingInline
from experts.admin.policy import PolicyForm
from experts.admin.preview import WithPreview
from experts.admin.scoping import WithinReach, only_organization, reach
from experts.errors import Refused
from experts.example_types import EXAMPLE_SETS, find_example_set
from experts.models import Audience, Expert, OfferedType, Organization, SessionType
from experts.permissions import ADD

MOST_STARTED = 5  # organisations without types that the list offers to start
_RULES = ("requires_approval", "min_notice", "horizon_days", "cancel_until")
_COPIED = (
    "name",
    "description",
    "minutes",
    "buffer_before",
    "buffer_after",
    "price_amount",
    "price_currency",
    "price_words",
    "venue",
    "venue_note",
    "experts_needed",
    "is_group",
    "max_party",
    "audience",
    "colour",
    *_RULES,
)
_HELP = {
    "slug": gettext_lazy("Left empty, it is made of the name; with the link only, it is one that nobody guesses."),
    "description": gettext_lazy("A sentence or two that help to choose."),
    "minutes": gettext_lazy("As long as people are there."),
    "buffer_before": gettext_lazy("For preparing. Nobody can book them."),
    "buffer_after": gettext_lazy("For notes and airing. Nobody can book them."),
    "price_amount": gettext_lazy("As it is shown. Nothing is charged."),
    "price_currency": gettext_lazy("Three letters, such as EUR."),
    "price_words": gettext_lazy("Shown instead of the amount: “Free”, “By insurance”."),
    "venue": gettext_lazy("Left empty, it is the expert’s."),
    "venue_note": gettext_lazy(
        "In person: the address. By phone or video: who calls whom, or the link to join, which those who booked are "
        "told. {reference} and {secret} in a link make one for each booking."
    ),
    "experts_needed": gettext_lazy(
        "One booking takes the time of two. It is booked on the page of the session type, where we find who is free."
    ),
    "is_group": gettext_lazy("Several people share a session, as many as its slots have seats."),
    "is_active": gettext_lazy("Nobody can choose a type that is not. Its bookings stay."),
}


class SessionTypeForm(PolicyForm):
    class Meta:
        model = SessionType
        fields = ("organization", "slug", "is_active", *_COPIED)
        help_texts = _HELP

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name in {"slug", "experts_needed"} & self.fields.keys():
            self.fields[name].required = False

    def clean(self):
        values = super().clean()
        if values.get("price_amount") is not None and not values.get("price_currency"):
            self.add_error("price_currency", _("In which currency?"))
        was_listed = self.instance.pk and "audience" in self.changed_data
        if was_listed and values.get("audience") == Audience.LINK and "slug" not in self.changed_data:
            values["slug"] = ""  # everybody could see the address that it had
        return values

    def clean_experts_needed(self):
        return self.cleaned_data["experts_needed"] or self.instance.experts_needed

    def clean_price_currency(self):
        code = self.cleaned_data["price_currency"].strip().upper()
        if code and not (len(code) == 3 and code.isascii() and code.isalpha()):
            raise forms.ValidationError(_("Three letters, such as EUR."))
        return code

    def _get_validation_exclusions(self):
        """An empty address is filled in by the service, which also knows whether another one is taken."""
        return super()._get_validation_exclusions() | {"slug"}

    def fields_changed(self) -> set[str]:
        """The names of what is to be written."""
        changed = set(self.changed_data)
        return changed | {"slug"} if "audience" in changed and not self.cleaned_data["slug"] else changed


class AddSessionTypeForm(SessionTypeForm):
    offered_by = forms.ChoiceField(
        label=gettext_lazy("Who offers it"),
        choices=[("all", gettext_lazy("All experts")), ("", gettext_lazy("Nobody yet"))],
        required=False,
        initial="all",
        help_text=gettext_lazy("Tick one by one on the next page."),
        widget=UnfoldAdminSelectWidget,
    )

    def first_offers(self) -> list[OfferedType]:
        if self.cleaned_data["offered_by"] != "all":
            return []
        experts = Expert.objects.filter(organization=self.cleaned_data["organization"], is_active=True)
        return [OfferedType(expert=expert) for expert in experts.order_by("pk")]


@admin.register(SessionType)
class SessionTypeAdmin(WithPreview, ServiceAdmin):
    form = SessionTypeForm
    inlines = (ExpertsOfferingInline,)
    organization_path = "organization_id"
    has_events = True

    class Media:
        js = (Script("js/admin-session-types.js", type="module"),)

    list_before_template = "admin/session_type_examples.html"
    change_form_outer_before_template = "admin/session_type_card.html"
    list_display = ("order", "shown_name", "length", "price", "place", "audience", "state", "organization")
    list_display_links = ("shown_name",)
    list_select_related = ("organization",)
    list_filter = ("is_active", ("organization", WithinReach))
    search_fields = ("name", "description")
    search_help_text = gettext_lazy("Name or description")
    ordering = ("organization__name", "organization", "position", "name", "id")
    sortable_by = ()
    autocomplete_fields = ("organization",)
    actions_detail = ("copy",)
    fieldsets = (
        (
            gettext_lazy("What it is"),
            {"fields": ("organization", "name", "description", ("slug", "colour"), "is_active")},
        ),
        (gettext_lazy("Time"), {"fields": ("minutes", ("buffer_before", "buffer_after"))}),
        (gettext_lazy("Price"), {"fields": (("price_amount", "price_currency"), "price_words")}),
        (gettext_lazy("Place"), {"fields": ("venue", "venue_note")}),
        (gettext_lazy("Who may book"), {"fields": ("audience", ("is_group", "max_party"))}),
        (gettext_lazy("With whom"), {"fields": ("experts_needed",)}),
        (
            gettext_lazy("Rules of its own"),
            {
                "fields": (_RULES[:2], _RULES[2:]),
                "description": gettext_lazy("Whatever is left empty follows the expert and the organisation."),
            },
        ),
    )

    # Forms

    def get_form(self, request, obj=None, change=False, **kwargs):
        return super().get_form(request, obj, change, **kwargs | ({} if obj else {"form": AddSessionTypeForm}))

    def get_fieldsets(self, request, obj=None):
        fieldsets = super().get_fieldsets(request, obj)
        return fieldsets if obj else (*fieldsets, (_("Who offers it"), {"fields": ("offered_by",)}))

    def get_readonly_fields(self, request, obj=None):
        return ("organization",) if obj else ()

    def get_inlines(self, request, obj):
        """Experts once there is a type to offer. A form that was sent without them leaves them as they are."""
        sent_without = request.method == "POST" and "offers-TOTAL_FORMS" not in request.POST
        return () if obj is None or sent_without else super().get_inlines(request, obj)

    def get_changeform_initial_data(self, request):
        """With one organisation, that one; of a copy, all but the address."""
        initial = only_organization(request) | super().get_changeform_initial_data(request)
        key = request.GET.get("copy", "")
        if key.isascii() and key.isdecimal() and len(key) < 19 and (kind := self.get_object(request, key)):
            initial |= {name: getattr(kind, name) for name in _COPIED} | {"organization": kind.organization_id}
        return initial

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "requires_approval":
            field.widget.choices = [("unknown", _("As the expert")), ("true", _("Yes")), ("false", _("No"))]
        if db_field.name == "description":
            field.widget.attrs["rows"] = 3
        if db_field.name == "venue":
            field.choices = [("", _("As the expert")), *db_field.flatchoices]
        if db_field.name == "colour":
            field.choices = [("", _("As the organisation")), *db_field.flatchoices]
        if db_field.name == "organization" and only_organization(request):
            field.widget = forms.HiddenInput()  # there is nothing to choose
        return without_menu(field) if db_field.name == "organization" else field

    def card_view(self, request, object_id):
        """Answer with how visitors would see what is typed. Saves nothing."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        kind = self.get_object(request, str(object_id))
        if kind is None:
            raise Http404
        if not self.has_change_permission(request, kind):
            raise PermissionDenied
        form = self.get_form(request, kind, change=True)(request.POST, instance=kind)
        form.is_valid()
        for name, value in form.cleaned_data.items():
            if name in _COPIED or name == "is_active":
                setattr(kind, name, value)
        return TemplateResponse(request, "admin/session_type_card.html", self._card(kind))

    def render_change_form(self, request, context, add=False, change=False, form_url="", obj=None):
        if obj is not None:
            context |= self._card(obj)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def _card(self, obj) -> dict:
        """What templates/admin/session_type_card.html shows."""
        offers = list(obj.offers.filter(expert__is_active=True).select_related("expert").order_by("expert__name")[:6])
        address = absolute_url("organization", obj.organization.slug)
        return {
            "session_type": obj,
            "price": OfferedType(session_type=obj).price,
            "link": f"{address}?type={obj.slug}",
            "offers": offers[:5],
            "has_more_offers": len(offers) > 5,
        }

    @action(description=gettext_lazy("Copy"), icon="content_copy", permissions=["copy"])
    def copy(self, request, object_id):
        return HttpResponseRedirect(f"{reverse('admin:experts_sessiontype_add')}?copy={object_id}")

    def has_copy_permission(self, request, object_id=None):
        return self.has_add_permission(request)

    def response_add(self, request, obj, post_url_continue=None):
        """On to the type's own page: that is where one sees it as visitors do, and who offers it."""
        if "_addanother" not in request.POST:
            request.POST = request.POST.copy()
            request.POST["_continue"] = "1"
        return super().response_add(request, obj, post_url_continue)

    def get_list_display(self, request):
        """Without the organisation where there is only one."""
        names = super().get_list_display(request)
        return [name for name in names if name != "organization"] if only_organization(request) else names

    # Columns

    @display(description=gettext_lazy("order"))
    def order(self, kind):
        """Two buttons of the list's own form, so that they work without scripts."""
        url = reverse("admin:experts_sessiontype_move", args=[kind.pk])
        buttons = [("up", "↑", _("Move %(name)s up")), ("down", "↓", _("Move %(name)s down"))]
        return format_html(
            '<span class="eb-order" id="type-{}" data-order="{}" data-among="{}" data-name="{}">{}{}</span>',
            kind.pk,
            url,
            kind.organization_id,
            kind.name,
            *(
                format_html(
                    '<button type="submit" name="way" value="{}" formaction="{}" aria-label="{}">{}</button>',
                    way,
                    url,
                    words % {"name": kind.name},
                    sign,
                )
                for way, sign, words in buttons
            ),
        )

    @display(description=gettext_lazy("name"), ordering="name")
    def shown_name(self, kind):
        return kind.name

    @display(description=gettext_lazy("length"))
    def length(self, kind):
        words = _("%(minutes)d min") % {"minutes": kind.minutes}
        if kind.experts_needed == 2:
            words = _("%(length)s, two experts together") % {"length": words}
        if free := kind.buffer_before + kind.buffer_after:
            return _("%(length)s, %(free)d kept free") % {"length": words, "free": free}
        return words

    @display(description=gettext_lazy("price"))
    def price(self, kind):
        return OfferedType(session_type=kind).price or "–"

    @display(description=gettext_lazy("place"))
    def place(self, kind):
        return kind.get_venue_display() if kind.venue else _("As the expert")

    @display(description=gettext_lazy("status"))
    def state(self, kind):
        return label(_("Active"), "success") if kind.is_active else label(_("Retired"), "default")

    # The list: order, and examples to start from

    def get_urls(self):
        own = [
            path("<int:object_id>/card/", self.admin_site.admin_view(self.card_view), name="experts_sessiontype_card"),
            path("example/", self.admin_site.admin_view(self.example_view), name="experts_sessiontype_example"),
            path("<path:object_id>/move/", self.admin_site.admin_view(self.move_view), name="experts_sessiontype_move"),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(self, request, extra_context=None):
        """With what to start from, for organisations that have no type yet."""
        without = self._startable(request, Organization.objects.filter(session_types=None, is_active=True))
        examples = {"examples": EXAMPLE_SETS, "starting": list(without.order_by("name", "pk")[:MOST_STARTED])}
        return super().changelist_view(request, examples | (extra_context or {}))

    def _startable(self, request, organizations):
        """Those of the organisations in which they may add types."""
        mine = reach(request)
        if mine.everything:
            return organizations
        return organizations.filter(pk__in=mine.with_right(self.opts.label_lower, ADD)[0])

    def move_view(self, request, object_id):
        """Move a type by one place; back to the list, where it is now."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        kind = self.get_object(request, object_id)
        if kind is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_change_permission(request, kind):
            raise PermissionDenied
        onto = read_key(request.POST.get("onto", ""))
        places = 0 if onto else -1 if request.POST.get("way") == "up" else 1
        dragged = bool(request.headers.get("HX-Request"))  # the script has moved the row already
        try:
            services.move_session_type(session_type_id=kind.pk, places=places, onto=onto or None)
        except Refused as refusal:
            if dragged:
                return HttpResponse(str(refusal), status=refusal.status, content_type="text/plain; charset=utf-8")
            self.message_user(request, str(refusal), messages.ERROR)
        if dragged:
            return HttpResponse(status=204)
        return HttpResponseRedirect(f"{reverse('admin:experts_sessiontype_changelist')}#type-{kind.pk}")

    def example_view(self, request):
        """Give an organisation without types those of an example."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_add_permission(request):
            raise PermissionDenied
        key = request.POST.get("organization", "")
        key = key if key.isascii() and key.isdecimal() and len(key) < 19 else "0"
        organization = self._startable(request, Organization.objects.filter(pk=key)).first()
        example = find_example_set(request.POST.get("example", ""))
        if organization is None or example is None:
            self.message_user(request, _("Choose an example."), messages.ERROR)
        else:
            try:
                made = services.add_example_types(organization=organization, example=example)
            except Refused as refusal:
                self.message_user(request, str(refusal), messages.ERROR)
            else:
                text = _("%(names)s. Change them as you like, and say who offers them.")
                names = ", ".join(kind.name for kind in made)
                self.message_user(request, text % {"names": names}, messages.SUCCESS)
                organization.refresh_from_db(fields=["has_questions"])
                if organization.has_questions:
                    text = _("Whoever books is asked what is usually asked. Nothing of it is required: see Questions.")
                    self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:experts_sessiontype_changelist"))

    # Writes

    def save_model(self, request, obj, form, change):
        if not change:
            seen = request.POST.get("_seen_types", "")
            services.save_session_type(session_type=obj, offered=form.first_offers(), seen=seen)

    def save_related(self, request, form, formsets, change):
        if not change:
            return
        offered, withdrawn = [], []
        for formset in formsets:
            formset.save(commit=False)  # tells the log what changed
            if formset.may_change:
                offered, withdrawn = formset.offered(), formset.withdrawn()
        services.save_session_type(
            session_type=form.instance,
            fields=form.fields_changed(),
            offered=offered,
            withdrawn=withdrawn,
            seen=request.POST.get("_seen_types", ""),
        )

    def delete_model(self, request, obj):
        services.delete_session_type(session_type_id=obj.pk)

    def view_on_site(self, obj):
        return f"{reverse('organization', args=[obj.organization.slug])}?type={obj.slug}" if obj.is_active else None
