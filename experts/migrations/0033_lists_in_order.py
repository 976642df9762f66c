from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the indexes

    dependencies = [
        ("experts", "0032_open_slots_by_time"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="expert",
            index=models.Index(
                models.F("organization"),
                models.F("id"),
                name="expert_added_to_organization",
                condition=models.Q(("is_active", True)),
            ),
        ),
        AddIndexConcurrently(
            model_name="timeoff",
            index=models.Index(models.F("first_day"), models.F("id"), name="time_off_by_first_day"),
        ),
    ]
