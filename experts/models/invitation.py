from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from experts.constraints import known_value
from experts.models.expert import Expert
from experts.models.membership import Role
from experts.models.organization import Organization
from experts.timezones import validate_zone
from experts.validators import validate_no_web_address

INVITATION_LASTS = timedelta(days=7)


def ends_in_a_week() -> datetime:
    return timezone.now() + INVITATION_LASTS


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> Self:
        """Those that can still be accepted."""
        return self.filter(accepted_at=None, expires_at__gt=Now())


class Invitation(models.Model):
    """Somebody may join an organisation, or found the one that is named here, by a link sent to ``email``: once.

    The link's token is signed over this row (experts/signed_tokens.py) and stored nowhere, so that reading the table is
    not enough to accept. Whoever opens the link accepts it; ``email`` is only where it was sent.
    """

    organization = models.ForeignKey(
        Organization,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="invitations",
        verbose_name=_("organisation"),
    )
    organization_name = models.CharField(
        _("organisation"), max_length=120, blank=True, validators=[validate_no_web_address]
    )
    timezone = models.CharField(_("time zone"), max_length=64, default="UTC", validators=[validate_zone])
    email = models.EmailField(_("e-mail"), max_length=254)
    role = models.CharField(_("role"), max_length=10, choices=Role.choices)
    expert = models.ForeignKey(
        Expert,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("calendar"),
        help_text=_("Whose calendar it is that an expert is to see."),
    )
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("invited by")
    )
    expires_at = models.DateTimeField(_("expires"), default=ends_in_a_week)
    accepted_at = models.DateTimeField(_("accepted"), null=True)
    created_at = models.DateTimeField(_("sent"), db_default=Now())

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        constraints = [
            known_value("role", Role),
            models.CheckConstraint(
                condition=Q(organization=None) ^ Q(organization_name=""), name="invitation_to_one_organization"
            ),
        ]

    def __str__(self) -> str:
        return self.email
