"""What operators see of the workers: that they live, and what kills them. Nothing here is about a person."""

from django.db import models
from django.db.models.functions import Now


class WorkerSign(models.Model):
    """A worker's sign of life, written every few seconds; gone when it has ended as it should."""

    name = models.CharField(max_length=200, primary_key=True)  # machine and process
    queues = models.CharField(max_length=200)  # separated by commas; empty for all
    version = models.CharField(max_length=50)
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())

    is_silent: bool  # where bookings/selectors/operations.py read it

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class LeftBehind(models.Model):
    """How often a job was left behind by a worker that died. One that kills its workers is put aside."""

    job_id = models.BigIntegerField(primary_key=True)  # of procrastinate's table, whose rows come and go
    times = models.PositiveSmallIntegerField(default=1, db_default=1)
    last_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.job_id}: {self.times}"
