from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("bookings", "0037_broken_rule")]

    operations = [
        ValidateConstraint("booking", "booking_broken_rule_known"),
        ValidateConstraint("booking", "booking_breaks_rules_only_by_staff"),
    ]
