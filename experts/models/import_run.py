from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from experts.constraints import known_value
from experts.models.organization import Organization


class ImportKind(models.TextChoices):
    EXPERTS = "experts", _("Experts")
    SLOTS = "slots", _("Slots")
    BOOKINGS = "bookings", _("Bookings")


class ImportStatus(models.TextChoices):
    """A file is tried first, and imported when somebody has seen what that would do."""

    CHECKING = "checking", _("Being checked")
    CHECKED = "checked", _("Checked")
    IMPORTING = "importing", _("Being imported")
    DONE = "done", _("Imported")
    REFUSED = "refused", _("Not imported")


class ImportRun(models.Model):
    """A file that somebody on staff imports: tried by a worker, then imported as a whole or not at all.

    The file itself is deleted as soon as it is imported, and after a day if it is not.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="+", verbose_name=_("organisation")
    )
    kind = models.CharField(_("what"), max_length=10, choices=ImportKind.choices)
    status = models.CharField(_("status"), max_length=10, choices=ImportStatus.choices, default=ImportStatus.CHECKING)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("person")
    )
    content = models.BinaryField(null=True)
    # Whether customers are told of the bookings that are made for them.
    sends_mails = models.BooleanField(default=False)
    # Of the last try: rows, added, unchanged, and errors as [row, text], the first of them.
    result: Any = models.JSONField(default=dict)
    created_at = models.DateTimeField(_("when"), db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        constraints = [
            known_value("kind", ImportKind),
            known_value("status", ImportStatus),
            models.CheckConstraint(
                condition=~Q(status="done") | Q(content=None), name="import_that_is_done_keeps_no_file"
            ),
        ]
        indexes = [models.Index("created_at", name="import_by_time")]

    def __str__(self) -> str:
        return str(self.get_kind_display())

    @property
    def is_running(self) -> bool:
        return self.status in (ImportStatus.CHECKING, ImportStatus.IMPORTING)


class ImportedRow(models.Model):
    """A row of a file that an import has made something of, so that the same row makes nothing a second time.

    Also when what was made has been moved, cancelled or erased since. What the row said is not kept: ``digest`` is a
    SHA-256 of what makes it the same row.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+", db_index=False)
    digest = models.CharField(max_length=64)
    object_id = models.BigIntegerField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "digest"], name="imported_row_once")]
        indexes = [models.Index("created_at", name="imported_row_by_time")]

    def __str__(self) -> str:
        return str(self.object_id)
