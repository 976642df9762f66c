from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0022_notices_off"),
    ]

    operations = [
        migrations.AddField(
            model_name="booking",
            name="extensions",
            field=models.PositiveSmallIntegerField(db_default=0, default=0, editable=False),
        ),
    ]
