"""What two of the demo's organisations ask. Nothing of it is required, so that the API can be tried without."""

from collections.abc import Iterable
from typing import Any

from bookings.models import Question, QuestionKind
from experts.models import Organization

_ASKED: dict[str, list[dict[str, Any]]] = {
    "northgate-clinic": [
        {"label": "What brings you here?", "slug": "reason", "kind": QuestionKind.LONG_TEXT, "is_confidential": True},
        {
            "label": "Which side is it?",
            "slug": "side",
            "kind": QuestionKind.CHOICE,
            "choices": ["Left", "Right", "Both", "Neither"],
        },
        {"label": "When did it start?", "slug": "since", "kind": QuestionKind.DATE, "help": "A rough date is fine."},
        {
            "label": "I agree that Northgate Clinic keeps my answers",
            "slug": "record",
            "kind": QuestionKind.CONSENT,
            "wording": "in my treatment record, for eight years, as the law asks. I can have them sent to me at any "
            "time.",
        },
    ],
    "brightside-collective": [
        {
            "label": "What would you like to be different in three months?",
            "slug": "goal",
            "kind": QuestionKind.TEXT,
            "in_staff_mail": True,
        },
        {"label": "Have you worked with a coach before?", "slug": "before", "kind": QuestionKind.YES_NO},
    ],
}


def questions(organizations: Iterable[Organization]) -> list[Question]:
    """Return unsaved rows for the organisations that were made."""
    return [
        Question(organization=organization, position=position, **asked)
        for organization in organizations
        for position, asked in enumerate(_ASKED.get(organization.slug, ()))
    ]
