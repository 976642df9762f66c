"""Let time pass after a chaos run: what waits for its next attempt is due now, and dead workers' jobs are found."""

from datetime import timedelta

from django.db import connection, transaction
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from bookings.models import OutboxMail, WebhookDelivery
from bookings.queue import defer
from bookings.webhooks.events import queue_attempts

WAITING = WebhookDelivery.Status.WAITING
POISON = "tests.chaos.poison.poison"


def let_time_pass() -> None:
    now = timezone.now()
    with transaction.atomic():
        late = list(WebhookDelivery.objects.filter(status=WAITING, next_attempt_at__gt=now + timedelta(seconds=1)))
        for delivery in late:
            delivery.next_attempt_at = now
        WebhookDelivery.objects.bulk_update(late, ["next_attempt_at"])
        queue_attempts(late)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE bookings_outboxmail SET due_at = now() WHERE due_at > now() + interval '5 seconds'")
        cursor.execute(
            "UPDATE procrastinate_jobs SET scheduled_at = now() WHERE status = 'todo' AND scheduled_at > now()"
            # What was left behind by dead workers is done again apart from each other (bookings/services/jobs.py).
            " AND task_name <> 'bookings.tasks.deliver_webhook'"
            " AND (task_name = %s OR id NOT IN (SELECT job_id FROM bookings_leftbehind))",
            [POISON],
        )
    if not ProcrastinateJob.objects.filter(task_name="bookings.tasks.recover", status="todo").exists():
        defer("bookings.tasks.recover", timestamp=0)


def forget_poison() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs WHERE task_name = %s", [POISON])


def waits() -> list[str]:
    """What has not left yet."""
    jobs = ProcrastinateJob.objects.filter(status__in=["todo", "doing"])
    work = (
        jobs.filter(task_name__startswith="bookings.tasks.send").count()
        + jobs.filter(task_name="bookings.tasks.deliver_webhook", scheduled_at__lte=timezone.now()).count()
    )
    found = {
        "mails about bookings": OutboxMail.objects.count(),
        "webhooks": WebhookDelivery.objects.filter(status=WAITING).count(),
        "jobs": work,
        "the job that kills its worker": jobs.filter(task_name=POISON).count(),
    }
    return [f"{count} × {what}" for what, count in found.items() if count]


def queue_at_work() -> list[str]:
    """The jobs that somebody does or should do, and the workers: for who looks for a fault."""
    rows = ProcrastinateJob.objects.filter(status__in=["todo", "doing"]).order_by("pk")
    jobs = [f"{row.pk} {row.task_name} {row.args} {row.status} tried {row.attempts}" for row in rows]
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, extract(epoch FROM now() - last_heartbeat)::int FROM procrastinate_workers")
        return jobs + [f"worker {key}: last seen {seconds} s ago" for key, seconds in cursor.fetchall()]
