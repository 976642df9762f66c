"""Read what is asked of people who book, and what they answered.

It costs no statement where an organisation asks nothing (``Organization.has_questions``).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from django.db.models import Q

from bookings.models import Answer, Booking, Question
from bookings.policy import can_change
from experts.models import Expert, Organization, Session, Slot


def questions_with(organization: Organization, session_type_id: int | None) -> list[Question]:
    """Return what is asked of whoever books a session of that type, in order; None: a session without a type."""
    if not organization.has_questions:
        return []
    return list(Question.objects.asked_with(organization.pk, session_type_id))


def questions_for(slot: Slot) -> list[Question]:
    """Return what whoever books a slot, or a session of a type, is asked. Needs the expert with the organisation."""
    type_id = slot.session_type.pk if isinstance(slot, Session) else None
    return questions_with(slot.expert.organization, type_id)


def questions_of(expert: Expert) -> list[Question]:
    """Return what may be asked of whoever books an expert, with the types: those of types that the expert offers."""
    if not expert.organization.has_questions:
        return []
    offered = Q(session_type=None) | Q(session_type__is_active=True, session_type__offers__expert=expert)
    rows = Question.objects.filter(offered, organization=expert.organization_id, is_active=True)
    return list(rows.select_related("session_type"))


def answers_of(bookings: Iterable[Booking]) -> dict[int, list[Answer]]:
    """Return what was answered, in order, with the questions as they are now: by booking, none for those without.

    One statement for all of them. Needs ``with_slot()``.
    """
    keys = [booking.pk for booking in bookings if booking.slot.expert.organization.has_questions]
    answers: dict[int, list[Answer]] = defaultdict(list)
    if keys:
        for answer in Answer.objects.filter(booking__in=keys).select_related("question"):
            answers[answer.booking_id].append(answer)
    return answers


def answers_to(booking: Booking) -> list[Answer]:
    """Return what was answered with one booking. Needs ``with_slot()``."""
    return answers_of([booking]).get(booking.pk, [])


def shown_to_customer(answers: Iterable[Answer]) -> list[Answer]:
    """Return those that customers see; of a question that is gone as well."""
    return [answer for answer in answers if answer.question is None or answer.question.shown_to_customer]


def may_change_answers(booking: Booking, now: datetime) -> bool:
    """Return whether customers may change what they answered: where they are let, as long as they may move it."""
    organization = booking.slot.expert.organization
    is_let = organization.has_questions and organization.lets_change_answers
    return is_let and booking.is_open and can_change(booking.session, now)


def changeable_questions(booking: Booking, *, by_customer: bool) -> list[Question]:
    """Return the questions of a booking whose answers can be changed. Needs ``with_slot()``."""
    questions = questions_with(booking.slot.expert.organization, booking.session_type_id)
    return [question for question in questions if question.shown_to_customer or not by_customer]


def in_staff_mail(booking: Booking, answers: Iterable[Answer]) -> list[Answer]:
    """Return those that e-mails to staff have: none where schedulers, who get them too, see no notes."""
    if booking.slot.expert.organization.hides_notes:
        return []
    return [answer for answer in answers if answer.question is not None and answer.question.in_staff_mail]


def answers_for_webhooks(booking_ids: Collection[int]) -> dict[int, list[Answer]]:
    """Return, by booking, the answers whose questions are switched on for webhooks."""
    answers: dict[int, list[Answer]] = defaultdict(list)
    if not booking_ids:
        return answers
    for answer in Answer.objects.filter(booking__in=booking_ids, question__in_webhooks=True).select_related("question"):
        answers[answer.booking_id].append(answer)
    return answers


def answers_by_name(answers: Iterable[Answer]) -> dict[str, Any]:
    """Return what programs are told: the value of each answer by its question's name for programs. See ``Answer``."""
    return {answer.question.slug: answer.value for answer in answers if answer.question is not None}
