"""What is known of copies of the database: those that were made, and whether this one is itself a copy."""

from django.db import models
from django.db.models.functions import Now


class Backup(models.Model):
    """A backup that was finished (`manage.py backup`), newest first. Written once its file is whole."""

    finished_at = models.DateTimeField(db_default=Now())
    file = models.CharField(max_length=400)  # where it is, on the machine that made it
    size = models.PositiveBigIntegerField()  # bytes
    seconds = models.PositiveIntegerField()  # that it took
    pictures = models.PositiveIntegerField()  # files of photos and logos in it
    is_encrypted = models.BooleanField()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.file


class SendingHeld(models.Model):
    """While there is a row, nothing is sent to anybody: no mail and no webhook.

    A restored copy begins with it, as its people have been told by the site that it is a copy of. At most one row.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    since = models.DateTimeField(db_default=Now())
    why = models.CharField(max_length=200)  # in the words of whoever operates the site

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="sending_is_held_once")]

    def __str__(self) -> str:
        return self.why
