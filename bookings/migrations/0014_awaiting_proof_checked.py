from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # nobody waits while rows are looked through

    dependencies = [
        ("bookings", "0013_awaiting_proof"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='notification',
            name='notification_kind_known',
        ),
        migrations.RemoveConstraint(
            model_name='outboxmail',
            name='outboxmail_kind_known',
        ),
        migrations.RemoveConstraint(
            model_name='remindermark',
            name='remindermark_kind_known',
        ),
        AddIndexConcurrently(
            model_name='booking',
            index=models.Index(models.F('expires_at'), condition=models.Q(('awaits_proof', True)), name='booking_awaiting_proof'),
        ),
        AddIndexConcurrently(
            model_name='booking',
            index=models.Index(models.F('of_expert'), models.OrderBy(models.F('created_at'), descending=True), condition=models.Q(('of_expert__isnull', False), ('status__in', ['HELD', 'PENDING', 'CONFIRMED'])), name='booking_lately_of_expert'),
        ),
        AddConstraintNotValid(
            model_name='booking',
            constraint=models.CheckConstraint(condition=models.Q(('proof_reason__in', ['', 'policy', 'network', 'expert', 'domain', 'quick'])), name='booking_proof_reason_known'),
        ),
        ValidateConstraint(model_name='booking', name='booking_proof_reason_known'),
        AddConstraintNotValid(
            model_name='booking',
            constraint=models.CheckConstraint(condition=models.Q(('awaits_proof', False), ('status__in', ['HELD', 'EXPIRED']), _connector='OR'), name='booking_counts_once_proven'),
        ),
        ValidateConstraint(model_name='booking', name='booking_counts_once_proven'),
        AddConstraintNotValid(
            model_name='notification',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['pending', 'confirmed', 'rejected', 'cancelled', 'rescheduled', 'expired', 'reminder_day', 'reminder_hour', 'staff_request', 'staff_expired', 'lookup', 'webhook_paused', 'waitlist_offer', 'invitation', 'prove'])), name='notification_kind_known'),
        ),
        ValidateConstraint(model_name='notification', name='notification_kind_known'),
        AddConstraintNotValid(
            model_name='outboxmail',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['pending', 'confirmed', 'rejected', 'cancelled', 'rescheduled', 'expired', 'reminder_day', 'reminder_hour', 'staff_request', 'staff_expired', 'lookup', 'webhook_paused', 'waitlist_offer', 'invitation', 'prove'])), name='outboxmail_kind_known'),
        ),
        ValidateConstraint(model_name='outboxmail', name='outboxmail_kind_known'),
        AddConstraintNotValid(
            model_name='remindermark',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['pending', 'confirmed', 'rejected', 'cancelled', 'rescheduled', 'expired', 'reminder_day', 'reminder_hour', 'staff_request', 'staff_expired', 'lookup', 'webhook_paused', 'waitlist_offer', 'invitation', 'prove'])), name='remindermark_kind_known'),
        ),
        ValidateConstraint(model_name='remindermark', name='remindermark_kind_known'),
    ]
