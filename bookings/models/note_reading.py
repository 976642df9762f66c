from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from bookings.models.booking import Booking
from experts.constraints import log_triggers
from experts.models import Organization


class NoteReading(models.Model):
    """Somebody on staff, or a program with a token of theirs, has read what a customer wrote with a booking.

    Nobody changes a line, and the database lets nobody delete one before a year is over. There are no foreign keys in
    the database, so that it says what happened also when the booking is gone.
    """

    at = models.DateTimeField(_("when"), db_default=Now())
    organization = models.ForeignKey(
        Organization,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
        verbose_name=_("organisation"),
    )
    booking = models.ForeignKey(
        Booking, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+", verbose_name=_("booking")
    )
    reference = models.CharField(_("booking"), max_length=20)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="+",
        verbose_name=_("person"),
    )
    who = models.CharField(_("who"), max_length=254)

    class Meta:
        ordering = ["-id"]
        verbose_name = _("reading of notes")
        verbose_name_plural = _("readings of notes")
        indexes = [models.Index(fields=["organization", "-id"], name="note_reading_of_org")]
        triggers = log_triggers()

    def __str__(self) -> str:
        return self.reference
