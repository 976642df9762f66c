from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the index

    dependencies = [
        ("experts", "0026_expert_places"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="slot",
            index=models.Index(
                models.F("expert"), models.F("starts_at"), name="slot_closed", condition=models.Q(("is_closed", True))
            ),
        ),
    ]
