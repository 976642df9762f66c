from django.db import migrations

# Of a job only the end is noted that it should not have come to: docs/decisions/0005-queue-without-notify.md.
WITHOUT_EVENTS = """
    DROP TRIGGER IF EXISTS procrastinate_trigger_status_events_insert_v1 ON procrastinate_jobs;
    DROP TRIGGER IF EXISTS procrastinate_trigger_scheduled_events_v1 ON procrastinate_jobs;
    DROP TRIGGER IF EXISTS procrastinate_trigger_status_events_update_v1 ON procrastinate_jobs;
    CREATE TRIGGER procrastinate_trigger_status_events_update_v1
        AFTER UPDATE OF status ON procrastinate_jobs
        FOR EACH ROW WHEN (new.status IN ('failed', 'cancelled', 'aborted'))
        EXECUTE PROCEDURE procrastinate_trigger_function_status_events_update_v1();
"""
WITH_EVENTS = """
    DROP TRIGGER procrastinate_trigger_status_events_update_v1 ON procrastinate_jobs;
    CREATE TRIGGER procrastinate_trigger_status_events_update_v1
        AFTER UPDATE OF status ON procrastinate_jobs
        FOR EACH ROW
        EXECUTE PROCEDURE procrastinate_trigger_function_status_events_update_v1();
    CREATE TRIGGER procrastinate_trigger_status_events_insert_v1
        AFTER INSERT ON procrastinate_jobs
        FOR EACH ROW WHEN ((new.status = 'todo'::procrastinate_job_status))
        EXECUTE PROCEDURE procrastinate_trigger_function_status_events_insert_v1();
    CREATE TRIGGER procrastinate_trigger_scheduled_events_v1
        AFTER UPDATE OR INSERT ON procrastinate_jobs
        FOR EACH ROW WHEN ((new.scheduled_at IS NOT NULL AND new.status = 'todo'::procrastinate_job_status))
        EXECUTE PROCEDURE procrastinate_trigger_function_scheduled_events_v1();
"""


class Migration(migrations.Migration):
    dependencies = [("bookings", "0001_initial")]

    operations = [migrations.RunSQL(WITHOUT_EVENTS, WITH_EVENTS)]
