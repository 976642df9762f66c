"""Drop the queue's NOTIFY triggers: workers poll, see docs/decisions/0005-queue-without-notify.md."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0002_initial"),
        ("procrastinate", "0041_post_retry_failed_job"),
    ]

    operations = [
        migrations.RunSQL(
            "DROP TRIGGER IF EXISTS procrastinate_jobs_notify_queue_job_inserted_v1 ON procrastinate_jobs;"
            "DROP TRIGGER IF EXISTS procrastinate_jobs_notify_queue_job_aborted_v1 ON procrastinate_jobs;",
            """
            CREATE TRIGGER procrastinate_jobs_notify_queue_job_inserted_v1
                AFTER INSERT ON procrastinate_jobs
                FOR EACH ROW WHEN ((new.status = 'todo'::procrastinate_job_status))
                EXECUTE PROCEDURE procrastinate_notify_queue_job_inserted_v1();
            CREATE TRIGGER procrastinate_jobs_notify_queue_job_aborted_v1
                AFTER UPDATE OF abort_requested ON procrastinate_jobs
                FOR EACH ROW WHEN ((old.abort_requested = false AND new.abort_requested = true
                                    AND new.status = 'doing'::procrastinate_job_status))
                EXECUTE PROCEDURE procrastinate_notify_queue_abort_job_v1();
            """,
        ),
    ]
