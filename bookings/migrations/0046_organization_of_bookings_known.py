from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

BATCH = 5000


def fill(apps, schema_editor):
    """Write the organisation of bookings of before, some thousand at a time; new ones have it by their trigger."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM bookings_booking")
        [most] = cursor.fetchone()
        for last in range(0, most, BATCH):
            cursor.execute(
                "UPDATE bookings_booking SET of_organization_id = NULL"  # its trigger knows better
                " WHERE id > %s AND id <= %s AND of_organization_id IS NULL",
                [last, last + BATCH],
            )


class Migration(migrations.Migration):
    atomic = False  # nobody waits while rows are written, each batch in a transaction of its own, nor for the indexes

    dependencies = [
        ("bookings", "0045_organization_of_bookings"),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
        AddIndexConcurrently(
            model_name="booking",
            index=models.Index(
                models.F("of_organization"), models.F("id"), name="booking_of_organization"
            ),
        ),
        AddIndexConcurrently(
            model_name="booking",
            index=models.Index(
                models.F("of_organization"),
                models.F("expires_at"),
                condition=models.Q(("status", "PENDING")),
                name="booking_asked_of_organization",
            ),
        ),
    ]
