import bookings.models.booking
import bookings.models.webhook
import bookings.validators
import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.core.serializers.json
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.text
import experts.timezones
import pgtrigger.compiler
from django.conf import settings
from django.db import migrations, models
from experts.migration_operations import CreateModels

# Workers poll: docs/decisions/0005-queue-without-notify.md.
WITHOUT_NOTIFY = """
    DROP TRIGGER IF EXISTS procrastinate_jobs_notify_queue_job_inserted_v1 ON procrastinate_jobs;
    DROP TRIGGER IF EXISTS procrastinate_jobs_notify_queue_job_aborted_v1 ON procrastinate_jobs;
"""
WITH_NOTIFY = """
    CREATE TRIGGER procrastinate_jobs_notify_queue_job_inserted_v1
        AFTER INSERT ON procrastinate_jobs
        FOR EACH ROW WHEN ((new.status = 'todo'::procrastinate_job_status))
        EXECUTE PROCEDURE procrastinate_notify_queue_job_inserted_v1();
    CREATE TRIGGER procrastinate_jobs_notify_queue_job_aborted_v1
        AFTER UPDATE OF abort_requested ON procrastinate_jobs
        FOR EACH ROW WHEN ((old.abort_requested = false AND new.abort_requested = true
                            AND new.status = 'doing'::procrastinate_job_status))
        EXECUTE PROCEDURE procrastinate_notify_queue_abort_job_v1();
"""

