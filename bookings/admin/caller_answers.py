"""What an organisation asks whoever books, as staff ask a caller: part of quick booking."""

from django import forms
from django.http import QueryDict

from bookings.models import Question
from bookings.phones import example_phone
from bookings.question_fields import AsksQuestions, answers_as_typed, field_name
from bookings.selectors.times_for_staff import Pick
from experts.models import Organization


class CallerAnswers(AsksQuestions, forms.Form):
    """What is asked of whoever books what was picked, and what was typed. Staff may leave out any of it.

    ``kept``: (name, value) of what was typed for questions that are not asked now: another time may ask them again.
    """

    kept: list[tuple[str, str]]

    @classmethod
    def read(cls, data: QueryDict, organization: Organization | None, pick: Pick | None) -> "CallerAnswers":
        """Return what is asked with a pick: nothing without one. One query, none where nothing is asked."""
        form = cls(data)
        if organization is None or not organization.has_questions:
            form.kept = []
            return form
        every = list(Question.objects.filter(organization=organization, is_active=True))
        kinds = (None, pick.type_id) if pick is not None else ()
        asked = [question for question in every if question.session_type_id in kinds]
        form.ask(asked, example_phone([organization.timezone]))
        others = {field_name(question) for question in every if question not in asked}
        typed = answers_as_typed(data)
        form.kept = [(name, value) for name in typed if name in others for value in typed[name]]
        return form
