from collections.abc import Sequence

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models
from django.db.models import Q
from django.db.models.functions import Now

from bookings.models.booking import Booking


class IdempotencyQuerySet(models.QuerySet["Idempotency"]):
    def insert_new_refusals(self, rows: "Sequence[Idempotency]") -> set[tuple[str, str]]:
        """Keep refusals of keys that have no answer yet; waits for answers that are being written.

        Returns the scope and key of each that was kept; of several with one key it is the first.
        """
        table = self.model._meta.db_table
        with connection.cursor() as cursor:
            # bulk_create(ignore_conflicts=True) does not tell which rows were skipped.
            cursor.execute(
                f"INSERT INTO {table} (scope, key, request_hash, refusal)"
                " SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[])"
                " ON CONFLICT DO NOTHING RETURNING scope, key",
                [[getattr(row, name) for row in rows] for name in ("scope", "key", "request_hash", "refusal")],
            )
            return set(cursor.fetchall())


class Idempotency(models.Model):
    """The answer that was given to a request with an idempotency key, so that a retry gets the same one.

    ``scope``, ``key`` and ``request_hash`` are SHA-256 in hex, so that no address is stored here. An answer is either
    the booking or the reason of a refusal (a state of the slot). ``body`` is what a program was told about the booking,
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
