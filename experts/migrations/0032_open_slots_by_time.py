from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models

MAY_BE_BOOKABLE = models.Q(is_closed=False) & (
    models.Q(seats_held__lt=models.F("capacity") - models.F("seats_booked")) | models.Q(next_hold_expiry__isnull=False)
)


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the index

    dependencies = [
        ("experts", "0031_closed_slots_in_order"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="slot",
            index=models.Index(
                "starts_at", "expert", "date", "time", name="slot_open_by_start_day_time", condition=MAY_BE_BOOKABLE
            ),
        ),
        RemoveIndexConcurrently(model_name="slot", name="slot_open_by_start_and_day"),
    ]
