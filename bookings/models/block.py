import ipaddress
from typing import Self

import pghistory
import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from bookings.models.booking import Booking
from bookings.models.recipient import normalised
from bookings.validators import validate_plain_text
from experts.constraints import known_value
from experts.models import Organization


class BlockKind(models.TextChoices):
    ADDRESS = "address", _("E-mail address")
    DOMAIN = "domain", _("E-mail domain")
    NETWORK = "network", _("Network")


class BlockQuerySet(models.QuerySet["Block"]):
    def live(self) -> Self:
        """Those that have not ended."""
        return self.filter(until__gt=Now())


class Block(models.Model):
    """An address, a domain or a network from which an organisation takes no bookings online for a while.

    ``value`` is as services/blocks.py writes it: ``ann@example.com``, whatever other names the mailbox has;
    ``example.com``; ``192.0.2.0/24``. The trigger keeps ``Organization.blocked_until``: who books reads that anyway.
    """

    Kind = BlockKind

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="blocks", verbose_name=_("organisation")
    )
    kind = models.CharField(_("what"), max_length=7, choices=Kind.choices)
    value = models.CharField(_("who"), max_length=254, validators=[validate_plain_text])
    until = models.DateTimeField(_("until"))
    note = models.CharField(_("note"), max_length=200, blank=True, validators=[validate_plain_text])
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("blocked by"),
    )
    created_at = models.DateTimeField(_("blocked"), db_default=Now(), editable=False)

    objects = BlockQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = _("block")
        verbose_name_plural = _("blocks")
        constraints = [known_value("kind", BlockKind)]
        indexes = [models.Index("organization", "until", name="block_of_organization")]
        triggers = [
            pgtrigger.Trigger(
                name="block_keeps_blocked_until",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                func="""
                    UPDATE experts_organization
                    SET blocked_until = (
                        SELECT max(until) FROM bookings_block WHERE organization_id = experts_organization.id
                    )
                    WHERE id IN (OLD.organization_id, NEW.organization_id);
                    RETURN NULL;
                """,
            )
        ]

    def __str__(self) -> str:
        return self.value

    def concerns(self, booking: Booking) -> bool:
        """Whether the booking, hold or wish has this address, a domain below this one, or comes from this network."""
        if self.kind == BlockKind.NETWORK:
            network = booking.network
            return network is not None and ipaddress.ip_address(network) in ipaddress.ip_network(self.value)
        if self.kind == BlockKind.ADDRESS:
            return normalised(booking.email) == self.value
        return f".{booking.email.lower().rpartition('@')[2]}".endswith(f".{self.value}")


# Whom it was about goes with the block itself; the history keeps that somebody blocked, and who ended it.
pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.DeleteEvent(),
    fields=["organization", "kind", "until"],
    model_name="BlockEvent",
)(Block)
