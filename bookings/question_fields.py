"""What an organisation asks, as fields of a form. They accept anything: ``services.check_answers`` has the say."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.forms import BoundField
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bookings.errors import InvalidDetails
from bookings.models import Answer, Question, QuestionKind
from bookings.phones import show_phone

NUMBER_WORDS = {
    2: gettext_lazy("Two"),
    3: gettext_lazy("Three"),
    4: gettext_lazy("Four"),
    5: gettext_lazy("Five"),
    6: gettext_lazy("Six"),
}
PREFIX = "answer-"  # static/js/details.js knows it
_MOST_TILES, _LONGEST_TILE = 4, 24
_SENT_YES_NO = {"yes": True, "no": False}


def field_name(question: Question) -> str:
    """By the key: what was typed for one organisation must never be taken for an answer to another's question."""
    return f"{PREFIX}{question.pk}"


def answers_as_typed(data: QueryDict) -> dict[str, list[str]]:
    """Return what was typed, not checked, for another form with the same questions."""
    return {name: data.getlist(name) for name in data if name.startswith(PREFIX)}


def answers_to_begin_with(answers: Iterable[Answer]) -> dict[str, list[str]]:
    """Return what was answered before, as ``answers_as_typed``."""
    return {field_name(answer.question): _as_typed(answer) for answer in answers if answer.question is not None}


def _as_typed(answer: Answer) -> list[str]:
    value = answer.value
    if answer.kind == QuestionKind.CONSENT:
        return [str(answer.version)] if value else []
    if answer.kind == QuestionKind.YES_NO:
        return ["yes" if value else "no"]
    if answer.kind == QuestionKind.PHONE:
        return [show_phone(value)]
    return value if isinstance(value, list) else [str(value)]


class _Field(forms.Field):
    """One text, whatever it is."""


class _ListField(forms.Field):
    """Several of several."""

    widget = forms.CheckboxSelectMultiple
    hidden_widget = forms.MultipleHiddenInput


@dataclass(frozen=True)
class Option:
    """A choice, as a tile."""

    value: str
    label: str
    id: str
    is_chosen: bool


@dataclass(frozen=True)
class AskedQuestion:
    """A question with its field, as templates show it. ``agreed``: the consent that was given, where it is changed."""

    question: Question
    field: BoundField
    agreed: Answer | None = None

    @property
    def look(self) -> str:
        """``tiles`` to choose one, ``boxes`` to tick some, ``select``, ``consent``, ``textarea`` or ``input``."""
        kind = self.question.kind
        if kind == QuestionKind.CHOICE:
            choices = self.question.choices
            return "tiles" if len(choices) <= _MOST_TILES and max(map(len, choices)) <= _LONGEST_TILE else "select"
        looks = {
            QuestionKind.LONG_TEXT: "textarea",
            QuestionKind.CHOICES: "boxes",
            QuestionKind.YES_NO: "tiles",
            QuestionKind.CONSENT: "consent",
        }
        return looks.get(QuestionKind(kind), "input")

    @property
    def focus_id(self) -> str:
        """Where an error leads to: the first choice, or the field."""
        return str(self.field.auto_id)

    @property
    def span(self) -> str:
        """The width of a field whose answers are short."""
        short = (QuestionKind.NUMBER, QuestionKind.DATE, QuestionKind.PHONE)
        return "is-short" if self.question.kind in short else ""

    @property
    def options(self) -> list[Option]:
        given = self.field.value() or []
        chosen = given if isinstance(given, list) else [given]
        if self.question.kind == QuestionKind.YES_NO:
            choices = [("yes", _("Yes")), ("no", _("No"))]
        else:
            choices = [(choice, choice) for choice in self.question.choices]
        if self.look == "tiles" and not self.question.is_required:
            choices.append(("", _("No answer")))  # what was chosen of tiles could not be taken back
        return [
            Option(value, label, f"{self.focus_id}-{number}" if number else self.focus_id, value in chosen)
            for number, (value, label) in enumerate(choices)
        ]

    @property
    def consent(self) -> Question | Answer:
        """What is agreed to: words, ``version`` and its time. What was agreed to before stays as it was read then."""
        return self.agreed if self.agreed is not None else self.question

    @property
    def is_ticked(self) -> bool:
        return str(self.field.value() or "") == str(self.consent.version)


