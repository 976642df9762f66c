from datetime import timedelta
from typing import Self

import pghistory
import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q, Value
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from bookings.models.hashed_secret import HashedSecret, hash_of, random_secret
from bookings.validators import validate_plain_text
from experts.constraints import known_value
from experts.models import Membership, Organization, Role

PREFIX = "ebs_"
USUAL_LIFE = timedelta(days=365)


def new_token() -> str:
    """Return a new secret, with a beginning by which people and secret scanners know what it is."""
    return PREFIX + random_secret()


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def in_force(self) -> Self:
        """Those that count: not revoked, not over, and made by somebody who may still make them."""
        usable = self.filter(revoked_at=None, expires_at__gt=Now(), organization__is_active=True)
        owners = Membership.objects.filter(
            user=OuterRef("created_by"), organization=OuterRef("organization"), role=Role.OWNER
        )
        may_make = Q(created_by__is_superuser=True) | Exists(owners)
        return usable.filter(Q(created_by=None) | Q(created_by__is_active=True) & may_make)

    def ending_with(self, membership: Membership) -> Self:
        """Those in force that end when a member leaves, or is an owner no more."""
        mine = self.filter(created_by=membership.user_id, organization=membership.organization_id)
        return mine.in_force().exclude(created_by__is_superuser=True)

    def of_secret(self, secret: str) -> "ApiToken | None":
        """The token in force with that secret."""
        if not secret.startswith(PREFIX):
            return None
        return self.in_force().select_related("organization").filter(token_hash=hash_of(secret)).first()


class TokenScope(models.TextChoices):
    READ = "read", _("Read")
    WRITE = "write", _("Read and write")


class ApiToken(HashedSecret):
    """What a program of an organisation identifies itself with. The secret is shown once and never stored.

    It ends after a time, and with the right of who made it (docs/decisions/0034-tokens-end.md).
    """

    USE_NOTED_EVERY = timedelta(minutes=1)

    Scope = TokenScope

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="api_tokens", verbose_name=_("organisation")
    )
    name = models.CharField(
        _("name"), max_length=80, validators=[validate_plain_text], help_text=_("Which program uses it.")
    )
    ending = models.CharField(_("ends in"), max_length=4, editable=False)
    scope = models.CharField(_("may"), max_length=5, choices=Scope.choices, default=Scope.READ)
    expires_at = models.DateTimeField(_("ends"), db_default=Now() + Value(USUAL_LIFE), editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("created by"),
    )

    objects = ApiTokenQuerySet.as_manager()

    class Meta(HashedSecret.Meta):
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        constraints = [known_value("scope", TokenScope)]
        triggers = [
            # The account is deleted: nobody could say any more with whom the token ends, so it ends now.
            pgtrigger.Trigger(
                name="api_token_ends_with_account",
                when=pgtrigger.Before,
                operation=pgtrigger.UpdateOf("created_by_id"),
                condition=pgtrigger.Q(old__created_by__isnull=False, new__created_by__isnull=True),
                func="NEW.revoked_at := coalesce(OLD.revoked_at, now()); RETURN NEW;",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} (…{self.ending})"

    @property
    def may_write(self) -> bool:
        return self.scope == self.Scope.WRITE


# Who made and revoked it, not each use of it; and never what it can be recognised by.
pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.DeleteEvent(),
    fields=["organization", "name", "ending", "scope", "expires_at", "revoked_at"],
    model_name="ApiTokenEvent",
)(ApiToken)
