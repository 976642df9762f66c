from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bookings", "0036_booking_of_phone")]

    operations = [
        migrations.AddField(
            model_name="booking",
            name="broken_rule",
            field=models.CharField(
                blank=True,
                choices=[
                    ("started", "Had started"),
                    ("notice", "At short notice"),
                    ("horizon", "Before it opened"),
                    ("closed", "Outside the hours"),
                ],
                db_default="",
                default="",
                editable=False,
                max_length=7,
                verbose_name="outside the rules",
            ),
        ),
        AddConstraintNotValid(
            model_name="booking",
            constraint=models.CheckConstraint(
                condition=models.Q(("broken_rule__in", ["", "started", "notice", "horizon", "closed"])),
                name="booking_broken_rule_known",
            ),
        ),
        AddConstraintNotValid(
            model_name="booking",
            constraint=models.CheckConstraint(
                condition=models.Q(("broken_rule", ""), ("source", "staff"), _connector="OR"),
                name="booking_breaks_rules_only_by_staff",
            ),
        ),
    ]
