from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models

BATCH = 5000


def fill(apps, schema_editor):
    """Write when sessions are over that are still to take place, some thousand at a time.

    New bookings have it by their trigger, and so has what had ended before and is on again: to write to each of
    millions of old rows, and to all of their indexes, would take a quarter of an hour.
    """
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM bookings_booking")
        [most] = cursor.fetchone()
        for last in range(0, most, BATCH):
            cursor.execute(
                "UPDATE bookings_booking SET over_at = NULL"  # its trigger knows better
                " WHERE id > %s AND id <= %s AND over_at IS NULL AND status IN ('HELD', 'PENDING', 'CONFIRMED')",
                [last, last + BATCH],
            )


class Migration(migrations.Migration):
    atomic = False  # nobody waits while rows are written, each batch in a transaction of its own, nor for the indexes

    dependencies = [
        ("bookings", "0052_ends_of_sessions"),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
        AddIndexConcurrently(
            model_name="booking",
            index=models.Index(
                models.F("over_at"), condition=models.Q(("status", "CONFIRMED")), name="booking_over"
            ),
        ),
        RemoveIndexConcurrently(model_name="booking", name="booking_to_complete"),
        RemoveIndexConcurrently(model_name="booking", name="booking_session_to_complete"),
    ]
