from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the indexes

    dependencies = [
        ("experts", "0030_policies_of_experts"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="slot",
            index=models.Index(
                models.F("starts_at"),
                models.F("id"),
                models.F("ends_at"),
                models.F("expert"),
                name="slot_closed_in_order",
                condition=models.Q(("is_closed", True)),
            ),
        ),
        AddIndexConcurrently(
            model_name="slot",
            index=models.Index(
                models.F("expert"),
                models.F("starts_at"),
                name="slot_closed_and_booked",
                condition=models.Q(("is_closed", True), ("seats_booked__gt", 0)),
            ),
        ),
        RemoveIndexConcurrently(model_name="slot", name="slot_closed"),
    ]
