from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0021_mail_events"),
    ]

    operations = [
        migrations.AddField(
            model_name="booking",
            name="extensions",
            field=models.PositiveSmallIntegerField(db_default=0, default=0, editable=False),
        ),
    ]
