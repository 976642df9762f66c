import hashlib
import secrets
from datetime import timedelta

import pghistory
from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bookings.validators import validate_plain_text
from experts.models import Organization

PREFIX = "ebs_"
USE_NOTED_EVERY = timedelta(minutes=1)


def new_secret() -> str:
    """256 random bits, with a beginning by which people and secret scanners know what it is."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_of(secret: str) -> str:
    """SHA-256 in hex. No salt and no stretching: what is random cannot be guessed from a list."""
    return hashlib.sha256(secret.encode()).hexdigest()


class ApiTokenQuerySet(models.QuerySet):
    def in_force(self):
        return self.filter(revoked_at=None, organization__is_active=True)

    def of_secret(self, secret: str) -> "ApiToken | None":
        """The token in force with that secret."""
        if not secret.startswith(PREFIX):
            return None
        return self.in_force().select_related("organization").filter(token_hash=hash_of(secret)).first()


class ApiToken(models.Model):
    """What a program of an organisation identifies itself with. The secret is shown once and never stored."""

    class Scope(models.TextChoices):
        READ = "read", _("Read")
        WRITE = "write", _("Read and write")

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="api_tokens", verbose_name=_("organisation")
    )
    name = models.CharField(
        _("name"), max_length=80, validators=[validate_plain_text], help_text=_("Which program uses it.")
    )
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
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
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")

    def __str__(self):
        return f"{self.name} (…{self.ending})"

    @property
    def may_write(self) -> bool:
        return self.scope == self.Scope.WRITE

    def note_use(self) -> None:
        """Keep that it is in use, once a minute at most: a token that reads a lot must not write a lot."""
        now = timezone.now()
        if self.last_used_at is None or self.last_used_at < now - USE_NOTED_EVERY:
            ApiToken.objects.filter(pk=self.pk).update(last_used_at=now)


# Who made and revoked it, not each use of it; and never what it can be recognised by.
pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.DeleteEvent(),
    fields=["organization", "name", "ending", "scope", "revoked_at"],
    model_name="ApiTokenEvent",
)(ApiToken)
