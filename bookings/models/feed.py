import hashlib
import secrets
from datetime import timedelta

import pghistory
from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from experts.models import Expert, Organization

USE_NOTED_EVERY = timedelta(hours=1)


def new_token() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def hash_of(token: str) -> str:
    """SHA-256 in hex. No salt: what is random cannot be guessed from a list."""
    return hashlib.sha256(token.encode()).hexdigest()


class CalendarFeedQuerySet(models.QuerySet):
    def of_token(self, token: str) -> "CalendarFeed | None":
        """The feed at that address, a revoked one too."""
        feeds = self.select_related("organization", "expert", "created_by")
        return feeds.filter(token_hash=hash_of(token)).first()


class CalendarFeed(models.Model):
    """The bookings of an expert, or of an organisation, for a calendar program: at an address that is itself the key.

    The address is shown once and never stored. It shows what ``created_by`` may see, and ends with that.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="calendar_feeds", verbose_name=_("organisation")
    )
    expert = models.ForeignKey(
        Expert,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="calendar_feeds",
        verbose_name=_("expert"),
    )
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        editable=False,
        related_name="+",
        verbose_name=_("created by"),
    )
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    objects = CalendarFeedQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = _("calendar feed")
        verbose_name_plural = _("calendar feeds")

    def __str__(self):
        return (self.expert or self.organization).name

    def note_use(self) -> None:
        """Keep that it is in use, once an hour at most: calendars look often, and looking should not write."""
        now = timezone.now()
        if self.last_used_at is None or self.last_used_at < now - USE_NOTED_EVERY:
            CalendarFeed.objects.filter(pk=self.pk).update(last_used_at=now)


# Who made and revoked it, not each use; and never what it can be recognised by.
pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.DeleteEvent(),
    fields=["organization", "expert", "created_by", "revoked_at"],
    model_name="CalendarFeedEvent",
)(CalendarFeed)
