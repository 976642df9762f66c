from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models

MAY_BE_BOOKABLE = models.Q(is_closed=False) & (
    models.Q(seats_held__lt=models.F("capacity") - models.F("seats_booked")) | models.Q(next_hold_expiry__isnull=False)
)


class Migration(migrations.Migration):
    # Indexes are made while the site goes on, which no transaction can. If it breaks off, drop those that are invalid.
    atomic = False

    dependencies = [
        ("experts", "0015_cities_and_search_words"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="slot",
            index=models.Index(
                "starts_at", "expert", "date", name="slot_open_by_start_and_day", condition=MAY_BE_BOOKABLE
            ),
        ),
        RemoveIndexConcurrently(model_name="slot", name="slot_open_by_start"),
    ]
