import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the index

    dependencies = [
        ("bookings", "0035_who_came_checked"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="booking",
            index=models.Index(
                django.contrib.postgres.indexes.OpClass(
                    models.Func(
                        models.Func(
                            models.Func(
                                "phone",
                                models.Value(";"),
                                models.Value(1),
                                function="split_part",
                                output_field=models.TextField(),
                            ),
                            models.Value(r"\D"),
                            models.Value(""),
                            models.Value("g"),
                            function="regexp_replace",
                            output_field=models.TextField(),
                        ),
                        function="reverse",
                        output_field=models.TextField(),
                    ),
                    name="text_pattern_ops",
                ),
                condition=models.Q(("phone", ""), _negated=True),
                name="booking_of_phone",
            ),
        ),
    ]
