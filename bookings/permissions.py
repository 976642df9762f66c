"""Register what members of organisations may do with bookings and what belongs to them; say whom that concerns."""

from collections.abc import Iterable

from django.db.models import Q

from bookings.models import Answer, Booking, Question
from experts.models import Expert, Role
from experts.models.expert import ExpertQuerySet
from experts.permissions import ADD, ALL, BEYOND_RULES, DELETE, EDIT, LOOK, Reach, register_rights

register_rights(
    {
        "bookings.booking": dict.fromkeys(Role, (ALL - {DELETE}) | {BEYOND_RULES}),
        # To change is to take somebody off the list.
        "bookings.waitlistentry": dict.fromkeys(Role, EDIT),
        # To change is to send again. Not for experts: mails to staff name their colleagues' addresses.
        "bookings.notification": {Role.OWNER: EDIT, Role.SCHEDULER: EDIT},
        # To change is to revoke. A token may do nearly all that an owner may, so only owners make them.
        "bookings.apitoken": {Role.OWNER: ALL - {DELETE}},
        # To change is to end. A block concerns all calendars, so it is not for experts.
        "bookings.block": {Role.OWNER: ALL - {DELETE}, Role.SCHEDULER: ALL - {DELETE}},
        "bookings.notereading": {Role.OWNER: LOOK},
        # To add is to have somebody's data given out or erased.
        "bookings.erasure": {Role.OWNER: LOOK | {ADD}},
        # What people are asked is part of the organisation's rules.
        "bookings.question": {Role.OWNER: ALL, Role.SCHEDULER: LOOK},
        "bookings.turnedaway": dict.fromkeys(Role, LOOK),
        # Both show what a program of the organisation signs and reads. To change a delivery is to send it again.
        "bookings.webhookendpoint": {Role.OWNER: ALL},
        "bookings.webhookdelivery": {Role.OWNER: EDIT},
        "bookings.calendarfeed": dict.fromkeys(Role, LOOK | {ADD}),
    }
)


def experts_with(reach: Reach, right: str, experts: ExpertQuerySet) -> ExpertQuerySet:
    """Return those of the experts to whose bookings they have ``right``."""
    if reach.everything:
        return experts
    everywhere, own = reach.with_right("bookings.booking", right)
    return experts.filter(Q(organization__in=everywhere) | Q(organization__in=own, user=reach.user_id))


def may_break_rules(reach: Reach, expert: Expert) -> bool:
    """Say whether they may book outside the rules with an expert."""
    everywhere, own = reach.with_right("bookings.booking", BEYOND_RULES)
    is_own = expert.user_id == reach.user_id is not None
    return reach.everything or expert.organization_id in everywhere or (is_own and expert.organization_id in own)


def may_read_notes(reach: Reach, booking: Booking) -> bool:
    """Say whether they may read what the customer wrote: owners and its experts always, others unless it is hidden.

    Needs ``with_slot()``.
    """
    return not booking.slot.expert.organization.hides_notes or _reads_all(reach, booking)


def _reads_all(reach: Reach, booking: Booking) -> bool:
    is_owner = reach.everything or Role.OWNER in reach.roles_in(booking.slot.expert.organization_id)
    return is_owner or (reach.user_id is not None and reach.user_id in {expert.user_id for expert in booking.experts})


def readable_answers(reach: Reach, booking: Booking, answers: Iterable[Answer]) -> list[Answer]:
    """Return those of a booking's answers that they may read: as notes, and what is confidential like hidden notes."""
    if not may_read_notes(reach, booking):
        return []
    if _reads_all(reach, booking):
        return list(answers)
    return [answer for answer in answers if answer.question is None or not answer.question.is_confidential]


def answerable_questions(reach: Reach, booking: Booking, questions: Iterable[Question]) -> list[Question]:
    """Return those of the questions whose answers they may read, and so may write for somebody."""
    if not may_read_notes(reach, booking):
        return []
    reads_all = _reads_all(reach, booking)
    return [question for question in questions if reads_all or not question.is_confidential]
