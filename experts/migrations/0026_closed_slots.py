from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the index

    dependencies = [
        ("experts", "0025_imported_rows"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="slot",
            index=models.Index(
                models.F("expert"), models.F("starts_at"), name="slot_closed", condition=models.Q(("is_closed", True))
            ),
        ),
    ]
