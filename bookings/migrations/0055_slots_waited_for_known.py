from django.db import migrations

BATCH = 1000


def fill(apps, schema_editor):
    """Mark the slots for which somebody waits, some at a time; who joins from now on does it by a trigger."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM bookings_waitlistentry")
        [most] = cursor.fetchone()
        for last in range(0, most, BATCH):
            cursor.execute(
                "UPDATE experts_slot SET is_waited_for = true WHERE NOT is_waited_for AND starts_at > now() AND id IN"
                " (SELECT slot_id FROM bookings_waitlistentry WHERE status = 'WAITING' AND id > %s AND id <= %s)",
                [last, last + BATCH],
            )


class Migration(migrations.Migration):
    atomic = False  # nobody waits while rows are written, each batch in a transaction of its own

    dependencies = [
        ("bookings", "0054_slots_waited_for"),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
