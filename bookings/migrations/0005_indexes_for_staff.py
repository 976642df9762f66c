from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("bookings", "0004_proofs_and_lookup"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="booking",
            index=models.Index(
                models.F("expires_at"), condition=models.Q(("status", "PENDING")), name="booking_awaiting_approval"
            ),
        ),
        migrations.AddIndex(
            model_name="turnedaway",
            index=models.Index(models.F("created_at"), name="turned_away_by_time"),
        ),
    ]
