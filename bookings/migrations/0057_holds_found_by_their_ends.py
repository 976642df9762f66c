from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the index

    dependencies = [
        ("bookings", "0056_holds_read_few_rows"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="booking",
            index=models.Index(
                models.F("expires_at"),
                condition=Q(status__in=["HELD", "PENDING"], expires_at__isnull=False),
                name="booking_running_out",
            ),
        ),
        RemoveIndexConcurrently(model_name="booking", name="booking_to_expire"),
    ]
