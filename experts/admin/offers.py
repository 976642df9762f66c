"""Who offers which session type, as a list to tick: on the type's page its experts, on the expert's page the types."""

from django import forms
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.admin import TabularInline
from unfold.decorators import display
from unfold.widgets import UnfoldBooleanWidget

from experts.admin.base import SeatsForm
from experts.admin.scoping import Scoped
from experts.models import Expert, OfferedType, SessionType, WeeklyHours
from experts.scheduling.type_fit import Fit, fit_into_hours

MOST_LISTED = 200  # experts on a type's page; of an organisation with more, the others tick it on their own


class OfferForm(SeatsForm):
    """A line of the list: ticked is offered. Minutes and price that are left empty are the type's."""

    offers = forms.BooleanField(label=gettext_lazy("Offers it"), required=False, widget=UnfoldBooleanWidget)

    class Meta:
        model = OfferedType
        fields = ("minutes", "price_amount", "price_words")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.instance.pk and "offers" in self.fields:
            self.initial["offers"] = True

    def clean(self):
        values = super().clean()
        if not values.get("offers") and self._own_terms(values) and not self.instance.pk:
            self.add_error("offers", _("Tick it, too, or leave minutes and price empty."))
        return values

    def _own_terms(self, values) -> bool:
        return any(values.get(name) not in (None, "") for name in ("minutes", "price_amount", "price_words"))


class OfferFormSet(forms.BaseInlineFormSet):
    """A line for each that is there to be ticked, in order, after those that are ticked."""

    other = ""  # the side of the offer that the page is not about
    may_change = False

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        offered = set(self.get_queryset().values_list(f"{self.other}_id", flat=True)) if self.instance.pk else set()
        self.candidates = [row for row in self._to_choose() if row.pk not in offered]
        self.extra = len(self.candidates)
        self.max_num = self.extra + len(offered)
        self.initial_extra = [{self.other: row.pk} for row in self.candidates]

    def get_queryset(self):
        rows = super().get_queryset()
        return rows if rows._result_cache is not None else rows.select_related("expert", "session_type")

    def add_fields(self, form, index):
        super().add_fields(form, index)
        rows = Expert.objects if self.other == "expert" else SessionType.objects
        form.fields[self.other] = forms.ModelChoiceField(
            rows.filter(organization=self.instance.organization_id), widget=forms.HiddenInput
        )
        place = None if index is None else index - self.initial_form_count()
        if place is not None and 0 <= place < len(self.candidates):
            setattr(form.instance, self.other, self.candidates[place])
        elif form.instance.pk:
            form.initial[self.other] = getattr(form.instance, f"{self.other}_id")

    def validate_unique(self):
        """An offer that somebody else has made meanwhile is written over."""

    def offered(self) -> list[OfferedType]:
        """What is ticked, where something about it is new."""
        return [form.instance for form in self.forms if form.has_changed() and form.cleaned_data.get("offers")]

    def withdrawn(self) -> list[int]:
        """The keys of those on the other side of which nothing is ticked any more."""
        unticked = [form for form in self.initial_forms if form.cleaned_data.get("offers") is False]
        return [getattr(form.instance, f"{self.other}_id") for form in unticked]


class OfferingExperts(OfferFormSet):
    other = "expert"

    def _to_choose(self):
        return Expert.objects.filter(organization=self.instance.organization_id, is_active=True).order_by("name", "pk")[
            :MOST_LISTED
        ]


class TypesOffered(OfferFormSet):
    other = "session_type"

    def _to_choose(self):
        return SessionType.objects.filter(organization=self.instance.organization_id).active()


