from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the index

    dependencies = [
        ("experts", "0029_copies"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="expert",
            index=models.Index(
                "id", include=["is_active", "organization", "min_notice", "horizon_days", "venue", "timezone"], name="expert_policy"
            ),
        ),
        AddIndexConcurrently(
            model_name="expert",
            index=models.Index("id", name="expert_inactive", condition=models.Q(is_active=False)),
        ),
    ]
