from django.db import migrations

# As for slots (experts 0003): the old rows would keep the new ones from being vacuumed and counted for months.
OFTEN = """
    ALTER TABLE bookings_booking SET (
        autovacuum_vacuum_scale_factor = 0.02,
        autovacuum_vacuum_insert_scale_factor = 0.02,
        autovacuum_analyze_scale_factor = 0.01
    )
"""
AS_BEFORE = """
    ALTER TABLE bookings_booking RESET (
        autovacuum_vacuum_scale_factor,
        autovacuum_vacuum_insert_scale_factor,
        autovacuum_analyze_scale_factor
    )
"""


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0004_outbox"),
    ]

    operations = [
        migrations.RunSQL(OFTEN, AS_BEFORE),
    ]