class OfferInline(Scoped, TabularInline):
    model = OfferedType
    form = OfferForm
    organization_path = "expert__organization_id"
    person_path = "expert__user_id"
    can_delete = False
    hide_title = True

    def get_formset(self, request, obj=None, **kwargs):
        self._hours = None
        self._about = obj
        formset = super().get_formset(request, obj, **kwargs)
        formset.may_change = self.has_change_permission(request, obj)
        return formset

    @display(description=gettext_lazy("offers it"), boolean=True)
    def offers(self, offer):
        return True

    @display(description=gettext_lazy("in their hours"))
    def fits(self, offer):
        """How sessions fit into the weekly hours; of what is not offered only that they never would."""
        if not (offer.expert_id and offer.session_type_id):
            return ""
        fit = fit_into_hours(self._hours_of(offer), offer.session_type_id, offer.terms)
        never = fit is not None and fit.never
        if not (offer.pk or never):
            return ""
        colour = "eb-problem" if never and offer.pk else "eb-late" if fit and fit.wastes else "eb-muted"
        return format_html('<span class="{}">{}</span>', colour, fit_in_words(fit))

    def _hours_of(self, offer: OfferedType) -> list[WeeklyHours]:
        if self._hours is None:
            self._hours = {}
            about = self._about
            experts = (
                {"expert": about} if isinstance(about, Expert) else {"expert__organization": about.organization_id}
            )
            for row in WeeklyHours.objects.filter(**experts):
                self._hours.setdefault(row.expert_id, []).append(row)
        return self._hours.get(offer.expert_id, [])


class ExpertsOfferingInline(OfferInline):
    formset = OfferingExperts
    verbose_name_plural = gettext_lazy("Who offers it. Minutes and price that are left empty are the type’s.")
    fields = ("expert", "expert_name", "offers", "minutes", "price_amount", "price_words", "fits")
    readonly_fields = ("expert_name", "fits")

    @display(description=gettext_lazy("expert"))
    def expert_name(self, offer):
        return offer.expert.name if offer.expert_id else ""


class TypesOfferedInline(OfferInline):
    formset = TypesOffered
    verbose_name_plural = gettext_lazy("What people can book. Minutes and price that are left empty are the type’s.")
    fields = ("session_type", "type_name", "offers", "minutes", "price_amount", "price_words", "fits")
    readonly_fields = ("type_name", "fits")

    @display(description=gettext_lazy("session type"))
    def type_name(self, offer):
        if not offer.session_type_id:
            return ""
        kind = offer.session_type
        facts = [_("%(minutes)d min") % {"minutes": kind.minutes}, OfferedType(session_type=kind).price]
        if not kind.is_active:
            facts.append(_("retired"))
        return format_html("{}<small>{}</small>", kind.name, " · ".join(fact for fact in facts if fact))


def fit_in_words(fit: Fit | None) -> str:
    """How a session fits, and what to change where it does badly."""
    if fit is None:
        return _("No weekly hours yet.")
    if fit.never and fit.gap and fit.need > fit.longest:
        return _(
            "Never fits: it needs %(need)d min in a row, and the hours leave %(gap)d min between slots. Set their "
            "buffer to 0, and keep minutes free before or after the type instead."
        ) % {"need": fit.need, "gap": fit.gap}
    if fit.never and fit.need > fit.longest:
        return _("Never fits: it needs %(need)d min in a row, and the longest stretch has %(longest)d.") % {
            "need": fit.need,
            "longest": fit.longest,
        }
    if fit.never:
        return _("Never fits: these hours are for other types, or have breaks at the wrong times.")
    takes = ngettext("Takes %(count)d slot", "Takes %(count)d slots", fit.slots) % {"count": fit.slots}
    if not fit.wastes:
        return _("%(takes)s.") % {"takes": takes}
    words = _("%(takes)s of %(taken)d min for %(need)d: %(lost)d min are lost.") % {
        "takes": takes,
        "taken": fit.taken,
        "need": fit.need,
        "lost": fit.lost,
    }
    if not fit.better:
        return words
    return _("%(words)s Slots of %(better)d min would lose none.") % {"words": words, "better": fit.better}
