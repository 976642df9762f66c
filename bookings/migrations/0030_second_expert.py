import django.db.models.deletion
from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # nobody waits while rows are looked through

    dependencies = [
        ("bookings", "0029_questions"),
        ("experts", "0023_types_of_two_experts"),
    ]

    operations = [
        migrations.AddField(
            model_name="booking",
            name="second_expert",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="experts.expert",
                verbose_name="second expert",
            ),
        ),
        AddIndexConcurrently(
            model_name="booking",
            index=models.Index(
                models.F("second_expert"),
                condition=models.Q(("second_expert__isnull", False)),
                name="booking_of_second",
            ),
        ),
        AddConstraintNotValid(
            model_name="booking",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("second_expert", None), models.Q(("more_slots", []), _negated=True), _connector="OR"
                ),
                name="booking_of_two_takes_slots_of_both",
            ),
        ),
        ValidateConstraint(model_name="booking", name="booking_of_two_takes_slots_of_both"),
    ]
