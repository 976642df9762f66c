from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Indexes are made while the site goes on, which no transaction can. If it breaks off, drop those that are invalid.
    atomic = False

    dependencies = [
        ("experts", "0002_listed_in_order"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="slot",
            index=models.Index("starts_at", "id", "ends_at", "date", "expert", name="slot_by_start_and_day"),
        ),
        RemoveIndexConcurrently(model_name="slot", name="slot_in_order"),
    ]
