"""Write what an organisation asks people who book."""

from collections.abc import Collection, Sequence

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Max
from django.db.models.functions import Now
from django.utils.functional import Promise
from django.utils.text import slugify
from django.utils.translation import gettext as _

from bookings.errors import InvalidDetails, NotAllowed, NotFound
from bookings.example_questions import EXAMPLE_QUESTIONS
from bookings.models import Question, QuestionKind
from bookings.models.question import HAS_QUESTIONS, WITH_CHOICES
from experts.locking import slot_transaction
from experts.models import Organization, SessionType

_FIXED = ("organization_id", "kind", "slug")
# The trigger on Organization lets has_questions through from other triggers only (as bookings/services/counters.py).
_BEGIN = (
    "CREATE TEMP TABLE asking (organization_id bigint) ON COMMIT DROP",
    "CREATE FUNCTION pg_temp.mend_has_questions() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    f" UPDATE experts_organization AS it SET has_questions = {HAS_QUESTIONS} WHERE id = NEW.organization_id;"
    " RETURN NULL; END $$",
    "CREATE TRIGGER mends AFTER INSERT ON asking FOR EACH ROW EXECUTE FUNCTION pg_temp.mend_has_questions()",
)
_END = ("DROP TABLE asking", "DROP FUNCTION pg_temp.mend_has_questions()")
_WRONG = f"SELECT id FROM experts_organization AS it WHERE has_questions <> {HAS_QUESTIONS} ORDER BY id"


def save_question(*, question: Question, fields: Collection[str] | None = None) -> Question:
    """Save a question, new or changed: a new one is asked last. Each change of a consent's words is another version.

    ``fields``: names of those that were changed; without it all are written. What was answered stays as it was asked.
    Organisation, kind and name cannot be changed. Raises InvalidDetails, Busy.
    """
    question.label, question.wording = question.label.strip(), question.wording.strip().replace("\r\n", "\n")
    if question.kind not in WITH_CHOICES:
        question.choices = []
    if question.kind != QuestionKind.CONSENT:
        question.wording = ""
    with slot_transaction():
        _lock(question.organization_id)
        old = Question.objects.filter(pk=question.pk).first() if question.pk else None
        if old is None:
            question.slug = question.slug or _new_slug(question)
            last = Question.objects.filter(organization=question.organization_id).aggregate(last=Max("position"))[
                "last"
            ]
            question.position = 0 if last is None else last + 1
        else:
            kept = set() if fields is None else {field.name for field in Question._meta.concrete_fields} - set(fields)
            for name in (*_FIXED, *kept):
                setattr(question, name, getattr(old, name))
            question.position, question.version, question.worded_at = old.position, old.version, old.worded_at
            if question.kind == QuestionKind.CONSENT and _words(question) != _words(old):
                question.version = old.version + 1
                question.worded_at = Now()
        _check(question)
        question.save()
    return question


def add_example_questions(*, organization: Organization, example: str, types: Sequence[SessionType]) -> list[Question]:
    """Add what comes with an example (its slug) to an organisation that asks nothing, in the language that is active.

    ``types`` are those of the example, in its order. Raises Busy.
    """
    with slot_transaction():
        _lock(organization.pk)
        if Question.objects.filter(organization=organization).exists():
            return []
        return [
            save_question(
                question=Question(
                    organization=organization,
                    session_type=None if each.of_type is None else types[each.of_type],
                    label=str(each.label),
                    kind=each.kind,
                    choices=[str(choice) for choice in each.choices],
                    **{
                        name: str(value) if isinstance(value, Promise) else value for name, value in each.values.items()
                    },
                )
            )
            for each in EXAMPLE_QUESTIONS.get(example, ())
        ]


def delete_question(*, question_id: int) -> None:
    """Delete a question that nobody has answered. Raises NotAllowed, NotFound, Busy."""
    with slot_transaction():
        question = Question.objects.filter(pk=question_id).first()
        if question is None:
            raise NotFound(_("There is no such question."))
        if question.answers.exists():
            raise NotAllowed(_("It has answers. Make it inactive instead."))
        question.delete()


def move_question(*, question_id: int, by: int) -> None:
    """Ask a question earlier (``by`` -1) or later (1) than its neighbour. Raises NotFound, Busy."""
    with slot_transaction():
        question = Question.objects.filter(pk=question_id).first()
        if question is None:
            raise NotFound(_("There is no such question."))
        _lock(question.organization_id)
        rows = list(Question.objects.filter(organization=question.organization_id).order_by("position", "pk"))
        place = next(number for number, row in enumerate(rows) if row.pk == question_id)
        rows.insert(min(max(place + by, 0), len(rows) - 1), rows.pop(place))
        for position, row in enumerate(rows):
            row.position = position
        Question.objects.bulk_update(rows, ["position"])


def wrong_has_questions() -> list[int]:
    """Return the ids of organisations that do not know whether they ask something (``Organization.has_questions``)."""
    with connection.cursor() as cursor:
        cursor.execute(_WRONG)
        return [pk for (pk,) in cursor.fetchall()]


def mend_has_questions(*, organization_ids: Collection[int]) -> int:
    """Let organisations know whether they ask something. Locks their rows. Return how many were mended. Raises Busy."""
    with slot_transaction():
        for pk in sorted(organization_ids):
            _lock(pk)
        wrong = sorted(set(wrong_has_questions()) & set(organization_ids))
        if wrong:
            with connection.cursor() as cursor:
                for statement in _BEGIN:
                    cursor.execute(statement)
                cursor.execute("INSERT INTO asking SELECT unnest(%s::bigint[])", [wrong])
                for statement in _END:
                    cursor.execute(statement)
        return len(wrong)


def _lock(organization_id: int) -> None:
    """One change of an organisation's questions after the other."""
    list(Organization.objects.select_for_update(no_key=True).filter(pk=organization_id).values_list("pk"))


def _words(question: Question) -> tuple[str, str]:
    """What somebody agrees to."""
    return question.label, question.wording


def _new_slug(question: Question) -> str:
    base = slugify(question.label)[:50].strip("-") or "question"
    taken = set(Question.objects.filter(organization=question.organization_id).values_list("slug", flat=True))
    number, slug = 1, base
    while slug in taken:
        number += 1
        slug = f"{base}-{number}"
    return slug


def _check(question: Question) -> None:
    kind = question.session_type
    if kind is not None and kind.organization_id != question.organization_id:
        raise InvalidDetails({"session_type": [_("Choose a session type of this organisation.")]})
    if len(set(question.choices)) < len(question.choices):
        raise InvalidDetails({"choices": [_("Each choice once.")]})
    try:
        question.full_clean(exclude=["worded_at"])
    except ValidationError as error:
        raise InvalidDetails(error.message_dict) from error