class AsksQuestions(forms.BaseForm):
    """A form that asks what an organisation asks."""

    questions: Sequence[Question] = ()
    agreed: Mapping[int | None, Answer] = {}

    def ask(self, questions: Sequence[Question], phone_example: str = "") -> None:
        self.questions = questions
        for question in questions:
            name = field_name(question)
            self.fields[name] = _field(question, phone_example)
            given = self.initial.get(name)
            if isinstance(given, list) and question.kind != QuestionKind.CHOICES:
                self.initial[name] = given[0] if given else ""

    @property
    def asked_questions(self) -> list[AskedQuestion]:
        return [
            AskedQuestion(question, self[field_name(question)], self.agreed.get(question.pk))
            for question in self.questions
        ]

    @property
    def answer_fields(self) -> list[BoundField]:
        return [self[field_name(question)] for question in self.questions]

    @property
    def other_fields(self) -> list[BoundField]:
        names = {field_name(question) for question in self.questions}
        return [field for field in self if field.name not in names]

    def typed_answers(self) -> dict[str, Any]:
        """Return what was sent, by the slug of each question, for ``services.check_answers``."""
        typed = {}
        for question in self.questions:
            value = self[field_name(question)].value()
            if question.kind == QuestionKind.YES_NO:
                value = _SENT_YES_NO.get(value, value)
            if value not in (None, "", []):
                typed[question.slug] = value
        return typed

    def add_answer_refusal(self, refused: InvalidDetails) -> bool:
        """Add what is wrong with answers to their fields. Returns whether anything is."""
        names = {question.asked: field_name(question) for question in self.questions}
        wrong = [(names[name], messages) for name, messages in refused.fields.items() if name in names]
        for name, messages in wrong:
            self.add_error(name, messages)
        return bool(wrong)

    @property
    def answers_title(self) -> str:
        """``One answer is missing.``"""
        wrong = [asked.field for asked in self.asked_questions if asked.field.errors]
        if all(not field.value() for field in wrong):
            text = ngettext("One answer is missing.", "%(count)s answers are missing.", len(wrong))
        else:
            text = ngettext("One answer needs a fix.", "%(count)s answers need a fix.", len(wrong))
        return text % {"count": NUMBER_WORDS.get(len(wrong), len(wrong))}


def _field(question: Question, phone_example: str) -> forms.Field:
    about: dict[str, Any] = {"label": question.label, "required": False, "help_text": question.help}
    kind = QuestionKind(question.kind)
    if kind == QuestionKind.CHOICES:
        return _ListField(**about)
    return _Field(**about, widget=_widget(kind, question, phone_example))


def _widget(kind: QuestionKind, question: Question, phone_example: str) -> forms.Widget:
    if kind == QuestionKind.CHOICE:
        choices = [("", _("Choose one")), *((choice, choice) for choice in question.choices)]
        return forms.Select(choices=choices)
    if kind == QuestionKind.LONG_TEXT:
        return forms.Textarea(attrs={"rows": 3, "dir": "auto", "maxlength": 2000})
    attributes: dict[QuestionKind, dict[str, Any]] = {
        QuestionKind.TEXT: {"dir": "auto", "maxlength": 200, "autocomplete": "off"},
        QuestionKind.NUMBER: {"inputmode": "decimal", "autocomplete": "off"},
        QuestionKind.DATE: {"type": "date"},
        QuestionKind.PHONE: {"type": "tel", "inputmode": "tel", "autocomplete": "tel", "placeholder": phone_example},
    }
    return forms.TextInput(attrs=attributes.get(kind, {}))
