from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the index

    dependencies = [
        ("experts", "0027_closed_slots"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="expert",
            index=models.Index("city", "organization", name="expert_cities", condition=models.Q(is_active=True)),
        ),
    ]
