from datetime import timedelta
from typing import Self

import pghistory
from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from bookings.models.hashed_secret import HashedSecret, hash_of, random_secret
from bookings.validators import validate_plain_text
from experts.constraints import known_value
from experts.models import Organization

PREFIX = "ebs_"


def new_token() -> str:
    """Return a new secret, with a beginning by which people and secret scanners know what it is."""
    return PREFIX + random_secret()


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def in_force(self) -> Self:
        return self.filter(revoked_at=None, organization__is_active=True)

    def of_secret(self, secret: str) -> "ApiToken | None":
        """The token in force with that secret."""
        if not secret.startswith(PREFIX):
            return None
        return self.in_force().select_related("organization").filter(token_hash=hash_of(secret)).first()


class TokenScope(models.TextChoices):
    READ = "read", _("Read")
    WRITE = "write", _("Read and write")


class ApiToken(HashedSecret):
    """What a program of an organisation identifies itself with. The secret is shown once and never stored."""

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
    fields=["organization", "name", "ending", "scope", "revoked_at"],
    model_name="ApiTokenEvent",
)(ApiToken)
