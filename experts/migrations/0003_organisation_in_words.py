from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ("experts", "0002_slot_by_start"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="organization",
            options={
                "ordering": ["name", "id"],
                "verbose_name": "organisation",
                "verbose_name_plural": "organisations",
            },
        ),
    ]
