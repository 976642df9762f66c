from django.db import migrations

# By default a fifth of a table has to change before it is vacuumed, and a tenth before its statistics are made anew: with
# years of old rows that is months of work in the few rows that are read. Takes no lock that others wait for.
OFTEN = """
    ALTER TABLE experts_slot SET (
        autovacuum_vacuum_scale_factor = 0.02,
        autovacuum_vacuum_insert_scale_factor = 0.02,
        autovacuum_analyze_scale_factor = 0.01
    )
"""
AS_BEFORE = """
    ALTER TABLE experts_slot RESET (
        autovacuum_vacuum_scale_factor,
        autovacuum_vacuum_insert_scale_factor,
        autovacuum_analyze_scale_factor
    )
"""


class Migration(migrations.Migration):
    dependencies = [
        ("experts", "0002_listed_in_order"),
    ]

    operations = [
        migrations.RunSQL(OFTEN, AS_BEFORE),
    ]
