from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from experts.constraints import known_value
from experts.models import Organization


class AskedBy(models.TextChoices):
    PERSON = "person", _("The person")
    STAFF = "staff", _("Staff")
    RETENTION = "retention", _("Time to keep it is over")


class ErasureStage(models.TextChoices):
    """What comes next. Each step is done by a run of its own (bookings/privacy/erasing.py)."""

    CANCELLING = "cancelling", _("Cancelling what lies ahead")
    ERASING = "erasing", _("Erasing")
    SWEEPING = "sweeping", _("Looking again")
    DONE = "done", _("Done")


class ErasureQuerySet(models.QuerySet["Erasure"]):
    def unfinished(self) -> Self:
        return self.exclude(stage=ErasureStage.DONE)


class Erasure(models.Model):
    """The order to erase what belongs to an address, and the log of it: who asked, when, how many rows.

    ``address`` is blank once all is done: what is left says nothing about whom it was. Without an organisation it is
    about what belongs to none. Written by bookings/privacy/ only.
    """

    By = AskedBy
    Stage = ErasureStage

    address = models.CharField(_("e-mail"), max_length=254, blank=True, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, null=True, related_name="+", verbose_name=_("organisation")
    )
    asked_by = models.CharField(_("asked by"), max_length=10, choices=AskedBy.choices)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("member")
    )
    stage = models.CharField(_("state"), max_length=10, choices=Stage.choices, default=Stage.CANCELLING)
    # How many rows, by the name of their kind (bookings/privacy/registry.py).
    counts = models.JSONField(_("rows"), default=dict)
    asked_at = models.DateTimeField(_("asked"), db_default=Now())
    finished_at = models.DateTimeField(_("finished"), null=True)

    objects = ErasureQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        constraints = [
            known_value("asked_by", AskedBy),
            known_value("stage", ErasureStage),
            models.CheckConstraint(condition=~Q(stage="done") | Q(address=""), name="erasure_done_knows_nobody"),
            # Asking twice is asking once.
            models.UniqueConstraint(
                fields=["address", "organization"],
                condition=~Q(address=""),
                nulls_distinct=False,
                name="erasure_once_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class RetentionMark(models.Model):
    """How far the time to keep things has got in an organisation: sessions of up to ``until`` were dealt with.

    Grows only, so that old sessions are not read again and again. A day on the experts' calendars.
    """

    organization = models.OneToOneField(Organization, on_delete=models.CASCADE, primary_key=True, related_name="+")
    until = models.DateField()

    def __str__(self) -> str:
        return f"{self.organization_id}: {self.until}"
