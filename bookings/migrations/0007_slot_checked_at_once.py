"""Check a booking's slot at each statement, not only at commit.

Django's foreign keys wait for the commit. Until then raw SQL could delete a slot and insert it again, give it another
id, or insert a booking before its slot: the counters would not know of the booking, and the slot would be overbooked.
"""

from django.db import migrations

_FIND = """
    DO $$
    DECLARE name text;
    BEGIN
        SELECT conname INTO STRICT name FROM pg_constraint
        WHERE conrelid = 'bookings_booking'::regclass AND confrelid = 'experts_slot'::regclass AND contype = 'f';
        EXECUTE format('ALTER TABLE bookings_booking ALTER CONSTRAINT %I {}', name);
    END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("bookings", "0006_reason")]

    operations = [
        migrations.RunSQL(_FIND.format("NOT DEFERRABLE"), _FIND.format("DEFERRABLE INITIALLY DEFERRED")),
    ]
