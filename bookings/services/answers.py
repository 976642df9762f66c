"""Check and write what people answer to the questions of an organisation. No value is ever logged."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from bookings.errors import InvalidDetails, NotAllowed, NotFound
from bookings.models import Answer, Booking, Question, QuestionKind
from bookings.phones import read_phone
from bookings.selectors.answers import answers_to, changeable_questions, may_change_answers
from bookings.services.effects import publish_to_booker
from bookings.validators import validate_plain_text, validate_printable
from experts.locking import slot_transaction

LONGEST = {QuestionKind.TEXT: 200, QuestionKind.LONG_TEXT: 2000}
_MOST_NUMBER, _MOST_DECIMALS = 10**12, 6
_YEARS = range(1900, 2200)
_COPIED = ("kind", "label", "wording", "version", "position")
_WRITTEN = (*_COPIED, "value", "answered_at")


def check_answers(
    questions: Sequence[Question], typed: Mapping[str, Any], *, zones: Sequence[str], by_staff: bool = False
) -> list[Answer]:
    """Return the answers to ``questions``, unsaved and without a booking, with each question as it is asked now.

    ``typed`` maps the slug of a question to what was sent, by a page or a program: see docs/api.md. What is left out or
    empty is no answer. A consent is given by the version of its wording: who has read another one has not agreed.
    ``zones``: see ``read_phone``. Staff may leave out what is required.

    Raises InvalidDetails with a field ``answers.<slug>`` for each that is missing or cannot be accepted.
    """
    fields: dict[str, list[str]] = {}
    known = {question.slug for question in questions}
    for slug in typed:
        if slug not in known:
            fields[f"answers.{slug}"] = [_("There is no such question.")]
    answers = []
    for question in questions:
        value = typed.get(question.slug)
        if value is None or value in ("", []) or (isinstance(value, str) and not value.strip()):
            if question.is_required and not by_staff:
                fields[question.asked] = [missing_text(question)]
            continue
        try:
            checked = _CHECKS[QuestionKind(question.kind)](question, value, zones)
        except ValidationError as error:
            fields[question.asked] = error.messages
        else:
            answers.append(_answer(question, checked))
    if fields:
        raise InvalidDetails(fields)
    return answers


def missing_text(question: Question) -> str:
    """Return what is said where a required answer is missing."""
    if question.missing_text:
        return question.missing_text
    texts = {
        QuestionKind.CHOICE: _("Choose one."),
        QuestionKind.CHOICES: _("Choose at least one."),
        QuestionKind.YES_NO: _("Choose yes or no."),
        QuestionKind.DATE: _("Enter a date."),
        QuestionKind.CONSENT: _("Tick this box to continue."),
    }
    return texts.get(QuestionKind(question.kind), _("Answer this question."))


def save_answers(answers: Iterable[tuple[Booking, Sequence[Answer]]], *, again: Collection[int] = ()) -> None:
    """Write the checked answers of bookings that were written just now: one statement for all, none for no answer.

    ``again``: ids of those that may have answers already, which are replaced.
    """
    if again:
        Answer.objects.filter(booking__in=again).delete()
    rows = []
    for booking, checked in answers:
        for answer in checked:
            answer.pk, answer.booking = None, booking  # what failed is written again
            rows.append(answer)
    if rows:
        Answer.objects.bulk_create(rows)


def change_answers(
    *, booking_id: int, answers: Mapping[str, Any], by_customer: bool, only: Collection[str] | None = None
) -> None:
    """Replace what was answered with a booking: ``answers`` as in ``check_answers``. Locks the booking's row.

    ``only``: slugs of the questions that this is about; what was answered to others stays.

    Customers may, where their organisation lets them and until the deadline for moving and cancelling, and only what
    they see; the rest stays, as does what is not asked any more. A consent that is taken back stays, marked as
    withdrawn; one to an older wording stays if it is sent again.

    Raises InvalidDetails, NotAllowed, NotFound, Busy.
    """
    with slot_transaction():
        rows = Booking.objects.not_erased().with_slot().select_for_update(no_key=True, of=["self"])
        booking = rows.filter(pk=booking_id).first()
        if booking is None:
            raise NotFound(_("There is no such booking."))
        if by_customer and not may_change_answers(booking, timezone.now()):
            raise NotAllowed(_("Your answers can’t be changed online any more."))
        questions = changeable_questions(booking, by_customer=by_customer)
        if only is not None:
            questions = [question for question in questions if question.slug in only]
        given = {answer.question_id: answer for answer in answers_to(booking)}
        kept = {question.pk for question in questions if _is_same_consent(given.get(question.pk), answers)}
        asked = [question for question in questions if question.pk not in kept]
        typed = {slug: value for slug, value in answers.items() if slug not in _slugs(questions, kept)}
        zones = [booking.slot.expert.timezone, booking.timezone]
        checked = check_answers(asked, typed, zones=zones, by_staff=not by_customer)
        answered = {answer.question_id for answer in checked}
        left_out = [given[question.pk] for question in asked if question.pk in given and question.pk not in answered]
        for answer in left_out:
            if answer.kind == QuestionKind.CONSENT:
                answer.value = False
                answer.save(update_fields=["value"])
        gone = [answer.pk for answer in left_out if answer.kind != QuestionKind.CONSENT]
        if gone:
            Answer.objects.filter(pk__in=gone).delete()
        for answer in checked:
            answer.booking = booking
            answer.answered_at = Now()  # the database's clock
        Answer.objects.bulk_create(
            checked, update_conflicts=True, unique_fields=["booking", "question"], update_fields=_WRITTEN
        )
        publish_to_booker(booking)


def _is_same_consent(answer: Answer | None, typed: Mapping[str, Any]) -> bool:
    """Whether a consent that was given stays as it was, to the wording of then."""
    if answer is None or answer.kind != QuestionKind.CONSENT or not answer.value or answer.question is None:
        return False
    return str(typed.get(answer.question.slug)) == str(answer.version)


def _slugs(questions: Iterable[Question], keys: Collection[int]) -> set[str]:
    return {question.slug for question in questions if question.pk in keys}


def _answer(question: Question, value: Any) -> Answer:
    asked = {name: getattr(question, name) for name in _COPIED}
    return Answer(question=question, value=value, **asked)


# What is acceptable, by kind: each returns the value as it is stored, or raises ValidationError.


def _check_text(question: Question, value: Any, _zones: Sequence[str]) -> str:
    if not isinstance(value, str):
        raise ValidationError(_("Send a text."))
    text = value.strip().replace("\r\n", "\n")
    longest = LONGEST[QuestionKind(question.kind)]
    if len(text) > longest:
        raise ValidationError(_("Use at most %(count)d characters.") % {"count": longest})
    (validate_plain_text if question.kind == QuestionKind.TEXT else validate_printable)(text)
    return text


def _check_number(_question: Question, value: Any, _zones: Sequence[str]) -> int | float:
    try:
        if isinstance(value, (bool, list)):
            raise InvalidOperation
        number = Decimal(str(value).strip().replace(",", "."))
        if not number.is_finite() or abs(number) >= _MOST_NUMBER:
            raise InvalidOperation
    except InvalidOperation as error:
        raise ValidationError(_("Enter a number, such as 12 or 3.5.")) from error
    number = round(number, _MOST_DECIMALS)
    return int(number) if number == int(number) else float(number)


def _check_date(_question: Question, value: Any, _zones: Sequence[str]) -> str:
    try:
        day = date.fromisoformat(value.strip())
    except (AttributeError, ValueError) as error:
        raise ValidationError(_("Enter a date such as 2027-03-12.")) from error
    if day.year not in _YEARS:
        raise ValidationError(
            _("Enter a year between %(first)d and %(last)d.") % {"first": _YEARS[0], "last": _YEARS[-1]}
        )
    return day.isoformat()


def _check_choice(question: Question, value: Any, _zones: Sequence[str]) -> str:
    if not isinstance(value, str) or value not in question.choices:
        raise ValidationError(_("Choose one of these."))
    return value


def _check_choices(question: Question, value: Any, _zones: Sequence[str]) -> list[str]:
    if not isinstance(value, list) or not all(item in question.choices for item in value):
        raise ValidationError(_("Choose among these."))
    return [choice for choice in question.choices if choice in value]


def _check_yes_no(_question: Question, value: Any, _zones: Sequence[str]) -> bool:
    if not isinstance(value, bool):
        raise ValidationError(_("Choose yes or no."))
    return value


def _check_phone(_question: Question, value: Any, zones: Sequence[str]) -> str:
    if not isinstance(value, str) or len(value) > 40:
        raise ValidationError(_("Enter a phone number."))
    return read_phone(value, zones)


def _check_consent(question: Question, value: Any, _zones: Sequence[str]) -> bool:
    if isinstance(value, bool) or str(value) != str(question.version):
        raise ValidationError(_("The wording has changed. Read it again and tick the box if you agree."))
    return True


_CHECKS: dict[QuestionKind, Callable[[Question, Any, Sequence[str]], Any]] = {
    QuestionKind.TEXT: _check_text,
    QuestionKind.LONG_TEXT: _check_text,
    QuestionKind.NUMBER: _check_number,
    QuestionKind.DATE: _check_date,
    QuestionKind.CHOICE: _check_choice,
    QuestionKind.CHOICES: _check_choices,
    QuestionKind.YES_NO: _check_yes_no,
    QuestionKind.PHONE: _check_phone,
    QuestionKind.CONSENT: _check_consent,
}
