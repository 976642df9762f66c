from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the index

    dependencies = [
        ("bookings", "0049_organization_of_rows_known"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="booking",
            index=models.Index(
                models.F("status"),
                models.F("id"),
                condition=models.Q(("status__in", ["PENDING", "REJECTED"])),
                name="booking_by_seldom_status",
            ),
        ),
    ]
