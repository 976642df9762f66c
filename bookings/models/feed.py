from datetime import timedelta

import pghistory
from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from bookings.models.hashed_secret import HashedSecret, hash_of
from experts.models import Expert, Organization


class CalendarFeedQuerySet(models.QuerySet["CalendarFeed"]):
    def of_token(self, token: str) -> "CalendarFeed | None":
        """The feed at that address, a revoked one too."""
        feeds = self.select_related("organization", "expert", "created_by")
        return feeds.filter(token_hash=hash_of(token)).first()


class CalendarFeed(HashedSecret):
    """The bookings of an expert, or of an organisation, for a calendar program: at an address that is itself the key.

    The address is shown once and never stored. It shows what ``created_by`` may see, and ends with that.
    """

    USE_NOTED_EVERY = timedelta(hours=1)  # programs look often

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
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        editable=False,
        related_name="+",
        verbose_name=_("created by"),
    )

    objects = CalendarFeedQuerySet.as_manager()

    class Meta(HashedSecret.Meta):
        verbose_name = _("calendar feed")
        verbose_name_plural = _("calendar feeds")

    def __str__(self) -> str:
        return (self.expert or self.organization).name


# Who made and revoked it, not each use; and never what it can be recognised by.
pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.DeleteEvent(),
    fields=["organization", "expert", "created_by", "revoked_at"],
    model_name="CalendarFeedEvent",
)(CalendarFeed)
