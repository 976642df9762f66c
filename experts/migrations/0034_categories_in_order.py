from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the index

    dependencies = [
        ("experts", "0033_lists_in_order"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="expert",
            index=models.Index(
                models.F("category"),
                models.F("id"),
                name="expert_added_to_category",
                condition=models.Q(("is_active", True)),
            ),
        ),
    ]
