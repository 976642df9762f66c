from datetime import date
from typing import Any, Self

import pghistory
import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.models.booking import Booking
from bookings.phones import show_phone
from bookings.validators import validate_plain_text, validate_printable
from experts.constraints import known_value
from experts.models import Organization, SessionType

MOST_CHOICES = 20
MOST_QUESTIONS = 60  # of an organisation, inactive ones too


class QuestionKind(models.TextChoices):
    """What an answer is. Its ``value`` in JSON: see ``Answer``."""

    TEXT = "text", gettext_lazy("Short text")
    LONG_TEXT = "long_text", gettext_lazy("Long text")
    NUMBER = "number", gettext_lazy("Number")
    DATE = "date", gettext_lazy("Date")
    CHOICE = "choice", gettext_lazy("One of several choices")
    CHOICES = "choices", gettext_lazy("Any of several choices")
    YES_NO = "yes_no", gettext_lazy("Yes or no")
    PHONE = "phone", gettext_lazy("Phone number")
    CONSENT = "consent", gettext_lazy("Consent")


WITH_CHOICES = (QuestionKind.CHOICE, QuestionKind.CHOICES)


# The rule of ``Organization.has_questions``, of a row ``it``.
HAS_QUESTIONS = "EXISTS (SELECT FROM bookings_question WHERE organization_id = it.id)"


class QuestionQuerySet(models.QuerySet["Question"]):
    def asked_with(self, organization_id: int, session_type_id: int | None) -> Self:
        """What is asked of whoever books a session of that type; None: a session without a type."""
        of_type = Q(session_type=None)
        if session_type_id is not None:
            of_type |= Q(session_type=session_type_id)
        return self.filter(of_type, organization=organization_id, is_active=True)


class Question(models.Model):
    """What an organisation asks whoever books: at each booking, or at those of one session type.

    Written by bookings/services/questions.py. A question with answers is made inactive and never deleted, and what was
    asked stays with each answer. ``wording`` is what a consent says; ``version`` grows with each change of it. The
    trigger keeps ``Organization.has_questions``: who books reads that anyway.
    """

    Kind = QuestionKind

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="questions", verbose_name=gettext_lazy("organisation")
    )
    session_type = models.ForeignKey(
        SessionType,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="questions",
        verbose_name=gettext_lazy("session type"),
    )
    label = models.CharField(gettext_lazy("question"), max_length=200, validators=[validate_plain_text])
    slug = models.SlugField(gettext_lazy("name for programs"), max_length=60)
    kind = models.CharField(gettext_lazy("kind of answer"), max_length=10, choices=Kind.choices)
    help = models.CharField(gettext_lazy("explanation"), max_length=200, blank=True, validators=[validate_plain_text])
    choices = ArrayField(
        models.CharField(max_length=80, validators=[validate_plain_text]),
        verbose_name=gettext_lazy("choices"),
        default=list,
        blank=True,
        size=MOST_CHOICES,
    )
    wording = models.TextField(
        gettext_lazy("wording of the consent"), max_length=4000, blank=True, validators=[validate_printable]
    )
    version = models.PositiveIntegerField(
        gettext_lazy("version of the wording"), default=1, editable=False, validators=[MinValueValidator(1)]
    )
    # When this version of the wording was written.
    worded_at = models.DateTimeField(gettext_lazy("wording of"), db_default=Now(), editable=False)
    is_required = models.BooleanField(gettext_lazy("required"), default=False)
    missing_text = models.CharField(
        gettext_lazy("said where the answer is missing"), max_length=120, blank=True, validators=[validate_plain_text]
    )
    shown_to_customer = models.BooleanField(gettext_lazy("customers see their answer"), default=True)
    is_confidential = models.BooleanField(gettext_lazy("hide the answer from schedulers"), default=False)
    in_staff_mail = models.BooleanField(gettext_lazy("the answer is in e-mails to staff"), default=False)
    in_webhooks = models.BooleanField(gettext_lazy("the answer is in webhooks"), default=False)
    position = models.PositiveSmallIntegerField(gettext_lazy("order"), default=0, editable=False)
    is_active = models.BooleanField(gettext_lazy("active"), default=True)

    objects = QuestionQuerySet.as_manager()

    class Meta:
        ordering = ["position", "id"]
        verbose_name = gettext_lazy("question")
        verbose_name_plural = gettext_lazy("questions")
        constraints = [
            known_value("kind", QuestionKind),
            models.UniqueConstraint(
                fields=["organization", "slug"],
                name="question_once_per_organization",
                violation_error_message=gettext_lazy("There is a question with this name already."),
            ),
            models.CheckConstraint(
                condition=~Q(kind="consent") | ~Q(wording=""),
                name="question_consent_has_a_wording",
                violation_error_message=gettext_lazy("Write what the consent says."),
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=["choice", "choices"]) | Q(choices__len__gte=2),
                name="question_has_choices",
                violation_error_message=gettext_lazy("Give at least two choices."),
            ),
            # A mail goes to schedulers, too, and may be forwarded.
            models.CheckConstraint(
                condition=Q(is_confidential=False) | Q(in_staff_mail=False),
                name="question_confidential_is_not_mailed",
                violation_error_message=gettext_lazy(
                    "What schedulers do not see cannot be in e-mails, which go to them, too."
                ),
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="question_keeps_has_questions",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("organization_id") | pgtrigger.Delete,
                func=f"""
                    UPDATE experts_organization AS it
                    SET has_questions = {HAS_QUESTIONS}
                    WHERE id IN (OLD.organization_id, NEW.organization_id)
                    AND has_questions
                        <> {HAS_QUESTIONS};
                    RETURN NULL;
                """,
            )
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def asked(self) -> str:
        """The answer's name in the details of a request: ``answers.side``."""
        return f"answers.{self.slug}"


