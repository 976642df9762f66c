from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the index

    dependencies = [
        ("experts", "0035_experts_of_all_states_in_order"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="expert",
            index=models.Index(
                "venue", "timezone", "id", name="expert_by_place", condition=models.Q(is_active=True)
            ),
        ),
        RemoveIndexConcurrently(model_name="expert", name="expert_places"),
    ]
