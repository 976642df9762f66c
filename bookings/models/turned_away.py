from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from bookings.models.booking import Source
from bookings.models.of_organization import key_of, of_slot
from experts.constraints import known_value
from experts.models import Organization, Slot


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
    of_organization = key_of(Organization)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [known_value("reason", TurnedAwayReason), known_value("source", Source)]
        indexes = [
            # In the order of the list, for whoever sees all; and what is seldom, as most come by the site.
            models.Index("created_at", "id", name="turned_away_in_order"),
            models.Index("source", "created_at", "id", name="turned_away_elsewhere", condition=~Q(source=Source.WEB)),
            models.Index("of_organization", "created_at", "id", name="turned_away_of_organization"),
        ]
        triggers = [of_slot("turned_away_knows_its_organization")]
        verbose_name_plural = _("turned away")

    def __str__(self) -> str:
        return f"{self.slot}: {self.get_reason_display()}"
