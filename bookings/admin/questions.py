"""Questions and consents in the admin: what people who book are asked, in which order, and who reads the answers."""

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from bookings import services
from bookings.errors import Refused
from bookings.models import Question, QuestionKind
from bookings.models.question import MOST_CHOICES, WITH_CHOICES
from experts.admin.base import ServiceAdmin, ServiceForm, instant, label, without_menu
from experts.admin.scoping import WithinReach, only_organization, reach
from experts.models import SessionType
from experts.permissions import CHANGE

_EARLIER, _LATER = -1, 1


class LinesField(forms.CharField):
    """Texts, one on each line."""

    widget = UnfoldAdminTextareaWidget

    def prepare_value(self, value):
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value) -> list[str]:
        return [line.strip() for line in super().to_python(value).splitlines() if line.strip()]

    def has_changed(self, initial, data) -> bool:
        return (initial or []) != self.to_python(data)


class QuestionForm(ServiceForm):
    choices = LinesField(
        label=gettext_lazy("Choices"),
        required=False,
        help_text=gettext_lazy(
            "One on each line, for the kinds with choices. Up to four short ones are shown as tiles."
        ),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
    )

    class Meta:
        model = Question
        fields = (
            "organization",
            "session_type",
            "kind",
            "label",
            "help",
            "choices",
            "wording",
            "is_required",
            "missing_text",
            "is_active",
            "shown_to_customer",
            "is_confidential",
            "in_staff_mail",
            "in_webhooks",
            "slug",
        )
        help_texts = {
            "session_type": gettext_lazy("Empty: asked with every booking."),
            "label": gettext_lazy("What people read. Of a consent its first words: “I agree that …”"),
            "help": gettext_lazy("A line below the field."),
            "wording": gettext_lazy(
                "The rest of what a consent says. Each change of its words is another version; whoever agreed before "
                "has agreed to the words of then."
            ),
            "is_required": gettext_lazy("Nobody books online without it. Staff may."),
            "missing_text": gettext_lazy("Why it is needed, such as “Choose one, so the right room is ready.”"),
            "is_active": gettext_lazy("Otherwise it is not asked any more. Answers stay readable."),
            "is_confidential": gettext_lazy("The expert and owners read it."),
            "in_webhooks": gettext_lazy("Only for webhooks that are told who books."),
            "slug": gettext_lazy("By which the API calls it. Empty: made of the question. It cannot be changed later."),
        }

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if "slug" in self.fields:
            self.fields["slug"].required = False

    def clean(self):
        cleaned = super().clean()
        kind, choices = cleaned.get("kind") or self.instance.kind, cleaned.get("choices") or []
        if "choices" in self.fields and kind in WITH_CHOICES and not 2 <= len(choices) <= MOST_CHOICES:
            self.add_error("choices", _("Give 2 to %(most)d choices.") % {"most": MOST_CHOICES})
        if kind == QuestionKind.CONSENT and not cleaned.get("wording"):
            self.add_error("wording", _("Write what the consent says."))
        return cleaned


@admin.register(Question)
class QuestionAdmin(ServiceAdmin):
    """In the order in which they are asked; the buttons of a row change it."""

    form = QuestionForm
    organization_path = "organization_id"
    has_events = True
    list_display = ("label", "kind", "about", "required", "state", "order")
    list_select_related = ("organization", "session_type")
    list_filter = (("kind", ChoicesDropdownFilter), ("organization", WithinReach), "is_active")
    search_fields = ("label", "slug")
    search_help_text = gettext_lazy("Question or name for programs")
    ordering = ("organization", "position", "id")
    sortable_by = ()
    autocomplete_fields = ("organization",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "organization",
                    "session_type",
                    "kind",
                    "label",
                    "help",
                    "choices",
                    "wording",
                    "worded",
                    "is_required",
                    "missing_text",
                    "is_active",
                )
            },
        ),
        (
            gettext_lazy("Who reads the answer"),
            {
                "fields": ("shown_to_customer", "is_confidential", "in_staff_mail", "in_webhooks"),
                "description": gettext_lazy(
                    "Staff of the organisation read it on the booking’s page, where each reading is logged."
                ),
            },
        ),
        (gettext_lazy("For programs"), {"fields": ("slug",)}),
    )

    def get_fieldsets(self, request, obj=None):
        """Without what another kind of answer needs, once the kind is chosen."""
        if obj is None:
            return super().get_fieldsets(request, obj)
        idle = set() if obj.kind in WITH_CHOICES else {"choices"}
        if obj.kind != QuestionKind.CONSENT:
            idle |= {"wording", "worded"}
        return [
            (title, options | {"fields": tuple(name for name in options["fields"] if name not in idle)})
            for title, options in super().get_fieldsets(request, obj)
        ]

    def get_readonly_fields(self, request, obj=None):
        return ("organization", "kind", "slug", "worded") if obj else ("worded",)

    def get_changeform_initial_data(self, request):
        return only_organization(request)

    def choices_within(self, request, db_field, rows):
        """Types of organisations whose questions they may change, who may see no page of types."""
        if db_field.name != "session_type" or reach(request).everything:
            return super().choices_within(request, db_field, rows)
        return rows.filter(organization__in=reach(request).with_right(self.opts.label_lower, CHANGE)[0])

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        if db_field.name == "session_type":
            kwargs["queryset"] = SessionType.objects.all()
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        return without_menu(field) if db_field.name in ("organization", "session_type") else field

    def reason_to_keep(self, obj):
        return _("It has answers. Make it inactive instead.") if obj.answers.exists() else ""

    # Columns

    @display(description=gettext_lazy("asked with"))
    def about(self, question):
        return question.session_type or _("Every booking")

    @display(description=gettext_lazy("required"))
    def required(self, question):
        return _("Required") if question.is_required else _("Optional")

    @display(description=gettext_lazy("status"))
    def state(self, question):
        return label(_("Asked"), "success") if question.is_active else label(_("Not asked"), "default")

    @display(description=gettext_lazy("order"))
    def order(self, question):
        button = (
            '<button class="eb-move" name="_move" value="{}:{}" title="{}" aria-label="{}">'
            '<span class="material-symbols-outlined" aria-hidden="true">{}</span></button>'
        )
        earlier, later = (
            format_html(button, question.pk, by, text, f"{text}: {question.label}", icon)
            for by, text, icon in (
                (_EARLIER, _("Ask earlier"), "arrow_upward"),
                (_LATER, _("Ask later"), "arrow_downward"),
            )
        )
        return format_html("{}{}", earlier, later)

    @display(description=gettext_lazy("version of the wording"))
    def worded(self, question):
        if question.kind != QuestionKind.CONSENT or question.pk is None:
            return None
        return f"{question.version}, {instant(question.worded_at)}"

    # Writes

    def save_model(self, request, obj, form, change):
        services.save_question(question=obj, fields=self.changed_fields(form) if change else None)

    def delete_model(self, request, obj):
        services.delete_question(question_id=obj.pk)

    def changelist_view(self, request, extra_context=None):
        if request.method == "POST" and "_move" in request.POST:
            key, _colon, by = request.POST["_move"].partition(":")
            question = self.get_object(request, key)
            if question is None or not self.has_change_permission(request, question):
                raise PermissionDenied
            try:
                services.move_question(question_id=question.pk, by=_EARLIER if by == str(_EARLIER) else _LATER)
            except Refused as refusal:
                self.message_user(request, str(refusal), "error")
            return HttpResponseRedirect(request.get_full_path())
        return super().changelist_view(request, extra_context)
