from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models
from django.db.models import Q
from django.db.models.functions import Now

from bookings.models.booking import Booking


class IdempotencyQuerySet(models.QuerySet["Idempotency"]):
    def insert_if_new(self, *, scope: str, key: str, request_hash: str, refusal: str) -> bool:
        """Keep a refusal unless the key has an answer already; waits for one that is being written. True if kept."""
        table = self.model._meta.db_table
        with connection.cursor() as cursor:
            # bulk_create(ignore_conflicts=True) does not tell whether the row was skipped.
            cursor.execute(
                f"INSERT INTO {table} (scope, key, request_hash, refusal)"
                " VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
                [scope, key, request_hash, refusal],
            )
            return bool(cursor.rowcount == 1)


class Idempotency(models.Model):
    """The answer that was given to a request with an idempotency key, so that a retry gets the same one.

    ``scope`` and ``request_hash`` are SHA-256 in hex, so that no address is stored here. An answer is either the
    booking or the reason of a refusal (a state of the slot). ``body`` is what a program was told about the booking,
    which may be another one by now; nothing in it is personal.
    """

    scope = models.CharField(max_length=64)
    key = models.CharField(max_length=200)
    request_hash = models.CharField(max_length=64)
    booking = models.ForeignKey(Booking, on_delete=models.CASCADE, null=True, related_name="+")
    refusal = models.CharField(max_length=20, blank=True)
    body = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    objects = IdempotencyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["scope", "key"], name="idempotency_key_once_per_scope"),
            models.CheckConstraint(
                condition=Q(booking__isnull=False, refusal="") | (Q(booking=None) & ~Q(refusal="")),
                name="idempotency_has_one_answer",
            ),
        ]

    def __str__(self) -> str:
        return self.key
