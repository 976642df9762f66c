"""What organisations of one kind usually ask: the questions that come with an example of session types.

None is required, so that nobody is kept from booking by what an example asks.
"""

from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from bookings.models import QuestionKind


@dataclass(frozen=True)
class ExampleQuestion:
    """A question: with every booking, or with the type at that place of the set. ``values``: of its other fields."""

    label: Promise
    kind: QuestionKind
    of_type: int | None = None
    choices: tuple[Promise, ...] = ()
    values: dict[str, Any] = field(default_factory=dict)


# By the slug of the set (experts/example_types.py).
EXAMPLE_QUESTIONS: dict[str, tuple[ExampleQuestion, ...]] = {
    "clinic": (
        ExampleQuestion(_("What brings you here?"), QuestionKind.LONG_TEXT, values={"is_confidential": True}),
        ExampleQuestion(
            _("When did it start?"), QuestionKind.DATE, of_type=0, values={"help": _("A rough date is fine.")}
        ),
        ExampleQuestion(
            _("I agree that you keep my answers"),
            QuestionKind.CONSENT,
            values={"wording": _("in my treatment record, as long as the law asks. I can have them sent to me.")},
        ),
    ),
    "coaching": (
        ExampleQuestion(
            _("What would you like to be different in three months?"),
            QuestionKind.LONG_TEXT,
            values={"in_staff_mail": True},
        ),
        ExampleQuestion(_("Have you worked with a coach before?"), QuestionKind.YES_NO, of_type=0),
    ),
    "language-school": (
        ExampleQuestion(
            _("How much do you speak already?"),
            QuestionKind.CHOICE,
            choices=(_("Nothing yet"), _("A little"), _("Well"), _("Fluently")),
            values={"in_staff_mail": True},
        ),
        ExampleQuestion(_("What do you learn it for?"), QuestionKind.TEXT, of_type=0),
    ),
}
