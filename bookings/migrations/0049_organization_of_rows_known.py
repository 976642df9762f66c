from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

BATCH = 5000


def fill(apps, schema_editor):
    """Write the organisation of rows of before, some thousand at a time; new ones have it by their trigger."""
    for name in ("notification", "turnedaway", "waitlistentry"):
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(f"SELECT coalesce(max(id), 0) FROM bookings_{name}")
            [most] = cursor.fetchone()
            for last in range(0, most, BATCH):
                cursor.execute(
                    f"UPDATE bookings_{name} SET of_organization_id = NULL"  # its trigger knows better
                    " WHERE id > %s AND id <= %s AND of_organization_id IS NULL",
                    [last, last + BATCH],
                )


class Migration(migrations.Migration):
    atomic = False  # nobody waits while rows are written, each batch in a transaction of its own, nor for the indexes

    dependencies = [
        ("bookings", "0048_organization_of_rows"),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
        AddIndexConcurrently(
            model_name="notification",
            index=models.Index(
                models.F("of_organization"), models.F("id"), name="notification_of_organization"
            ),
        ),
        AddIndexConcurrently(
            model_name="turnedaway",
            index=models.Index(
                models.F("of_organization"),
                models.F("created_at"),
                models.F("id"),
                name="turned_away_of_organization",
            ),
        ),
        AddIndexConcurrently(
            model_name="waitlistentry",
            index=models.Index(
                models.F("of_organization"), models.F("id"), name="waitlist_of_organization"
            ),
        ),
    ]
