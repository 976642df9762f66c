import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # nobody waits while rows are looked through

    dependencies = [
        ("bookings", "0026_sessions_of_several_slots"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='booking',
            index=django.contrib.postgres.indexes.GinIndex(models.F('more_slots'), condition=models.Q(('more_slots', []), _negated=True), name='booking_more_slots'),
        ),
        AddIndexConcurrently(
            model_name='booking',
            index=models.Index(models.F('session_type'), condition=models.Q(('session_type__isnull', False)), name='booking_of_type'),
        ),
        AddConstraintNotValid(
            model_name='booking',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('agreed__isnull', True), ('more_slots', []), ('session_ends_at', None), ('session_type', None)), models.Q(('agreed__isnull', False), ('session_ends_at__isnull', False), ('session_type__isnull', False)), _connector='OR'), name='booking_of_a_type_has_terms'),
        ),
        ValidateConstraint(model_name='booking', name='booking_of_a_type_has_terms'),
        AddConstraintNotValid(
            model_name='booking',
            constraint=models.CheckConstraint(condition=models.Q(('more_slots__contains', [models.F('slot')]), _negated=True), name='booking_takes_a_slot_once'),
        ),
        ValidateConstraint(model_name='booking', name='booking_takes_a_slot_once'),
    ]
