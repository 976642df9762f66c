import django.contrib.postgres.indexes
import django.db.models.fields.json
import django.db.models.functions.text
from django.contrib.postgres.operations import AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models


class Migration(migrations.Migration):
    """What reads whole tables: without a lock that keeps anybody from booking meanwhile."""

    atomic = False

    dependencies = [
        ("bookings", "0011_erasures"),
    ]

    operations = [
        # Retries of requests from before the update find their answers. Rows are locked, one by one, and no table.
        migrations.RunSQL(
            "UPDATE bookings_idempotency SET key = encode(sha256(convert_to(key, 'UTF8')), 'hex')",
            migrations.RunSQL.noop,
        ),
        AddIndexConcurrently(
            model_name="booking",
            index=models.Index(
                models.F("erased_at"), condition=models.Q(("erased_at__isnull", False)), name="booking_erased"
            ),
        ),
        AddIndexConcurrently(
            model_name="booking",
            index=models.Index(
                models.F("created_at"), condition=models.Q(("network__isnull", False)), name="booking_with_network"
            ),
        ),
        ValidateConstraint("booking", "booking_has_email_unless_by_staff"),
        ValidateConstraint("booking", "booking_erased_names_nobody"),
        AddIndexConcurrently(
            model_name="bookingevent",
            index=models.Index(
                django.db.models.functions.text.Lower("email"),
                condition=models.Q(("email", ""), _negated=True),
                name="booking_event_of_address",
            ),
        ),
        AddIndexConcurrently(
            model_name="bookingevent",
            index=django.contrib.postgres.indexes.BrinIndex(fields=["pgh_created_at"], name="booking_event_by_time"),
        ),
        AddIndexConcurrently(
            model_name="notification",
            index=models.Index(django.db.models.functions.text.Lower("to"), name="notification_to_address"),
        ),
        AddIndexConcurrently(
            model_name="waitlistentry",
            index=models.Index(django.db.models.functions.text.Lower("email"), name="waitlist_of_address"),
        ),
        AddIndexConcurrently(
            model_name="webhookdelivery",
            index=models.Index(
                django.db.models.fields.json.KeyTextTransform(
                    "reference", django.db.models.fields.json.KeyTextTransform("data", "payload")
                ),
                name="webhook_delivery_of_booking",
            ),
        ),
    ]
