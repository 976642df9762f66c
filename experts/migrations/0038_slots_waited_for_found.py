import django.db.models.expressions
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the index

    dependencies = [
        ("experts", "0037_slots_waited_for"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="slot",
            index=models.Index(models.F('starts_at'), condition=models.Q(('is_closed', False), models.Q(('seats_held__lt', django.db.models.expressions.CombinedExpression(models.F('capacity'), '-', models.F('seats_booked'))), ('next_hold_expiry__isnull', False), _connector='OR'), ('is_waited_for', True)), name='slot_waited_for'),
        ),
    ]
