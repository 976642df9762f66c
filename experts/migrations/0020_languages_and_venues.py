from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Indexes are made while the site goes on, which no transaction can. If it breaks off, drop those that are invalid.
    atomic = False

    dependencies = [
        ("experts", "0019_names_that_can_be_translated"),
    ]

    operations = [
        AddIndexConcurrently(model_name="expert", index=GinIndex("languages", name="expert_languages")),
        AddIndexConcurrently(
            model_name="expert",
            index=models.Index(
                "venue", "organization", name="expert_venues", condition=models.Q(is_active=True)
            ),
        ),
    ]
