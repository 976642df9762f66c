"""What an organisation asks, as fields of a form of the admin. ``services.check_answers`` has the say about answers."""

from typing import Any

from django import forms
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from bookings.models import Answer, Booking, Question, QuestionKind
from bookings.question_fields import answers_to_begin_with, field_name
from experts.admin.hours import DayInput
from experts.models import SessionType

_MOST_WORDING = 400  # characters of a consent: all of it stands on the page of the question


def answer_field(question: Question, given: Answer | None, booking: Booking | None) -> forms.Field:
    """Return the field of a question, with what was answered; ``booking`` is None where one is made."""
    [typed] = answers_to_begin_with([given]).values() if given is not None and given.question else [[]]
    about: dict[str, Any] = {"label": question.label, "required": False, "help_text": _help(question, given, booking)}
    match question.kind:
        case QuestionKind.CHOICES:
            choices = [(choice, choice) for choice in dict.fromkeys([*question.choices, *typed])]
            widget = UnfoldAdminCheckboxSelectMultipleWidget
            return forms.MultipleChoiceField(choices=choices, initial=typed, widget=widget, **about)
        case QuestionKind.CONSENT:
            return forms.BooleanField(initial=bool(typed), widget=UnfoldBooleanWidget, **about)
        case QuestionKind.CHOICE:
            choices = [(choice, choice) for choice in dict.fromkeys([*question.choices, *typed])]
        case QuestionKind.YES_NO:
            choices = [("yes", _("Yes")), ("no", _("No"))]
        case _:
            widgets = {
                QuestionKind.LONG_TEXT: UnfoldAdminTextareaWidget(attrs={"rows": 3}),
                QuestionKind.DATE: DayInput,
            }
            widget = widgets.get(QuestionKind(question.kind), UnfoldAdminTextInputWidget)
            return forms.CharField(initial="".join(typed), widget=widget, **about)
    widget = UnfoldAdminSelectWidget
    return forms.ChoiceField(choices=[("", "–"), *choices], initial="".join(typed), widget=widget, **about)


def answers_typed(form: forms.BaseForm, session_type: SessionType | None = None) -> dict[str, Any]:
    """Return what was filled in, by the slug of each question, for the services.

    Without a booking that exists, of the questions that are asked with ``session_type``.
    """
    typed: dict[str, Any] = {}
    kinds = {None, session_type.pk if session_type else None}
    for question in form.questions:
        if form.instance._state.adding and question.session_type_id not in kinds:
            continue
        value = form.cleaned_data[field_name(question)]
        if question.kind == QuestionKind.YES_NO:
            value = {"yes": True, "no": False}.get(value, value)
        elif question.kind == QuestionKind.CONSENT and value:
            given = form.given.get(question.pk)
            value = (given if given is not None and given.value else question).version
        elif question.kind == QuestionKind.CONSENT:
            value = None
        if value not in ("", None, []):
            typed[question.slug] = value
    return typed


def _help(question: Question, given: Answer | None, booking: Booking | None) -> str:
    parts = [question.help]
    if question.kind == QuestionKind.CONSENT:
        wording = given.wording if given is not None and given.value else question.wording
        parts.insert(0, Truncator(wording).chars(_MOST_WORDING))
    if booking is None and question.session_type is not None:
        parts.append(_("Asked with %(type)s.") % {"type": question.session_type})
    if booking is not None and given is None and question.is_required:
        parts.append(_("Not answered, required"))
    return " ".join(part for part in parts if part)
