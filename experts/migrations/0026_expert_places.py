from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the index

    dependencies = [
        ("experts", "0025_imported_rows"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="expert",
            index=models.Index("venue", "timezone", name="expert_places", condition=models.Q(is_active=True)),
        ),
    ]
