import hashlib
import secrets
from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


def random_secret() -> str:
    """Return 256 random bits as text that fits into an address."""
    return secrets.token_urlsafe(32)


def hash_of(secret: str) -> str:
    """Return the SHA-256 in hex. No salt and no stretching: what is random cannot be guessed from a list."""
    return hashlib.sha256(secret.encode()).hexdigest()


class HashedSecret(models.Model):
    """A secret that opens something until it is revoked. It is shown once; only its hash is stored."""

    USE_NOTED_EVERY: ClassVar[timedelta]

    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    class Meta:
        abstract = True
        ordering = ["-id"]

    def note_use(self) -> None:
        """Store that it is in use, once in ``USE_NOTED_EVERY`` at most: reading a lot must not write a lot."""
        now = timezone.now()
        if self.last_used_at is None or self.last_used_at < now - self.USE_NOTED_EVERY:
            type(self)._default_manager.filter(pk=self.pk).update(last_used_at=now)
