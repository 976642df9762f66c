from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("experts", "0001_initial"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="slot",
            index=models.Index(models.F("starts_at"), name="slot_by_start"),
        ),
    ]
