from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the index

    dependencies = [
        ("experts", "0034_categories_in_order"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="expert",
            index=models.Index("organization", "id", include=["is_active"], name="expert_in_order_of_adding"),
        ),
        RemoveIndexConcurrently(model_name="expert", name="expert_added_to_organization"),
    ]