# What is asked, of whom, and where the answers go to; no answers.
pghistory.track(
    pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent(), exclude=["position", "worded_at"]
)(Question)


class Answer(models.Model):
    """What somebody answered when they booked, with the question as it was asked. Personal: it has no history.

    ``value``: a text, a number, ``2026-10-14``, a choice, a list of choices, true or false, a phone number (E.164). Of
    a consent it is true, with the ``wording`` and ``version`` that was agreed to; false once it was withdrawn.
    """

    booking = models.ForeignKey(
        Booking, on_delete=models.CASCADE, related_name="answers", verbose_name=gettext_lazy("booking")
    )
    # Without a constraint in the database: each booking would lock the row of its question.
    question = models.ForeignKey(
        Question,
        on_delete=models.SET_NULL,
        null=True,
        db_constraint=False,
        related_name="answers",
        verbose_name=gettext_lazy("question"),
    )
    kind = models.CharField(max_length=10, choices=QuestionKind.choices)
    label = models.CharField(max_length=200)
    wording = models.TextField(blank=True)
    version = models.PositiveIntegerField(default=1)
    position = models.PositiveSmallIntegerField(default=0)
    value = models.JSONField()
    answered_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["position", "id"]
        verbose_name = gettext_lazy("answer")
        verbose_name_plural = gettext_lazy("answers")
        constraints = [
            known_value("kind", QuestionKind),
            models.UniqueConstraint(fields=["booking", "question"], name="answer_once_per_booking"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"  # never what was said

    @property
    def text(self) -> str:
        """The answer as people read it."""
        return answer_text(self.kind, self.value, self.version)


def answer_text(kind: str, value: Any, version: int = 1) -> str:
    """Return a checked value of an answer as people read it. ``version``: of the wording of a consent."""
    if kind == QuestionKind.CONSENT:
        return _("Agreed to wording %(version)s") % {"version": version} if value else _("Withdrawn")
    if kind == QuestionKind.YES_NO:
        return _("Yes") if value else _("No")
    if kind == QuestionKind.DATE:
        return date_format(date.fromisoformat(value), "DATE_FORMAT")
    if kind == QuestionKind.NUMBER:
        return number_format(value, use_l10n=True)
    if kind == QuestionKind.PHONE:
        return show_phone(value)
    return ", ".join(value) if isinstance(value, list) else str(value)