# A booking's slot is checked at each statement. Django's foreign keys wait for the commit: until then raw SQL could
# delete a slot and insert it again, give it another id, or insert a booking before its slot; the counters would not
# know of the booking, and the slot would be overbooked.
SLOT_CHECKED = """
    DO $$
    DECLARE name text;
    BEGIN
        SELECT conname INTO STRICT name FROM pg_constraint
        WHERE conrelid = 'bookings_booking'::regclass AND confrelid = 'experts_slot'::regclass AND contype = 'f';
        EXECUTE format('ALTER TABLE bookings_booking ALTER CONSTRAINT %I {}', name);
    END $$;
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("experts", "0001_initial"),
        ("pghistory", "0007_auto_20250421_0444"),
        ("procrastinate", "0041_post_retry_failed_job"),
    ]

    operations = [
        CreateModels(
            models=[
                migrations.CreateModel(
                    name="ApiToken",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("token_hash", models.CharField(editable=False, max_length=64, unique=True)),
                        ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name="created")),
                        ("last_used_at", models.DateTimeField(editable=False, null=True, verbose_name="last used")),
                        ("revoked_at", models.DateTimeField(editable=False, null=True, verbose_name="revoked")),
                        ("organization", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="api_tokens", to="experts.organization", verbose_name="organisation")),
                        ("name", models.CharField(help_text="Which program uses it.", max_length=80, validators=[bookings.validators.validate_plain_text], verbose_name="name")),
                        ("ending", models.CharField(editable=False, max_length=4, verbose_name="ends in")),
                        ("scope", models.CharField(choices=[("read", "Read"), ("write", "Read and write")], default="read", max_length=5, verbose_name="may")),
                        ("created_by", models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL, verbose_name="created by")),
                    ],
                    options={
                        "verbose_name": "API token",
                        "verbose_name_plural": "API tokens",
                        "ordering": ["-id"],
                        "abstract": False,
                        "constraints": [models.CheckConstraint(condition=models.Q(("scope__in", ["read", "write"])), name="apitoken_scope_known")],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="insert_insert",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func='INSERT INTO "bookings_apitokenevent" ("ending", "name", "organization_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "revoked_at", "scope") VALUES (NEW."ending", NEW."name", NEW."organization_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."revoked_at", NEW."scope"); RETURN NULL;',
                                    hash="aa774fd9e99708552e64672df59eae561c5a25b9",
                                    operation="INSERT",
                                    pgid="pgtrigger_insert_insert_d1137",
                                    table="bookings_apitoken",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="update_update",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition='WHEN (OLD."ending" IS DISTINCT FROM (NEW."ending") OR OLD."name" IS DISTINCT FROM (NEW."name") OR OLD."organization_id" IS DISTINCT FROM (NEW."organization_id") OR OLD."revoked_at" IS DISTINCT FROM (NEW."revoked_at") OR OLD."scope" IS DISTINCT FROM (NEW."scope"))',
                                    func='INSERT INTO "bookings_apitokenevent" ("ending", "name", "organization_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "revoked_at", "scope") VALUES (NEW."ending", NEW."name", NEW."organization_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."revoked_at", NEW."scope"); RETURN NULL;',
                                    hash="21907c6822ae5959aef527976d6a6a87838a4de4",
                                    operation="UPDATE",
                                    pgid="pgtrigger_update_update_8d7f8",
                                    table="bookings_apitoken",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="delete_delete",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func='INSERT INTO "bookings_apitokenevent" ("ending", "name", "organization_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "revoked_at", "scope") VALUES (OLD."ending", OLD."name", OLD."organization_id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."revoked_at", OLD."scope"); RETURN NULL;',
                                    hash="3f0a4e896afa0cf69acd2cc5c363fe32b703be7f",
                                    operation="DELETE",
                                    pgid="pgtrigger_delete_delete_020f5",
                                    table="bookings_apitoken",
                                    when="AFTER",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ApiTokenEvent",
                    fields=[
                        ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                        ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                        ("pgh_label", models.TextField(help_text="The event label.")),
                        ("pgh_obj", models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name="events", to="bookings.apitoken")),
                        ("pgh_context", models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to="pghistory.context")),
                        ("organization", models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", related_query_name="+", to="experts.organization", verbose_name="organisation")),
                        ("name", models.CharField(help_text="Which program uses it.", max_length=80, validators=[bookings.validators.validate_plain_text], verbose_name="name")),
                        ("ending", models.CharField(editable=False, max_length=4, verbose_name="ends in")),
                        ("scope", models.CharField(choices=[("read", "Read"), ("write", "Read and write")], default="read", max_length=5, verbose_name="may")),
                        ("revoked_at", models.DateTimeField(editable=False, null=True, verbose_name="revoked")),
                    ],
                    options={
                        "abstract": False,
                    },
                ),
                migrations.CreateModel(
                    name="Booking",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("slot", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="bookings", to="experts.slot", verbose_name="slot")),
                        ("seats", models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1)], verbose_name="seats")),
                        ("status", models.CharField(choices=[("HELD", "Held"), ("PENDING", "Pending approval"), ("CONFIRMED", "Confirmed"), ("COMPLETED", "Completed"), ("NO_SHOW", "No-show"), ("CANCELLED", "Cancelled"), ("REJECTED", "Rejected"), ("EXPIRED", "Expired")], max_length=10, verbose_name="status")),
                        ("name", models.CharField(blank=True, max_length=120, validators=[bookings.validators.validate_plain_text], verbose_name="full name")),
                        ("email", models.EmailField(blank=True, max_length=254, validators=[bookings.validators.validate_plain_text], verbose_name="e-mail")),
                        ("phone", models.CharField(blank=True, max_length=40, validators=[bookings.validators.validate_plain_text], verbose_name="phone")),
                        ("notes", models.TextField(blank=True, max_length=2000, validators=[django.core.validators.MaxLengthValidator(2000), bookings.validators.validate_printable], verbose_name="notes")),
                        ("reference", models.CharField(default=bookings.models.booking.new_reference, editable=False, max_length=12, unique=True, verbose_name="reference")),
                        ("holder", models.CharField(blank=True, editable=False, max_length=32)),
                        ("reason", models.TextField(blank=True, db_default="", default="", max_length=1000, validators=[django.core.validators.MaxLengthValidator(1000), bookings.validators.validate_printable], verbose_name="message to the customer")),
                        ("cancel_reason", models.CharField(blank=True, choices=[("plans", "My plans changed"), ("better", "I don’t need it any more"), ("elsewhere", "I found another time or place"), ("other", "Something else")], db_default="", default="", max_length=10, verbose_name="reason of the customer")),
                        ("expires_at", models.DateTimeField(blank=True, null=True, verbose_name="expires at")),
                        ("language", models.CharField(default="en", max_length=10, verbose_name="language")),
                        ("timezone", models.CharField(blank=True, max_length=64, validators=[experts.timezones.validate_zone], verbose_name="time zone of the booker")),
                        ("sequence", models.PositiveIntegerField(db_default=0, default=0, editable=False)),
                        ("source", models.CharField(choices=[("web", "Web page"), ("api", "API"), ("staff", "Staff")], default="web", max_length=5, verbose_name="source")),
                        ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name="created")),
                    ],
                    options={
                        "ordering": ["-created_at", "-id"],
                        "indexes": [
                            models.Index(models.F("slot"), models.F("expires_at"), condition=models.Q(("status", "HELD")), name="booking_running_holds"),
                            models.Index(models.F("holder"), models.OrderBy(models.F("created_at"), descending=True), condition=models.Q(("holder", ""), _negated=True), name="booking_of_visitor"),
                            models.Index(django.contrib.postgres.indexes.OpClass(django.db.models.functions.text.Lower("email"), name="text_pattern_ops"), name="booking_of_address"),
                            django.contrib.postgres.indexes.GinIndex(
                                django.contrib.postgres.search.SearchVector(models.Func("name", models.Value("'’‘ʼ-‐‑–.,/_@+&"), models.Value("               "), function="translate", output_field=models.TextField()), config="simple"), condition=models.Q(("name", ""), _negated=True), name="booking_in_words"
                            ),
                            models.Index(models.F("expires_at"), condition=models.Q(("status__in", ["HELD", "PENDING"])), name="booking_to_expire"),
                            models.Index(models.F("expires_at"), condition=models.Q(("name", ""), ("status", "EXPIRED")), name="booking_ended_holds"),
                            models.Index(models.F("slot"), condition=models.Q(("status", "CONFIRMED")), name="booking_to_complete"),
                        ],
                        "constraints": [
                            models.CheckConstraint(condition=models.Q(("status__in", ["HELD", "PENDING", "CONFIRMED", "COMPLETED", "NO_SHOW", "CANCELLED", "REJECTED", "EXPIRED"])), name="booking_status_known"),
                            models.CheckConstraint(condition=models.Q(("source__in", ["web", "api", "staff"])), name="booking_source_known"),
                            models.CheckConstraint(condition=models.Q(("cancel_reason__in", ["", "plans", "better", "elsewhere", "other"])), name="booking_cancel_reason_known"),
                            models.CheckConstraint(condition=models.Q(("seats__gte", 1)), name="booking_has_a_seat"),
                            models.CheckConstraint(condition=models.Q(("expires_at__isnull", False), models.Q(("status__in", ["HELD", "PENDING"]), _negated=True), _connector="OR"), name="booking_hold_or_request_expires"),
                            models.CheckConstraint(condition=models.Q(models.Q(("email", ""), _negated=True), ("source", "staff"), ("status__in", ["HELD", "EXPIRED"]), _connector="OR"), name="booking_has_email_unless_by_staff"),
                        ],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="booking_keeps_slot_counters",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    declare="DECLARE change RECORD;",
                                    func="\n                    -- In id order, so that two moves in opposite directions wait for each other instead of deadlocking.\n                    FOR change IN\n                        SELECT touched.slot_id,\n                               sum(touched.held)::int AS held,\n                               sum(touched.booked)::int AS booked,\n                               bool_or(touched.is_hold) AS is_hold\n                        FROM (\n                            SELECT OLD.slot_id,\n                                   CASE WHEN OLD.status = 'HELD' THEN -OLD.seats ELSE 0 END AS held,\n                                   CASE WHEN OLD.status IN ('PENDING', 'CONFIRMED', 'COMPLETED', 'NO_SHOW')\n                                        THEN -OLD.seats ELSE 0 END AS booked,\n                                   OLD.status = 'HELD' AS is_hold\n                            UNION ALL\n                            SELECT NEW.slot_id,\n                                   CASE WHEN NEW.status = 'HELD' THEN NEW.seats ELSE 0 END,\n                                   CASE WHEN NEW.status IN ('PENDING', 'CONFIRMED', 'COMPLETED', 'NO_SHOW')\n                                        THEN NEW.seats ELSE 0 END,\n                                   NEW.status = 'HELD'\n                        ) AS touched\n                        WHERE touched.slot_id IS NOT NULL\n                        GROUP BY touched.slot_id\n                        ORDER BY touched.slot_id\n                    LOOP\n                        IF change.is_hold THEN\n                            -- The earliest expiry is read from other rows, so it needs the lock first and then,\n                            -- in a new statement, a fresh look.\n                            PERFORM 1 FROM experts_slot WHERE id = change.slot_id FOR NO KEY UPDATE;\n                            UPDATE experts_slot\n                            SET seats_held = seats_held + change.held,\n                                seats_booked = seats_booked + change.booked,\n                                next_hold_expiry = (\n                                    SELECT min(expires_at) FROM bookings_booking\n                                    WHERE slot_id = change.slot_id AND status = 'HELD')\n                            WHERE id = change.slot_id;\n                        ELSIF change.held <> 0 OR change.booked <> 0 THEN\n                            UPDATE experts_slot\n                            SET seats_held = seats_held + change.held,\n                                seats_booked = seats_booked + change.booked\n                            WHERE id = change.slot_id;\n                        END IF;\n                    END LOOP;\n                    RETURN NULL;\n                ",
                                    hash="d972edabb3dd7a5090471ac280ea7be77fb9ad52",
                                    operation='INSERT OR DELETE OR UPDATE OF "slot_id", "status", "seats", "expires_at"',
                                    pgid="pgtrigger_booking_keeps_slot_counters_76f95",
                                    table="bookings_booking",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="insert_insert",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func='INSERT INTO "bookings_bookingevent" ("cancel_reason", "created_at", "email", "expires_at", "id", "language", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "phone", "reason", "reference", "seats", "sequence", "slot_id", "source", "status", "timezone") VALUES (NEW."cancel_reason", NEW."created_at", NEW."email", NEW."expires_at", NEW."id", NEW."language", NEW."name", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."phone", NEW."reason", NEW."reference", NEW."seats", NEW."sequence", NEW."slot_id", NEW."source", NEW."status", NEW."timezone"); RETURN NULL;',
                                    hash="40c16b0597467f835b529835881f396f2b846e39",
                                    operation="INSERT",
                                    pgid="pgtrigger_insert_insert_28bb6",
                                    table="bookings_booking",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="update_update",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition='WHEN (OLD."cancel_reason" IS DISTINCT FROM (NEW."cancel_reason") OR OLD."created_at" IS DISTINCT FROM (NEW."created_at") OR OLD."email" IS DISTINCT FROM (NEW."email") OR OLD."expires_at" IS DISTINCT FROM (NEW."expires_at") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."language" IS DISTINCT FROM (NEW."language") OR OLD."name" IS DISTINCT FROM (NEW."name") OR OLD."phone" IS DISTINCT FROM (NEW."phone") OR OLD."reason" IS DISTINCT FROM (NEW."reason") OR OLD."reference" IS DISTINCT FROM (NEW."reference") OR OLD."seats" IS DISTINCT FROM (NEW."seats") OR OLD."sequence" IS DISTINCT FROM (NEW."sequence") OR OLD."slot_id" IS DISTINCT FROM (NEW."slot_id") OR OLD."source" IS DISTINCT FROM (NEW."source") OR OLD."status" IS DISTINCT FROM (NEW."status") OR OLD."timezone" IS DISTINCT FROM (NEW."timezone"))',
                                    func='INSERT INTO "bookings_bookingevent" ("cancel_reason", "created_at", "email", "expires_at", "id", "language", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "phone", "reason", "reference", "seats", "sequence", "slot_id", "source", "status", "timezone") VALUES (NEW."cancel_reason", NEW."created_at", NEW."email", NEW."expires_at", NEW."id", NEW."language", NEW."name", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."phone", NEW."reason", NEW."reference", NEW."seats", NEW."sequence", NEW."slot_id", NEW."source", NEW."status", NEW."timezone"); RETURN NULL;',
                                    hash="0d148b09d1d79e3ac4b9f922756d67fa892731bd",
                                    operation="UPDATE",
                                    pgid="pgtrigger_update_update_d8751",
                                    table="bookings_booking",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="delete_delete",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func='INSERT INTO "bookings_bookingevent" ("cancel_reason", "created_at", "email", "expires_at", "id", "language", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "phone", "reason", "reference", "seats", "sequence", "slot_id", "source", "status", "timezone") VALUES (OLD."cancel_reason", OLD."created_at", OLD."email", OLD."expires_at", OLD."id", OLD."language", OLD."name", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."phone", OLD."reason", OLD."reference", OLD."seats", OLD."sequence", OLD."slot_id", OLD."source", OLD."status", OLD."timezone"); RETURN NULL;',
                                    hash="ba452cbe334c955a9b2c0a4c5fd666788486a10d",
                                    operation="DELETE",
                                    pgid="pgtrigger_delete_delete_0839f",
                                    table="bookings_booking",
                                    when="AFTER",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Proof",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("visitor", models.CharField(max_length=32)),
                        ("booking", models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="bookings.booking")),
                        ("email", models.EmailField(blank=True, max_length=254, verbose_name="e-mail")),
                        ("expires_at", models.DateTimeField(db_index=True)),
                        ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(condition=models.Q(("booking__isnull", False)), fields=("visitor", "booking"), name="proof_once_per_booking"),
                            models.UniqueConstraint(condition=models.Q(("email", ""), _negated=True), fields=("visitor", "email"), name="proof_once_per_email"),
                            models.CheckConstraint(condition=models.Q(models.Q(("booking__isnull", False), ("email", "")), models.Q(("booking", None), models.Q(("email", ""), _negated=True)), _connector="OR"), name="proof_of_booking_or_email"),
                            models.CheckConstraint(condition=models.Q(("visitor", ""), _negated=True), name="proof_has_visitor"),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="BookingEvent",
                    fields=[
                        ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                        ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                        ("pgh_label", models.TextField(help_text="The event label.")),
                        ("pgh_obj", models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name="events", to="bookings.booking")),
                        ("pgh_context", models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to="pghistory.context")),
                        ("id", models.BigIntegerField()),
                        ("slot", models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", related_query_name="+", to="experts.slot", verbose_name="slot")),
                        ("seats", models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1)], verbose_name="seats")),
                        ("status", models.CharField(choices=[("HELD", "Held"), ("PENDING", "Pending approval"), ("CONFIRMED", "Confirmed"), ("COMPLETED", "Completed"), ("NO_SHOW", "No-show"), ("CANCELLED", "Cancelled"), ("REJECTED", "Rejected"), ("EXPIRED", "Expired")], max_length=10, verbose_name="status")),
                        ("name", models.CharField(blank=True, max_length=120, validators=[bookings.validators.validate_plain_text], verbose_name="full name")),
                        ("email", models.EmailField(blank=True, max_length=254, validators=[bookings.validators.validate_plain_text], verbose_name="e-mail")),
                        ("phone", models.CharField(blank=True, max_length=40, validators=[bookings.validators.validate_plain_text], verbose_name="phone")),
                        ("reference", models.CharField(default=bookings.models.booking.new_reference, editable=False, max_length=12, verbose_name="reference")),
                        ("reason", models.TextField(blank=True, db_default="", default="", max_length=1000, validators=[django.core.validators.MaxLengthValidator(1000), bookings.validators.validate_printable], verbose_name="message to the customer")),
                        ("cancel_reason", models.CharField(blank=True, choices=[("plans", "My plans changed"), ("better", "I don’t need it any more"), ("elsewhere", "I found another time or place"), ("other", "Something else")], db_default="", default="", max_length=10, verbose_name="reason of the customer")),
                        ("expires_at", models.DateTimeField(blank=True, null=True, verbose_name="expires at")),
                        ("language", models.CharField(default="en", max_length=10, verbose_name="language")),
                        ("timezone", models.CharField(blank=True, max_length=64, validators=[experts.timezones.validate_zone], verbose_name="time zone of the booker")),
                        ("sequence", models.PositiveIntegerField(db_default=0, default=0, editable=False)),
                        ("source", models.CharField(choices=[("web", "Web page"), ("api", "API"), ("staff", "Staff")], default="web", max_length=5, verbose_name="source")),
                        ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name="created")),
                    ],
                    options={
                        "abstract": False,
                    },
                ),
                migrations.CreateModel(
                    name="CalendarFeed",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("token_hash", models.CharField(editable=False, max_length=64, unique=True)),
                        ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name="created")),
                        ("last_used_at", models.DateTimeField(editable=False, null=True, verbose_name="last used")),
                        ("revoked_at", models.DateTimeField(editable=False, null=True, verbose_name="revoked")),
                        ("organization", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="calendar_feeds", to="experts.organization", verbose_name="organisation")),
                        ("expert", models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="calendar_feeds", to="experts.expert", verbose_name="expert")),
                        ("created_by", models.ForeignKey(editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL, verbose_name="created by")),
                    ],
                    options={
                        "verbose_name": "calendar feed",
                        "verbose_name_plural": "calendar feeds",
                        "ordering": ["-id"],
                        "abstract": False,
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="insert_insert",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func='INSERT INTO "bookings_calendarfeedevent" ("created_by_id", "expert_id", "organization_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "revoked_at") VALUES (NEW."created_by_id", NEW."expert_id", NEW."organization_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."revoked_at"); RETURN NULL;',
                                    hash="40900ab976a480d283f9bb5806f701892b2605c2",
                                    operation="INSERT",
                                    pgid="pgtrigger_insert_insert_ed2e2",
                                    table="bookings_calendarfeed",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="update_update",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition='WHEN (OLD."created_by_id" IS DISTINCT FROM (NEW."created_by_id") OR OLD."expert_id" IS DISTINCT FROM (NEW."expert_id") OR OLD."organization_id" IS DISTINCT FROM (NEW."organization_id") OR OLD."revoked_at" IS DISTINCT FROM (NEW."revoked_at"))',
                                    func='INSERT INTO "bookings_calendarfeedevent" ("created_by_id", "expert_id", "organization_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "revoked_at") VALUES (NEW."created_by_id", NEW."expert_id", NEW."organization_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."revoked_at"); RETURN NULL;',
                                    hash="a676bd79ed795fb91ec2449d147423fcd88caed4",
                                    operation="UPDATE",
                                    pgid="pgtrigger_update_update_06dff",
                                    table="bookings_calendarfeed",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="delete_delete",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func='INSERT INTO "bookings_calendarfeedevent" ("created_by_id", "expert_id", "organization_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "revoked_at") VALUES (OLD."created_by_id", OLD."expert_id", OLD."organization_id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."revoked_at"); RETURN NULL;',
                                    hash="cbc56160a855672425e8f8dd9cb93fd20d858265",
                                    operation="DELETE",
                                    pgid="pgtrigger_delete_delete_7d3ef",
                                    table="bookings_calendarfeed",
                                    when="AFTER",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="CalendarFeedEvent",
                    fields=[
                        ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                        ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                        ("pgh_label", models.TextField(help_text="The event label.")),
                        ("pgh_obj", models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name="events", to="bookings.calendarfeed")),
                        ("pgh_context", models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to="pghistory.context")),
                        ("organization", models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", related_query_name="+", to="experts.organization", verbose_name="organisation")),
                        ("expert", models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", related_query_name="+", to="experts.expert", verbose_name="expert")),
                        ("created_by", models.ForeignKey(db_constraint=False, editable=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", related_query_name="+", to=settings.AUTH_USER_MODEL, verbose_name="created by")),
                        ("revoked_at", models.DateTimeField(editable=False, null=True, verbose_name="revoked")),
                    ],
                    options={
                        "abstract": False,
                    },
                ),
                migrations.CreateModel(
                    name="Idempotency",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("scope", models.CharField(max_length=64)),
                        ("key", models.CharField(max_length=200)),
                        ("request_hash", models.CharField(max_length=64)),
                        ("booking", models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="bookings.booking")),
                        ("refusal", models.CharField(blank=True, max_length=20)),
                        ("body", models.JSONField(encoder=django.core.serializers.json.DjangoJSONEncoder, null=True)),
                        ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), db_index=True)),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(fields=("scope", "key"), name="idempotency_key_once_per_scope"),
                            models.CheckConstraint(condition=models.Q(models.Q(("booking__isnull", False), ("refusal", "")), models.Q(("booking", None), models.Q(("refusal", ""), _negated=True)), _connector="OR"), name="idempotency_has_one_answer"),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="LookupRequest",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("email", models.EmailField(max_length=254, validators=[bookings.validators.validate_plain_text], verbose_name="e-mail")),
                        ("visitor", models.CharField(max_length=32)),
                        ("language", models.CharField(default="en", max_length=10, verbose_name="language")),
                        ("timezone", models.CharField(blank=True, max_length=64, validators=[experts.timezones.validate_zone], verbose_name="time zone")),
                        ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), db_index=True)),
                    ],
                    options={
                        "indexes": [models.Index(django.db.models.functions.text.Lower("email"), models.F("created_at"), name="lookup_request_of_email"), models.Index(models.F("visitor"), models.F("created_at"), name="lookup_request_of_visitor")],
                    },
                ),
                migrations.CreateModel(
                    name="LookupLink",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("request", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="links", to="bookings.lookuprequest")),
                        ("token_hash", models.CharField(max_length=64, unique=True)),
                        ("expires_at", models.DateTimeField()),
                        ("used_at", models.DateTimeField(null=True)),
                        ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ],
                ),
                migrations.CreateModel(
                    name="Notification",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("message_id", models.CharField(editable=False, max_length=120, unique=True, verbose_name="Message-ID")),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("pending", "Request sent"),
                                    ("confirmed", "Confirmed"),
                                    ("rejected", "Declined"),
                                    ("cancelled", "Cancelled"),
                                    ("rescheduled", "Moved"),
                                    ("expired", "Request expired"),
                                    ("reminder_day", "Reminder, the day before"),
                                    ("reminder_hour", "Reminder, the hour before"),
                                    ("staff_request", "Staff: new request"),
                                    ("staff_expired", "Staff: request expired"),
                                    ("lookup", "Link to bookings"),
                                    ("webhook_paused", "Staff: webhook paused"),
                                    ("waitlist_offer", "Waitlist: a seat is free"),
                                    ("invitation", "Invitation"),
                                ],
                                max_length=20,
                                verbose_name="kind",
                            ),
                        ),
                        ("audience", models.CharField(choices=[("customer", "Customer"), ("staff", "Staff")], max_length=8, verbose_name="to whom")),
                        ("to", models.EmailField(max_length=254, verbose_name="address")),
                        ("booking", models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name="notifications", to="bookings.booking", verbose_name="booking")),
                        ("status", models.CharField(choices=[("queued", "To be sent again"), ("sending", "Being sent"), ("sent", "Sent"), ("failed", "Not sent"), ("skipped", "No longer true")], max_length=7, verbose_name="status")),
                        ("attempts", models.PositiveIntegerField(default=0, verbose_name="attempts")),
                        ("last_attempt_at", models.DateTimeField(null=True, verbose_name="last attempt")),
                        ("sent_at", models.DateTimeField(null=True, verbose_name="sent")),
                        ("last_error", models.CharField(blank=True, max_length=100, verbose_name="last error")),
                        ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), db_index=True, editable=False, verbose_name="created")),
                    ],
                    options={
                        "verbose_name": "e-mail",
                        "verbose_name_plural": "e-mails",
                        "ordering": ["-created_at", "-id"],
                        "indexes": [models.Index(models.F("status"), models.OrderBy(models.F("id"), descending=True), condition=models.Q(("status__in", ["queued", "sending", "failed"])), name="notification_not_sent")],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("kind__in", ["pending", "confirmed", "rejected", "cancelled", "rescheduled", "expired", "reminder_day", "reminder_hour", "staff_request", "staff_expired", "lookup", "webhook_paused", "waitlist_offer", "invitation"])), name="notification_kind_known"
                            ),
                            models.CheckConstraint(condition=models.Q(("audience__in", ["customer", "staff"])), name="notification_audience_known"),
                            models.CheckConstraint(condition=models.Q(("status__in", ["queued", "sending", "sent", "failed", "skipped"])), name="notification_status_known"),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="TurnedAway",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("slot", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="turned_away", to="experts.slot", verbose_name="slot")),
                        ("reason", models.CharField(choices=[("full", "Full"), ("held", "Being booked by others"), ("closed", "Closed"), ("past", "Too late"), ("party", "Too few seats for the party")], max_length=10, verbose_name="reason")),
                        ("source", models.CharField(choices=[("web", "Web page"), ("api", "API"), ("staff", "Staff")], max_length=5, verbose_name="source")),
                        ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name="when")),
                    ],
                    options={
                        "verbose_name_plural": "turned away",
                        "ordering": ["-created_at", "-id"],
                        "indexes": [models.Index(models.F("created_at"), name="turned_away_by_time")],
                        "constraints": [models.CheckConstraint(condition=models.Q(("reason__in", ["full", "held", "closed", "past", "party"])), name="turnedaway_reason_known"), models.CheckConstraint(condition=models.Q(("source__in", ["web", "api", "staff"])), name="turnedaway_source_known")],
                    },
                ),
                migrations.CreateModel(
                    name="WaitlistEntry",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("slot", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="waitlist", to="experts.slot", verbose_name="slot")),
                        ("name", models.CharField(max_length=120, validators=[bookings.validators.validate_plain_text], verbose_name="full name")),
                        ("email", models.EmailField(max_length=254, validators=[bookings.validators.validate_plain_text], verbose_name="e-mail")),
                        ("seats", models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1)], verbose_name="seats")),
                        ("status", models.CharField(choices=[("WAITING", "Waiting"), ("OFFERED", "Offered"), ("BOOKED", "Booked"), ("MISSED", "Offer not taken"), ("LEFT", "Left")], default="WAITING", max_length=8, verbose_name="status")),
                        ("is_echo", models.BooleanField(default=False, editable=False)),
                        ("visitor", models.CharField(blank=True, editable=False, max_length=32)),
                        ("hold", models.OneToOneField(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="offer", to="bookings.booking")),
                        ("language", models.CharField(default="en", max_length=10, verbose_name="language")),
                        ("timezone", models.CharField(blank=True, max_length=64, validators=[experts.timezones.validate_zone], verbose_name="time zone")),
                        ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name="joined")),
                    ],
                    options={
                        "verbose_name": "waitlist entry",
                        "verbose_name_plural": "waitlist",
                        "ordering": ["-id"],
                        "indexes": [
                            models.Index(models.F("slot"), models.F("id"), condition=models.Q(("status", "WAITING")), name="waitlist_line"),
                            models.Index(models.F("slot"), condition=models.Q(("status", "OFFERED")), name="waitlist_offers"),
                            models.Index(models.F("visitor"), condition=models.Q(("status__in", ["WAITING", "OFFERED"]), models.Q(("visitor", ""), _negated=True)), name="waitlist_of_visitor"),
                        ],
                        "constraints": [
                            models.CheckConstraint(condition=models.Q(("status__in", ["WAITING", "OFFERED", "BOOKED", "MISSED", "LEFT"])), name="waitlistentry_status_known"),
                            models.UniqueConstraint(models.F("slot"), django.db.models.functions.text.Lower("email"), condition=models.Q(("is_echo", False), ("status__in", ["WAITING", "OFFERED"])), name="waitlist_address_once_in_line"),
                            models.CheckConstraint(condition=models.Q(("seats__gte", 1)), name="waitlist_has_a_seat"),
                            models.CheckConstraint(condition=models.Q(models.Q(("status", "OFFERED"), _negated=True), ("is_echo", False), _connector="OR"), name="waitlist_echo_not_offered"),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="WebhookEndpoint",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("organization", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="webhooks", to="experts.organization", verbose_name="organisation")),
                        ("url", models.CharField(max_length=500, validators=[bookings.validators.validate_webhook_url], verbose_name="address")),
                        (
                            "event_types",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(
                                    choices=[
                                        ("booking.created", "Booking made"),
                                        ("booking.confirmed", "Booking confirmed"),
                                        ("booking.rejected", "Request declined"),
                                        ("booking.expired", "Request expired"),
                                        ("booking.cancelled", "Booking cancelled"),
                                        ("booking.rescheduled", "Booking moved"),
                                        ("booking.completed", "Session took place"),
                                        ("booking.no_show", "Nobody came"),
                                        ("slot.full", "Slot is full"),
                                        ("slot.freed", "Slot has a seat again"),
                                    ],
                                    max_length=30,
                                ),
                                size=None,
                                verbose_name="events",
                            ),
                        ),
                        ("sends_contacts", models.BooleanField(default=False, verbose_name="send names and contact details")),
                        ("is_active", models.BooleanField(default=True, verbose_name="active")),
                        ("secret", models.CharField(default=bookings.models.webhook.new_secret, editable=False, max_length=80, verbose_name="signing secret")),
                        ("old_secret", models.CharField(blank=True, editable=False, max_length=80)),
                        ("old_secret_until", models.DateTimeField(editable=False, null=True)),
                        ("failing_since", models.DateTimeField(editable=False, null=True, verbose_name="failing since")),
                        ("paused_at", models.DateTimeField(editable=False, null=True, verbose_name="paused")),
                        ("paused_reason", models.CharField(blank=True, choices=[("failing", "It has failed for three days"), ("gone", "It answered 410 Gone")], editable=False, max_length=10, verbose_name="why")),
                        ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name="created")),
                    ],
                    options={
                        "verbose_name": "webhook",
                        "verbose_name_plural": "webhooks",
                        "ordering": ["organization", "id"],
                        "constraints": [
                            models.CheckConstraint(condition=models.Q(("paused_reason__in", ["", "failing", "gone"])), name="webhookendpoint_paused_reason_known"),
                            models.CheckConstraint(condition=models.Q(models.Q(("paused_at__isnull", True), ("paused_reason", "")), models.Q(("paused_at__isnull", False), models.Q(("paused_reason", ""), _negated=True)), _connector="OR"), name="webhook_paused_for_a_reason"),
                        ],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="insert_insert",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func='INSERT INTO "bookings_webhookendpointevent" ("event_types", "is_active", "organization_id", "paused_at", "paused_reason", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "sends_contacts", "url") VALUES (NEW."event_types", NEW."is_active", NEW."organization_id", NEW."paused_at", NEW."paused_reason", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."sends_contacts", NEW."url"); RETURN NULL;',
                                    hash="563ca769637c75d5d5c03f3144115d55303026a4",
                                    operation="INSERT",
                                    pgid="pgtrigger_insert_insert_7de28",
                                    table="bookings_webhookendpoint",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="update_update",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition='WHEN (OLD."event_types" IS DISTINCT FROM (NEW."event_types") OR OLD."is_active" IS DISTINCT FROM (NEW."is_active") OR OLD."organization_id" IS DISTINCT FROM (NEW."organization_id") OR OLD."paused_at" IS DISTINCT FROM (NEW."paused_at") OR OLD."paused_reason" IS DISTINCT FROM (NEW."paused_reason") OR OLD."sends_contacts" IS DISTINCT FROM (NEW."sends_contacts") OR OLD."url" IS DISTINCT FROM (NEW."url"))',
                                    func='INSERT INTO "bookings_webhookendpointevent" ("event_types", "is_active", "organization_id", "paused_at", "paused_reason", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "sends_contacts", "url") VALUES (NEW."event_types", NEW."is_active", NEW."organization_id", NEW."paused_at", NEW."paused_reason", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."sends_contacts", NEW."url"); RETURN NULL;',
                                    hash="3a506814295b1d3c4135b308fe70c120e91a171d",
                                    operation="UPDATE",
                                    pgid="pgtrigger_update_update_fb3a1",
                                    table="bookings_webhookendpoint",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="delete_delete",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func='INSERT INTO "bookings_webhookendpointevent" ("event_types", "is_active", "organization_id", "paused_at", "paused_reason", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "sends_contacts", "url") VALUES (OLD."event_types", OLD."is_active", OLD."organization_id", OLD."paused_at", OLD."paused_reason", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."sends_contacts", OLD."url"); RETURN NULL;',
                                    hash="913f486977c44260d3c098b5d3a0254f1dcd1d0f",
                                    operation="DELETE",
                                    pgid="pgtrigger_delete_delete_25c32",
                                    table="bookings_webhookendpoint",
                                    when="AFTER",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="WebhookEndpointEvent",
                    fields=[
                        ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                        ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                        ("pgh_label", models.TextField(help_text="The event label.")),
                        ("pgh_obj", models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name="events", to="bookings.webhookendpoint")),
                        ("pgh_context", models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to="pghistory.context")),
                        ("organization", models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", related_query_name="+", to="experts.organization", verbose_name="organisation")),
                        ("url", models.CharField(max_length=500, validators=[bookings.validators.validate_webhook_url], verbose_name="address")),
                        (
                            "event_types",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(
                                    choices=[
                                        ("booking.created", "Booking made"),
                                        ("booking.confirmed", "Booking confirmed"),
                                        ("booking.rejected", "Request declined"),
                                        ("booking.expired", "Request expired"),
                                        ("booking.cancelled", "Booking cancelled"),
                                        ("booking.rescheduled", "Booking moved"),
                                        ("booking.completed", "Session took place"),
                                        ("booking.no_show", "Nobody came"),
                                        ("slot.full", "Slot is full"),
                                        ("slot.freed", "Slot has a seat again"),
                                    ],
                                    max_length=30,
                                ),
                                size=None,
                                verbose_name="events",
                            ),
                        ),
                        ("sends_contacts", models.BooleanField(default=False, verbose_name="send names and contact details")),
                        ("is_active", models.BooleanField(default=True, verbose_name="active")),
                        ("paused_at", models.DateTimeField(editable=False, null=True, verbose_name="paused")),
                        ("paused_reason", models.CharField(blank=True, choices=[("failing", "It has failed for three days"), ("gone", "It answered 410 Gone")], editable=False, max_length=10, verbose_name="why")),
                    ],
                    options={
                        "abstract": False,
                    },
                ),
                migrations.CreateModel(
                    name="WebhookDelivery",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("endpoint", models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="deliveries", to="bookings.webhookendpoint", verbose_name="webhook")),
                        ("event_id", models.CharField(editable=False, max_length=40, verbose_name="event")),
                        (
                            "type",
                            models.CharField(
                                choices=[
                                    ("booking.created", "Booking made"),
                                    ("booking.confirmed", "Booking confirmed"),
                                    ("booking.rejected", "Request declined"),
                                    ("booking.expired", "Request expired"),
                                    ("booking.cancelled", "Booking cancelled"),
                                    ("booking.rescheduled", "Booking moved"),
                                    ("booking.completed", "Session took place"),
                                    ("booking.no_show", "Nobody came"),
                                    ("slot.full", "Slot is full"),
                                    ("slot.freed", "Slot has a seat again"),
                                    ("webhook.test", "Test"),
                                ],
                                max_length=30,
                                verbose_name="type",
                            ),
                        ),
                        ("payload", models.JSONField(verbose_name="content")),
                        ("status", models.CharField(choices=[("waiting", "On its way"), ("delivered", "Delivered"), ("failed", "Given up"), ("kept", "Kept while paused")], max_length=10, verbose_name="status")),
                        ("attempts", models.PositiveSmallIntegerField(default=0, verbose_name="attempts")),
                        ("next_attempt_at", models.DateTimeField(null=True, verbose_name="next attempt")),
                        ("last_attempt_at", models.DateTimeField(null=True, verbose_name="last attempt")),
                        ("response_status", models.PositiveSmallIntegerField(null=True, verbose_name="answer")),
                        ("response", models.TextField(blank=True, verbose_name="text of the answer")),
                        ("error", models.CharField(blank=True, max_length=200, verbose_name="error")),
                        ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), db_index=True, editable=False, verbose_name="created")),
                    ],
                    options={
                        "verbose_name": "webhook delivery",
                        "verbose_name_plural": "webhook deliveries",
                        "ordering": ["-created_at", "-id"],
                        "indexes": [models.Index(models.F("endpoint"), models.OrderBy(models.F("id"), descending=True), name="webhook_delivery_log")],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("type__in", ["booking.created", "booking.confirmed", "booking.rejected", "booking.expired", "booking.cancelled", "booking.rescheduled", "booking.completed", "booking.no_show", "slot.full", "slot.freed", "webhook.test"])), name="webhookdelivery_type_known"
                            ),
                            models.CheckConstraint(condition=models.Q(("status__in", ["waiting", "delivered", "failed", "kept"])), name="webhookdelivery_status_known"),
                            models.UniqueConstraint(fields=("endpoint", "event_id"), name="webhook_event_once_per_endpoint"),
                            models.CheckConstraint(condition=models.Q(models.Q(("next_attempt_at__isnull", False), ("status", "waiting")), models.Q(models.Q(("status", "waiting"), _negated=True), ("next_attempt_at__isnull", True)), _connector="OR"), name="webhook_waiting_has_a_time"),
                        ],
                    },
                ),
            ],
        ),
        migrations.RunSQL(WITHOUT_NOTIFY, WITH_NOTIFY),
        migrations.RunSQL(SLOT_CHECKED.format("NOT DEFERRABLE"), SLOT_CHECKED.format("DEFERRABLE INITIALLY DEFERRED")),
    ]
