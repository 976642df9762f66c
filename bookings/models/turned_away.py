from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from bookings.models.booking import Source
from experts.constraints import known_value
from experts.models import Slot


class TurnedAwayReason(models.TextChoices):
    """The state that the slot was in, or that too few seats were left for the party."""

    FULL = "full", _("Full")
    HELD = "held", _("Being booked by others")
    CLOSED = "closed", _("Closed")
    PAST = "past", _("Too late")
    PARTY = "party", _("Too few seats for the party")


class TurnedAway(models.Model):
    """People wanted a slot and could not have it. Tells staff about demand; holds nothing personal.

    Those who are refused together are one row: a thousand who want one seat must not be a thousand rows.
    """

    Reason = TurnedAwayReason

    slot = models.ForeignKey(Slot, on_delete=models.CASCADE, related_name="turned_away", verbose_name=_("slot"))
    reason = models.CharField(_("reason"), max_length=10, choices=Reason.choices)
    source = models.CharField(_("source"), max_length=5, choices=Source.choices)
    people = models.PositiveIntegerField(_("people"), default=1, db_default=1)
    created_at = models.DateTimeField(_("when"), db_default=Now(), editable=False)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [known_value("reason", TurnedAwayReason), known_value("source", Source)]
        indexes = [models.Index("created_at", name="turned_away_by_time")]
        verbose_name_plural = _("turned away")

    def __str__(self) -> str:
        return f"{self.slot}: {self.get_reason_display()}"
