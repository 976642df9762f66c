from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from experts.constraints import known_value, log_triggers
from experts.models.organization import Organization


class ExportFormat(models.TextChoices):
    CSV = "csv", "CSV"
    XLSX = "xlsx", "XLSX"


class ExportLog(models.Model):
    """Somebody on staff has taken rows of a list along in a file: written before its first byte leaves.

    A line for each organisation whose rows were among them. Nobody changes a line, and the database lets nobody delete
    one before a year is over. There are no foreign keys in the database, so that it says what happened also later.
    """

    at = models.DateTimeField(_("when"), db_default=Now())
    organization = models.ForeignKey(
        Organization,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="+",
        verbose_name=_("organisation"),
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="+",
        verbose_name=_("person"),
    )
    who = models.CharField(_("who"), max_length=254)
    # What was exported: a model ("bookings.booking"), or "reports".
    subject = models.CharField(_("list"), max_length=60)
    # Of an address: by what the list was filtered, without what was searched for, which may be about a person.
    filters = models.CharField(_("filters"), max_length=1000, blank=True)
    format = models.CharField(_("format"), max_length=4, choices=ExportFormat.choices)
    rows = models.PositiveIntegerField(_("rows"))

    class Meta:
        ordering = ["-id"]
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        constraints = [known_value("format", ExportFormat)]
        indexes = [models.Index(fields=["organization", "-id"], name="export_of_organization")]
        triggers = log_triggers()

    def __str__(self) -> str:
        return self.subject
