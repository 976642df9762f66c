from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("bookings", "0034_who_came")]

    operations = [ValidateConstraint("booking", "booking_of_somebody_who_came_is_on")]
