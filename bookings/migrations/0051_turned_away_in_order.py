from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the indexes

    dependencies = [
        ("bookings", "0050_bookings_of_seldom_status"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="turnedaway",
            index=models.Index(models.F("created_at"), models.F("id"), name="turned_away_in_order"),
        ),
        AddIndexConcurrently(
            model_name="turnedaway",
            index=models.Index(
                models.F("source"),
                models.F("created_at"),
                models.F("id"),
                name="turned_away_elsewhere",
                condition=models.Q(("source", "web"), _negated=True),
            ),
        ),
        RemoveIndexConcurrently(model_name="turnedaway", name="turned_away_by_time"),
    ]
