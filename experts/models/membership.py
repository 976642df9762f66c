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


class MembershipQuerySet(models.QuerySet["Membership"]):
    def in_force(self) -> Self:
        """Return the memberships of people who may log in, in active organisations."""
        return self.filter(user__is_active=True, organization__is_active=True)

    def who_answer_for(self, expert: Expert) -> Self:
        """Return those of the expert's organisation's owners and schedulers, and of the expert's own user."""
        answers = Q(role__in=[Role.OWNER, Role.SCHEDULER]) | Q(user__isnull=False, user=expert.user_id)
        return self.filter(answers, organization=expert.organization_id)


class Membership(models.Model):
    """Somebody works for an organisation. An expert reaches the calendar of the Expert whose ``user`` it is, only."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("person")
    )
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("organisation")
    )
    role = models.CharField(_("role"), max_length=10, choices=Role.choices)
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


# Who could see what, and since when.
pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.DeleteEvent(),
    fields=["user", "organization", "role"],
    model_name="MembershipEvent",
)(Membership)
