from collections.abc import Collection
from typing import Self

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from experts.constraints import known_value
from experts.models.expert import Expert
from experts.models.organization import Organization


class Role(models.TextChoices):
    """What each may do in the admin is a table: experts/permissions.py."""

    OWNER = "owner", _("Owner")
    SCHEDULER = "scheduler", _("Scheduler")
    EXPERT = "expert", _("Expert")


_ANSWER_FOR_ALL = (Role.OWNER, Role.SCHEDULER)


class MembershipQuerySet(models.QuerySet["Membership"]):
    def in_force(self) -> Self:
        """Return the memberships of people who may log in, in active organisations."""
        return self.filter(user__is_active=True, organization__is_active=True)

    def who_answer_for(self, experts: Collection[Expert]) -> Self:
        """Return those who answer for any of the experts (``Membership.answers_for``)."""
        answers = Q(role__in=_ANSWER_FOR_ALL) | Q(user__in={expert.user_id for expert in experts} - {None})
        return self.filter(answers, organization__in={expert.organization_id for expert in experts})


class Membership(models.Model):
    """Somebody works for an organisation. An expert reaches the calendar of the Expert whose ``user`` it is, only."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("person")
    )
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("organisation")
    )
    role = models.CharField(_("role"), max_length=10, choices=Role.choices)
    from_sso = models.BooleanField(_("by single sign-on"), default=False, db_default=False, editable=False)
    created_at = models.DateTimeField(_("member since"), db_default=Now(), editable=False)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        ordering = ["organization", "id"]
        verbose_name = _("member")
        verbose_name_plural = _("members")
        constraints = [
            known_value("role", Role),
            models.UniqueConstraint(
                fields=["user", "organization"],
                name="membership_once_per_organization",
                violation_error_message=_("This person is a member already."),
            ),
        ]

    def __str__(self) -> str:
        return self.user.shown_name

    def answers_for(self, expert: Expert) -> bool:
        """Say whether requests for the expert are this member's to answer: all of the organisation's, or one's own."""
        if self.organization_id != expert.organization_id:
            return False
        return self.role in _ANSWER_FOR_ALL or self.user_id == expert.user_id


# Who could see what, and since when.
pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.DeleteEvent(),
    fields=["user", "organization", "role"],
    model_name="MembershipEvent",
)(Membership)
