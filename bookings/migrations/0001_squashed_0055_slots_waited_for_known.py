import datetime

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.core.serializers.json
import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.fields.json
import django.db.models.functions.datetime
import django.db.models.functions.text
import pgtrigger.compiler
from django.conf import settings
from django.db import migrations, models

import bookings.models.webhook
import bookings.references
import bookings.validators
import experts.migration_operations
import experts.timezones
import experts.validators

# Workers poll, and of a job only the end is noted that it should not have come to: docs/decisions/0005-queue-without-notify.md.
QUIET_QUEUE = """
    DROP TRIGGER procrastinate_jobs_notify_queue_job_inserted_v1 ON procrastinate_jobs;
    DROP TRIGGER procrastinate_jobs_notify_queue_job_aborted_v1 ON procrastinate_jobs;
    DROP TRIGGER procrastinate_trigger_status_events_insert_v1 ON procrastinate_jobs;
    DROP TRIGGER procrastinate_trigger_scheduled_events_v1 ON procrastinate_jobs;
    DROP TRIGGER procrastinate_trigger_status_events_update_v1 ON procrastinate_jobs;
    CREATE TRIGGER procrastinate_trigger_status_events_update_v1
        AFTER UPDATE OF status ON procrastinate_jobs
        FOR EACH ROW WHEN (new.status IN ('failed', 'cancelled', 'aborted'))
        EXECUTE PROCEDURE procrastinate_trigger_function_status_events_update_v1();
"""
QUEUE_AS_IT_COMES = """
    CREATE TRIGGER procrastinate_jobs_notify_queue_job_inserted_v1
        AFTER INSERT ON procrastinate_jobs
        FOR EACH ROW WHEN ((new.status = 'todo'::procrastinate_job_status))
        EXECUTE PROCEDURE procrastinate_notify_queue_job_inserted_v1();
    CREATE TRIGGER procrastinate_jobs_notify_queue_job_aborted_v1
        AFTER UPDATE OF abort_requested ON procrastinate_jobs
        FOR EACH ROW WHEN ((old.abort_requested = false AND new.abort_requested = true
                            AND new.status = 'doing'::procrastinate_job_status))
        EXECUTE PROCEDURE procrastinate_notify_queue_abort_job_v1();
    CREATE TRIGGER procrastinate_trigger_status_events_insert_v1
        AFTER INSERT ON procrastinate_jobs
        FOR EACH ROW WHEN ((new.status = 'todo'::procrastinate_job_status))
        EXECUTE PROCEDURE procrastinate_trigger_function_status_events_insert_v1();
    CREATE TRIGGER procrastinate_trigger_scheduled_events_v1
        AFTER UPDATE OR INSERT ON procrastinate_jobs
        FOR EACH ROW WHEN ((new.scheduled_at IS NOT NULL AND new.status = 'todo'::procrastinate_job_status))
        EXECUTE PROCEDURE procrastinate_trigger_function_scheduled_events_v1();
    DROP TRIGGER procrastinate_trigger_status_events_update_v1 ON procrastinate_jobs;
    CREATE TRIGGER procrastinate_trigger_status_events_update_v1
        AFTER UPDATE OF status ON procrastinate_jobs
        FOR EACH ROW
        EXECUTE PROCEDURE procrastinate_trigger_function_status_events_update_v1();
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
        EXECUTE format('ALTER TABLE bookings_booking ALTER CONSTRAINT %I NOT DEFERRABLE', name);
    END $$;
"""

# As for slots: the old rows would keep the new ones from being vacuumed and counted for months.
VACUUM_OFTEN = """
    ALTER TABLE bookings_booking SET (
        autovacuum_vacuum_scale_factor = 0.02,
        autovacuum_vacuum_insert_scale_factor = 0.02,
        autovacuum_analyze_scale_factor = 0.01
    )
"""

# Reminders are looked for from this moment on (bookings/services/reminders.py).
REMINDERS_BEGIN = """
    INSERT INTO bookings_remindermark (kind, until)
    VALUES ('reminder_day', now() + interval '24 hours'), ('reminder_hour', now() + interval '1 hour');
"""

# Bookings follow an expert who changes the organisation, and so do the other rows that know their organisation. Whatever
# is written meanwhile with a slot or a booking of the expert has locked that as a foreign key does, and is waited for,
# or waits. And they follow a slot that ends at another time: whoever books it has locked it.
FOLLOW = """
    CREATE FUNCTION bookings_follow_expert() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM 1 FROM experts_slot WHERE expert_id = NEW.id ORDER BY starts_at, id FOR UPDATE;
        PERFORM 1 FROM bookings_booking AS booking JOIN experts_slot AS slot ON slot.id = booking.slot_id
        WHERE slot.expert_id = NEW.id ORDER BY booking.id FOR UPDATE OF booking;
        UPDATE bookings_booking AS booking SET of_organization_id = NEW.organization_id
        FROM experts_slot AS slot WHERE slot.id = booking.slot_id AND slot.expert_id = NEW.id;
        UPDATE bookings_turnedaway AS refused SET of_organization_id = NEW.organization_id
        FROM experts_slot AS slot WHERE slot.id = refused.slot_id AND slot.expert_id = NEW.id;
        UPDATE bookings_waitlistentry AS entry SET of_organization_id = NEW.organization_id
        FROM experts_slot AS slot WHERE slot.id = entry.slot_id AND slot.expert_id = NEW.id;
        RETURN NULL;
    END $$;
    CREATE TRIGGER bookings_follow_expert AFTER UPDATE OF organization_id ON experts_expert
    FOR EACH ROW WHEN (OLD.organization_id IS DISTINCT FROM NEW.organization_id)
    EXECUTE FUNCTION bookings_follow_expert();
    CREATE FUNCTION bookings_follow_slot() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE bookings_booking SET over_at = NEW.ends_at WHERE slot_id = NEW.id AND session_ends_at IS NULL;
        RETURN NULL;
    END $$;
    CREATE TRIGGER bookings_follow_slot AFTER UPDATE OF ends_at ON experts_slot
    FOR EACH ROW WHEN (OLD.ends_at IS DISTINCT FROM NEW.ends_at)
    EXECUTE FUNCTION bookings_follow_slot();
"""
FOLLOW_NO_MORE = """
    DROP TRIGGER bookings_follow_slot ON experts_slot;
    DROP FUNCTION bookings_follow_slot();
    DROP TRIGGER bookings_follow_expert ON experts_expert;
    DROP FUNCTION bookings_follow_expert();
"""


class Migration(migrations.Migration):
    replaces = [
        ("bookings", "0001_initial"),
        ("bookings", "0002_queue_without_events"),
        ("bookings", "0003_demand_of_crowds"),
        ("bookings", "0004_outbox"),
        ("bookings", "0005_vacuum_often"),
        ("bookings", "0006_network_of_bookings"),
        ("bookings", "0007_proven"),
        ("bookings", "0008_names_without_web_addresses"),
        ("bookings", "0009_mails_about_moves"),
        ("bookings", "0010_blocks"),
        ("bookings", "0011_erasures"),
        ("bookings", "0012_erasures_by_address"),
        ("bookings", "0013_awaiting_proof"),
        ("bookings", "0014_awaiting_proof_checked"),
        ("bookings", "0015_kinds_of_mails"),
        ("bookings", "0016_mail_by_recipient"),
        ("bookings", "0017_tokens_end"),
        ("bookings", "0018_note_readings"),
        ("bookings", "0019_waitlist_proof"),
        ("bookings", "0020_spent_work"),
        ("bookings", "0021_mail_events"),
        ("bookings", "0022_notices_off"),
        ("bookings", "0023_hold_extensions"),
        ("bookings", "0024_names_that_can_be_translated"),
        ("bookings", "0025_purse_of_passwords"),
        ("bookings", "0026_sessions_of_several_slots"),
        ("bookings", "0027_sessions_of_several_slots_checked"),
        ("bookings", "0028_one_mailbox"),
        ("bookings", "0029_questions"),
        ("bookings", "0030_second_expert"),
        ("bookings", "0031_session_ends"),
        ("bookings", "0032_waitlist_of_sessions"),
        ("bookings", "0033_counters_of_one_slot"),
        ("bookings", "0034_who_came"),
        ("bookings", "0035_who_came_checked"),
        ("bookings", "0036_booking_of_phone"),
        ("bookings", "0037_broken_rule"),
        ("bookings", "0038_broken_rule_checked"),
        ("bookings", "0039_notes_changed"),
        ("bookings", "0040_rescue"),
        ("bookings", "0041_find_by_plain_words"),
        ("bookings", "0042_mail_texts"),
        ("bookings", "0043_offers_instead_of_requests"),
        ("bookings", "0044_signs_of_workers"),
        ("bookings", "0045_organization_of_bookings"),
        ("bookings", "0046_organization_of_bookings_known"),
        ("bookings", "0047_requests_of_mails"),
        ("bookings", "0048_organization_of_rows"),
        ("bookings", "0049_organization_of_rows_known"),
        ("bookings", "0050_bookings_of_seldom_status"),
        ("bookings", "0051_turned_away_in_order"),
        ("bookings", "0052_ends_of_sessions"),
        ("bookings", "0053_ends_of_sessions_known"),
        ("bookings", "0054_slots_waited_for"),
        ("bookings", "0055_slots_waited_for_known"),
    ]

    initial = True

    dependencies = [
        ("experts", "0001_squashed_0038_slots_waited_for_found"),
        ("pghistory", "0007_auto_20250421_0444"),
        ("procrastinate", "0041_post_retry_failed_job"),
    ]

    operations = [
        experts.migration_operations.CreateModels(
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
                        ("expires_at", models.DateTimeField(db_default=django.db.models.expressions.CombinedExpression(django.db.models.functions.datetime.Now(), "+", models.Value(datetime.timedelta(days=365))), editable=False, verbose_name="ends")),
                    ],
                    options={
                        "verbose_name": "API token",
                        "verbose_name_plural": "API tokens",
                        "ordering": ["-id"],
                        "abstract": False,
                        "constraints": [models.CheckConstraint(condition=models.Q(("scope__in", ["read", "write"])), name="apitoken_scope_known")],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="api_token_ends_with_account",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition='WHEN (NEW."created_by_id" IS NULL AND OLD."created_by_id" IS NOT NULL)',
                                    func="NEW.revoked_at := coalesce(OLD.revoked_at, now()); RETURN NEW;",
                                    hash="a3a230d9493849e25f57d6bc22ee05deb845d3c8",
                                    operation='UPDATE OF "created_by_id"',
                                    pgid="pgtrigger_api_token_ends_with_account_a4356",
                                    table="bookings_apitoken",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="insert_insert",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func='INSERT INTO "bookings_apitokenevent" ("ending", "expires_at", "name", "organization_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "revoked_at", "scope") VALUES (NEW."ending", NEW."expires_at", NEW."name", NEW."organization_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."revoked_at", NEW."scope"); RETURN NULL;',
                                    hash="418346a3beccd823f888395c5c952a6a4ce4c70c",
                                    operation="INSERT",
                                    pgid="pgtrigger_insert_insert_d1137",
                                    table="bookings_apitoken",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="update_update",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition='WHEN (OLD."ending" IS DISTINCT FROM (NEW."ending") OR OLD."expires_at" IS DISTINCT FROM (NEW."expires_at") OR OLD."name" IS DISTINCT FROM (NEW."name") OR OLD."organization_id" IS DISTINCT FROM (NEW."organization_id") OR OLD."revoked_at" IS DISTINCT FROM (NEW."revoked_at") OR OLD."scope" IS DISTINCT FROM (NEW."scope"))',
                                    func='INSERT INTO "bookings_apitokenevent" ("ending", "expires_at", "name", "organization_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "revoked_at", "scope") VALUES (NEW."ending", NEW."expires_at", NEW."name", NEW."organization_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."revoked_at", NEW."scope"); RETURN NULL;',
                                    hash="4a12823952111a019a9c894da195061499898f69",
                                    operation="UPDATE",
                                    pgid="pgtrigger_update_update_8d7f8",
                                    table="bookings_apitoken",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="delete_delete",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func='INSERT INTO "bookings_apitokenevent" ("ending", "expires_at", "name", "organization_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "revoked_at", "scope") VALUES (OLD."ending", OLD."expires_at", OLD."name", OLD."organization_id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."revoked_at", OLD."scope"); RETURN NULL;',
                                    hash="9f0e35403547c9a93f0d22aecbae57cc623a22af",
                                    operation="DELETE",
                                    pgid="pgtrigger_delete_delete_020f5",
                                    table="bookings_apitoken",
                                    when="AFTER",
                                ),
                            ),
                        ],
                        "indexes": [],
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
                        ("expires_at", models.DateTimeField(db_default=django.db.models.expressions.CombinedExpression(django.db.models.functions.datetime.Now(), "+", models.Value(datetime.timedelta(days=365))), editable=False, verbose_name="ends")),
                    ],
                    options={
                        "abstract": False,
                        "indexes": [],
                        "constraints": [],
                    },
                ),
                migrations.CreateModel(
                    name="Booking",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("slot", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="bookings", to="experts.slot", verbose_name="slot")),
                        ("seats", models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1)], verbose_name="seats")),
                        ("status", models.CharField(choices=[("HELD", "Held"), ("PENDING", "Pending approval"), ("CONFIRMED", "Confirmed"), ("COMPLETED", "Completed"), ("NO_SHOW", "No-show"), ("CANCELLED", "Cancelled"), ("REJECTED", "Rejected"), ("EXPIRED", "Expired")], max_length=10, verbose_name="status")),
                        ("name", models.CharField(blank=True, max_length=120, validators=[bookings.validators.validate_plain_text, experts.validators.validate_no_web_address], verbose_name="full name")),
                        ("email", models.EmailField(blank=True, max_length=254, validators=[bookings.validators.validate_plain_text], verbose_name="e-mail")),
                        ("phone", models.CharField(blank=True, max_length=40, validators=[bookings.validators.validate_plain_text], verbose_name="phone")),
                        ("notes", models.TextField(blank=True, max_length=2000, validators=[django.core.validators.MaxLengthValidator(2000), bookings.validators.validate_printable], verbose_name="notes")),
                        ("reference", models.CharField(default=bookings.references.new_reference, editable=False, max_length=12, unique=True, verbose_name="reference")),
                        ("holder", models.CharField(blank=True, editable=False, max_length=32)),
                        ("reason", models.TextField(blank=True, db_default="", default="", max_length=1000, validators=[django.core.validators.MaxLengthValidator(1000), bookings.validators.validate_printable], verbose_name="message to the customer")),
                        ("cancel_reason", models.CharField(blank=True, choices=[("plans", "My plans changed"), ("better", "I don’t need it any more"), ("elsewhere", "I found another time or place"), ("other", "Something else")], db_default="", default="", max_length=10, verbose_name="reason of the customer")),
                        ("expires_at", models.DateTimeField(blank=True, null=True, verbose_name="expires at")),
                        ("language", models.CharField(default="en", max_length=10, verbose_name="language")),
                        ("timezone", models.CharField(blank=True, max_length=64, validators=[experts.timezones.validate_zone], verbose_name="time zone of the booker")),
                        ("sequence", models.PositiveIntegerField(db_default=0, default=0, editable=False)),
                        ("source", models.CharField(choices=[("web", "Web page"), ("api", "API"), ("staff", "Staff")], default="web", max_length=5, verbose_name="source")),
                        ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name="created")),
                        ("network", models.GenericIPAddressField(blank=True, editable=False, null=True, verbose_name="network")),
                        ("erased_at", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="erased")),
                        ("awaits_proof", models.BooleanField(db_default=False, default=False, verbose_name="waits for the link to be opened")),
                        ("of_expert", models.ForeignKey(blank=True, db_constraint=False, db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to="experts.expert")),
                        (
                            "proof_reason",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("policy", "Your rules ask everybody"),
                                    ("network", "Many holds and bookings from one network"),
                                    ("expert", "Many holds and bookings with this expert by people unknown"),
                                    ("domain", "A disposable e-mail address"),
                                    ("quick", "The form was filled in faster than a person can"),
                                    ("address", "Many bookings with a known address, from browsers that its reader has not vouched for"),
                                ],
                                db_default="",
                                default="",
                                max_length=10,
                                verbose_name="why the link was asked for",
                            ),
                        ),
                        ("extensions", models.PositiveSmallIntegerField(db_default=0, default=0, editable=False)),
                        ("agreed", models.JSONField(blank=True, editable=False, null=True)),
                        ("more_slots", django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), blank=True, db_default=[], default=list, editable=False, size=None)),
                        ("session_ends_at", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="ends at")),
                        ("session_type", models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="bookings", to="experts.sessiontype", verbose_name="session type")),
                        ("is_vouched", models.BooleanField(db_default=False, default=False, editable=False)),
                        ("second_expert", models.ForeignKey(blank=True, db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="experts.expert", verbose_name="second expert")),
                        ("arrived_at", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="arrived")),
                        ("broken_rule", models.CharField(blank=True, choices=[("started", "Had started"), ("notice", "At short notice"), ("horizon", "Before it opened"), ("closed", "Outside the hours")], db_default="", default="", editable=False, max_length=7, verbose_name="outside the rules")),
                        ("of_organization", models.ForeignKey(blank=True, db_constraint=False, db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to="experts.organization")),
                        ("over_at", models.DateTimeField(blank=True, editable=False, null=True)),
                    ],
                    options={
                        "ordering": ["-created_at", "-id"],
                        "indexes": [
                            models.Index(models.F("slot"), models.F("expires_at"), condition=models.Q(("status", "HELD")), name="booking_running_holds"),
                            models.Index(models.F("holder"), models.OrderBy(models.F("created_at"), descending=True), condition=models.Q(("holder", ""), _negated=True), name="booking_of_visitor"),
                            models.Index(django.contrib.postgres.indexes.OpClass(django.db.models.functions.text.Lower("email"), name="text_pattern_ops"), name="booking_of_address"),
                            models.Index(models.F("expires_at"), condition=models.Q(("status__in", ["HELD", "PENDING"])), name="booking_to_expire"),
                            models.Index(models.F("expires_at"), condition=models.Q(("name", ""), ("status", "EXPIRED")), name="booking_ended_holds"),
                            models.Index(models.F("erased_at"), condition=models.Q(("erased_at__isnull", False)), name="booking_erased"),
                            models.Index(models.F("created_at"), condition=models.Q(("network__isnull", False)), name="booking_with_network"),
                            models.Index(models.F("expires_at"), condition=models.Q(("awaits_proof", True)), name="booking_awaiting_proof"),
                            models.Index(models.F("of_expert"), models.OrderBy(models.F("created_at"), descending=True), condition=models.Q(("of_expert__isnull", False), ("status__in", ["HELD", "PENDING", "CONFIRMED"])), name="booking_lately_of_expert"),
                            django.contrib.postgres.indexes.GinIndex(models.F("more_slots"), condition=models.Q(("more_slots", []), _negated=True), name="booking_more_slots"),
                            models.Index(models.F("session_type"), condition=models.Q(("session_type__isnull", False)), name="booking_of_type"),
                            models.Index(models.F("second_expert"), condition=models.Q(("second_expert__isnull", False)), name="booking_of_second"),
                            models.Index(
                                django.contrib.postgres.indexes.OpClass(
                                    models.Func(
                                        models.Func(models.Func("phone", models.Value(";"), models.Value(1), function="split_part", output_field=models.TextField()), models.Value("\\D"), models.Value(""), models.Value("g"), function="regexp_replace", output_field=models.TextField()),
                                        function="reverse",
                                        output_field=models.TextField(),
                                    ),
                                    name="text_pattern_ops",
                                ),
                                condition=models.Q(("phone", ""), _negated=True),
                                name="booking_of_phone",
                            ),
                            models.Index(
                                django.contrib.postgres.indexes.OpClass(
                                    models.Func(
                                        models.Func(
                                            models.Func(
                                                models.Func("phone", models.Value(";"), models.Value(1), function="split_part", output_field=models.TextField()),
                                                models.Value("^\\+(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|(?:2[1-689]|3[578]|42|5[09]|6[7-9]|8[03578]|9[679])\\d)"),
                                                models.Value(""),
                                                function="regexp_replace",
                                                output_field=models.TextField(),
                                            ),
                                            models.Value("\\D"),
                                            models.Value(""),
                                            models.Value("g"),
                                            function="regexp_replace",
                                            output_field=models.TextField(),
                                        ),
                                        models.Value("0"),
                                        function="ltrim",
                                        output_field=models.TextField(),
                                    ),
                                    name="text_pattern_ops",
                                ),
                                condition=models.Q(("phone", ""), _negated=True),
                                name="booking_of_phone_begun",
                            ),
                            django.contrib.postgres.indexes.GinIndex(
                                django.contrib.postgres.search.SearchVector(
                                    models.Func(
                                        models.Func(
                                            models.Func(
                                                models.Func(
                                                    models.Func(
                                                        models.Func(
                                                            models.Func(models.Func("name", models.Value("'’‘ʼ-‐‑–.,/_@+&"), models.Value("               "), function="translate", output_field=models.TextField()), output_field=models.TextField(), template="normalize(%(expressions)s, NFKD)"),
                                                            models.Value("[̀-ͯ҃-֑҇-ׇֽֿׁׂׅׄؐ-ًؚ-゙゚ٰٟ]+"),
                                                            models.Value(""),
                                                            models.Value("g"),
                                                            function="regexp_replace",
                                                            output_field=models.TextField(),
                                                        ),
                                                        models.Value("ıøØłŁđĐðÐŧŦħĦςÆŒÞẞ"),
                                                        models.Value("ioollddddtthhσæœþß"),
                                                        function="translate",
                                                        output_field=models.TextField(),
                                                    ),
                                                    models.Value("æ"),
                                                    models.Value("ae"),
                                                    function="replace",
                                                    output_field=models.TextField(),
                                                ),
                                                models.Value("œ"),
                                                models.Value("oe"),
                                                function="replace",
                                                output_field=models.TextField(),
                                            ),
                                            models.Value("þ"),
                                            models.Value("th"),
                                            function="replace",
                                            output_field=models.TextField(),
                                        ),
                                        models.Value("ß"),
                                        models.Value("ss"),
                                        function="replace",
                                        output_field=models.TextField(),
                                    ),
                                    models.Func(
                                        models.Func(
                                            models.Func(
                                                models.Func(
                                                    models.Func(
                                                        models.Func(
                                                            models.Func(
                                                                models.Func(
                                                                    models.Func(
                                                                        models.Func(
                                                                            models.Func(models.Func("name", models.Value("'’‘ʼ-‐‑–.,/_@+&"), models.Value("               "), function="translate", output_field=models.TextField()), output_field=models.TextField(), template="normalize(%(expressions)s, NFKD)"),
                                                                            models.Value("ø"),
                                                                            models.Value("oe"),
                                                                            function="replace",
                                                                            output_field=models.TextField(),
                                                                        ),
                                                                        models.Value("Ø"),
                                                                        models.Value("Oe"),
                                                                        function="replace",
                                                                        output_field=models.TextField(),
                                                                    ),
                                                                    models.Value("([AOUaou])̈"),
                                                                    models.Value("\\1e"),
                                                                    models.Value("g"),
                                                                    function="regexp_replace",
                                                                    output_field=models.TextField(),
                                                                ),
                                                                models.Value("([Aa])̊"),
                                                                models.Value("\\1a"),
                                                                models.Value("g"),
                                                                function="regexp_replace",
                                                                output_field=models.TextField(),
                                                            ),
                                                            models.Value("[̀-ͯ҃-֑҇-ׇֽֿׁׂׅׄؐ-ًؚ-゙゚ٰٟ]+"),
                                                            models.Value(""),
                                                            models.Value("g"),
                                                            function="regexp_replace",
                                                            output_field=models.TextField(),
                                                        ),
                                                        models.Value("ıøØłŁđĐðÐŧŦħĦςÆŒÞẞ"),
                                                        models.Value("ioollddddtthhσæœþß"),
                                                        function="translate",
                                                        output_field=models.TextField(),
                                                    ),
                                                    models.Value("æ"),
                                                    models.Value("ae"),
                                                    function="replace",
                                                    output_field=models.TextField(),
                                                ),
                                                models.Value("œ"),
                                                models.Value("oe"),
                                                function="replace",
                                                output_field=models.TextField(),
                                            ),
                                            models.Value("þ"),
                                            models.Value("th"),
                                            function="replace",
                                            output_field=models.TextField(),
                                        ),
                                        models.Value("ß"),
                                        models.Value("ss"),
                                        function="replace",
                                        output_field=models.TextField(),
                                    ),
                                    config="simple",
                                ),
                                condition=models.Q(("name", ""), _negated=True),
                                name="booking_in_plain_words",
                            ),
                            models.Index(models.F("of_organization"), models.F("id"), name="booking_of_organization"),
                            models.Index(models.F("of_organization"), models.F("expires_at"), condition=models.Q(("status", "PENDING")), name="booking_asked_of_organization"),
                            models.Index(models.F("status"), models.F("id"), condition=models.Q(("status__in", ["PENDING", "REJECTED"])), name="booking_by_seldom_status"),
                            models.Index(models.F("over_at"), condition=models.Q(("status", "CONFIRMED")), name="booking_over"),
                        ],
                        "constraints": [
                            models.CheckConstraint(condition=models.Q(("status__in", ["HELD", "PENDING", "CONFIRMED", "COMPLETED", "NO_SHOW", "CANCELLED", "REJECTED", "EXPIRED"])), name="booking_status_known"),
                            models.CheckConstraint(condition=models.Q(("source__in", ["web", "api", "staff"])), name="booking_source_known"),
                            models.CheckConstraint(condition=models.Q(("cancel_reason__in", ["", "plans", "better", "elsewhere", "other"])), name="booking_cancel_reason_known"),
                            models.CheckConstraint(condition=models.Q(("seats__gte", 1)), name="booking_has_a_seat"),
                            models.CheckConstraint(condition=models.Q(("expires_at__isnull", False), models.Q(("status__in", ["HELD", "PENDING"]), _negated=True), _connector="OR"), name="booking_hold_or_request_expires"),
                            models.CheckConstraint(condition=models.Q(models.Q(("email", ""), _negated=True), ("source", "staff"), ("status__in", ["HELD", "EXPIRED"]), ("erased_at__isnull", False), _connector="OR"), name="booking_has_email_unless_by_staff"),
                            models.CheckConstraint(condition=models.Q(("erased_at", None), models.Q(("email", ""), ("holder", ""), ("name", ""), ("network", None), ("notes", ""), ("phone", ""), ("reason", "")), _connector="OR"), name="booking_erased_names_nobody"),
                            models.CheckConstraint(condition=models.Q(("awaits_proof", False), ("status__in", ["HELD", "EXPIRED"]), _connector="OR"), name="booking_counts_once_proven"),
                            models.CheckConstraint(
                                condition=models.Q(models.Q(("agreed__isnull", True), ("more_slots", []), ("session_ends_at", None), ("session_type", None)), models.Q(("agreed__isnull", False), ("session_ends_at__isnull", False), ("session_type__isnull", False)), _connector="OR"), name="booking_of_a_type_has_terms"
                            ),
                            models.CheckConstraint(condition=models.Q(("more_slots__contains", [models.F("slot")]), _negated=True), name="booking_takes_a_slot_once"),
                            models.CheckConstraint(condition=models.Q(("proof_reason__in", ["", "policy", "network", "expert", "domain", "quick", "address"])), name="booking_proof_reason_known"),
                            models.CheckConstraint(condition=models.Q(("second_expert", None), models.Q(("more_slots", []), _negated=True), _connector="OR"), name="booking_of_two_takes_slots_of_both"),
                            models.CheckConstraint(condition=models.Q(("arrived_at", None), ("status__in", ["CONFIRMED", "COMPLETED"]), _connector="OR"), name="booking_of_somebody_who_came_is_on"),
                            models.CheckConstraint(condition=models.Q(("broken_rule__in", ["", "started", "notice", "horizon", "closed"])), name="booking_broken_rule_known"),
                            models.CheckConstraint(condition=models.Q(("broken_rule", ""), ("source", "staff"), _connector="OR"), name="booking_breaks_rules_only_by_staff"),
                        ],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="booking_covers_its_session",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition='WHEN (NEW."session_ends_at" IS NOT NULL)',
                                    func="\n                    IF EXISTS (\n                        SELECT FROM experts_slot taken, experts_slot start\n                        WHERE taken.id = ANY(NEW.slot_id || NEW.more_slots) AND start.id = NEW.slot_id\n                        GROUP BY taken.expert_id, start.starts_at\n                        HAVING NOT range_agg(tstzrange(taken.starts_at, taken.ends_at))\n                               @> tstzrange(start.starts_at, NEW.session_ends_at)\n                    ) THEN\n                        RAISE EXCEPTION 'the session lasts longer than the slots that it takes'\n                            USING ERRCODE = 'check_violation', CONSTRAINT = 'booking_covers_its_session',\n                                  TABLE = TG_TABLE_NAME;\n                    END IF;\n                    RETURN NEW;\n                ",
                                    hash="463a4b7811e4c06687e3c101cc9f706380d8d421",
                                    operation='INSERT OR UPDATE OF "slot_id", "more_slots", "session_ends_at"',
                                    pgid="pgtrigger_booking_covers_its_session_eeb45",
                                    table="bookings_booking",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="booking_keeps_slot_counters",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    declare="DECLARE was_held int := CASE WHEN OLD.status = 'HELD' THEN OLD.seats ELSE 0 END; is_held int := CASE WHEN NEW.status = 'HELD' THEN NEW.seats ELSE 0 END; was_booked int := CASE WHEN OLD.status IN ('PENDING', 'CONFIRMED', 'COMPLETED', 'NO_SHOW') THEN OLD.seats ELSE 0 END; is_booked int := CASE WHEN NEW.status IN ('PENDING', 'CONFIRMED', 'COMPLETED', 'NO_SHOW') THEN NEW.seats ELSE 0 END; change RECORD;",
                                    func="\n                    -- As nearly always: one slot before and after, for which the loop would cost more than the update.\n                    IF coalesce(cardinality(OLD.more_slots), 0) + coalesce(cardinality(NEW.more_slots), 0) = 0\n                       AND coalesce(OLD.slot_id, NEW.slot_id) = coalesce(NEW.slot_id, OLD.slot_id) THEN\n                        SELECT coalesce(NEW.slot_id, OLD.slot_id) AS slot_id, is_held - was_held AS held,\n                               is_booked - was_booked AS booked, was_held + is_held > 0 AS is_hold\n                        INTO change;\n                        \nIF change.is_hold THEN\n    -- The earliest expiry is read from other rows: first the lock and then, in a new statement, a fresh look.\n    PERFORM 1 FROM experts_slot WHERE id = change.slot_id FOR NO KEY UPDATE;\n    UPDATE experts_slot\n    SET seats_held = seats_held + change.held,\n        seats_booked = seats_booked + change.booked,\n        next_hold_expiry = least(\n            (SELECT min(expires_at) FROM bookings_booking WHERE slot_id = change.slot_id AND status = 'HELD'),\n            (SELECT min(expires_at) FROM bookings_booking\n             WHERE more_slots @> ARRAY[change.slot_id] AND more_slots <> '{}' AND status = 'HELD'))\n    WHERE id = change.slot_id;\nELSE\n    UPDATE experts_slot\n    SET seats_held = seats_held + change.held,\n        seats_booked = seats_booked + change.booked\n    WHERE id = change.slot_id AND (change.held <> 0 OR change.booked <> 0);\nEND IF;\nIF NOT FOUND AND (change.held <> 0 OR change.booked <> 0) THEN  -- an array has no foreign key\n    RAISE EXCEPTION 'there is no slot %', change.slot_id\n        USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'booking_takes_slots_that_exist', TABLE = TG_TABLE_NAME;\nEND IF;\n\n                        RETURN NULL;\n                    END IF;\n                    -- In order of time, as the services lock them, so that two moves in opposite directions wait for\n                    -- each other instead of deadlocking.\n                    FOR change IN\n                        SELECT touched.slot_id,\n                               sum(touched.held)::int AS held,\n                               sum(touched.booked)::int AS booked,\n                               bool_or(touched.is_hold) AS is_hold\n                        FROM (\n                            SELECT unnest(OLD.slot_id || OLD.more_slots) AS slot_id,\n                                   -was_held AS held, -was_booked AS booked, was_held > 0 AS is_hold\n                            UNION ALL\n                            SELECT unnest(NEW.slot_id || NEW.more_slots), is_held, is_booked, is_held > 0\n                        ) AS touched\n                        WHERE touched.slot_id IS NOT NULL\n                        GROUP BY touched.slot_id\n                        ORDER BY (SELECT starts_at FROM experts_slot WHERE id = touched.slot_id), touched.slot_id\n                    LOOP\n                        \nIF change.is_hold THEN\n    -- The earliest expiry is read from other rows: first the lock and then, in a new statement, a fresh look.\n    PERFORM 1 FROM experts_slot WHERE id = change.slot_id FOR NO KEY UPDATE;\n    UPDATE experts_slot\n    SET seats_held = seats_held + change.held,\n        seats_booked = seats_booked + change.booked,\n        next_hold_expiry = least(\n            (SELECT min(expires_at) FROM bookings_booking WHERE slot_id = change.slot_id AND status = 'HELD'),\n            (SELECT min(expires_at) FROM bookings_booking\n             WHERE more_slots @> ARRAY[change.slot_id] AND more_slots <> '{}' AND status = 'HELD'))\n    WHERE id = change.slot_id;\nELSE\n    UPDATE experts_slot\n    SET seats_held = seats_held + change.held,\n        seats_booked = seats_booked + change.booked\n    WHERE id = change.slot_id AND (change.held <> 0 OR change.booked <> 0);\nEND IF;\nIF NOT FOUND AND (change.held <> 0 OR change.booked <> 0) THEN  -- an array has no foreign key\n    RAISE EXCEPTION 'there is no slot %', change.slot_id\n        USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'booking_takes_slots_that_exist', TABLE = TG_TABLE_NAME;\nEND IF;\n\n                    END LOOP;\n                    RETURN NULL;\n                ",
                                    hash="0288c643c642936da70be606bdc45766403b4d48",
                                    operation='INSERT OR DELETE OR UPDATE OF "slot_id", "more_slots", "status", "seats", "expires_at"',
                                    pgid="pgtrigger_booking_keeps_slot_counters_76f95",
                                    table="bookings_booking",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="insert_insert",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func='INSERT INTO "bookings_bookingevent" ("arrived_at", "cancel_reason", "created_at", "email", "expires_at", "id", "language", "more_slots", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "phone", "reason", "reference", "seats", "sequence", "session_ends_at", "session_type_id", "slot_id", "source", "status", "timezone") VALUES (NEW."arrived_at", NEW."cancel_reason", NEW."created_at", NEW."email", NEW."expires_at", NEW."id", NEW."language", NEW."more_slots", NEW."name", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."phone", NEW."reason", NEW."reference", NEW."seats", NEW."sequence", NEW."session_ends_at", NEW."session_type_id", NEW."slot_id", NEW."source", NEW."status", NEW."timezone"); RETURN NULL;',
                                    hash="52ab4c5cdc8fc86532b8e0f4d2f43496757e0f04",
                                    operation="INSERT",
                                    pgid="pgtrigger_insert_insert_28bb6",
                                    table="bookings_booking",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="update_update",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition='WHEN (OLD."arrived_at" IS DISTINCT FROM (NEW."arrived_at") OR OLD."cancel_reason" IS DISTINCT FROM (NEW."cancel_reason") OR OLD."created_at" IS DISTINCT FROM (NEW."created_at") OR OLD."email" IS DISTINCT FROM (NEW."email") OR OLD."expires_at" IS DISTINCT FROM (NEW."expires_at") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."language" IS DISTINCT FROM (NEW."language") OR OLD."more_slots" IS DISTINCT FROM (NEW."more_slots") OR OLD."name" IS DISTINCT FROM (NEW."name") OR OLD."phone" IS DISTINCT FROM (NEW."phone") OR OLD."reason" IS DISTINCT FROM (NEW."reason") OR OLD."reference" IS DISTINCT FROM (NEW."reference") OR OLD."seats" IS DISTINCT FROM (NEW."seats") OR OLD."sequence" IS DISTINCT FROM (NEW."sequence") OR OLD."session_ends_at" IS DISTINCT FROM (NEW."session_ends_at") OR OLD."session_type_id" IS DISTINCT FROM (NEW."session_type_id") OR OLD."slot_id" IS DISTINCT FROM (NEW."slot_id") OR OLD."source" IS DISTINCT FROM (NEW."source") OR OLD."status" IS DISTINCT FROM (NEW."status") OR OLD."timezone" IS DISTINCT FROM (NEW."timezone"))',
                                    func='INSERT INTO "bookings_bookingevent" ("arrived_at", "cancel_reason", "created_at", "email", "expires_at", "id", "language", "more_slots", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "phone", "reason", "reference", "seats", "sequence", "session_ends_at", "session_type_id", "slot_id", "source", "status", "timezone") VALUES (NEW."arrived_at", NEW."cancel_reason", NEW."created_at", NEW."email", NEW."expires_at", NEW."id", NEW."language", NEW."more_slots", NEW."name", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."phone", NEW."reason", NEW."reference", NEW."seats", NEW."sequence", NEW."session_ends_at", NEW."session_type_id", NEW."slot_id", NEW."source", NEW."status", NEW."timezone"); RETURN NULL;',
                                    hash="6df2991964f9af93bbe113d1414d6f3b788a612d",
                                    operation="UPDATE",
                                    pgid="pgtrigger_update_update_d8751",
                                    table="bookings_booking",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="delete_delete",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func='INSERT INTO "bookings_bookingevent" ("arrived_at", "cancel_reason", "created_at", "email", "expires_at", "id", "language", "more_slots", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "phone", "reason", "reference", "seats", "sequence", "session_ends_at", "session_type_id", "slot_id", "source", "status", "timezone") VALUES (OLD."arrived_at", OLD."cancel_reason", OLD."created_at", OLD."email", OLD."expires_at", OLD."id", OLD."language", OLD."more_slots", OLD."name", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."phone", OLD."reason", OLD."reference", OLD."seats", OLD."sequence", OLD."session_ends_at", OLD."session_type_id", OLD."slot_id", OLD."source", OLD."status", OLD."timezone"); RETURN NULL;',
                                    hash="e410c90e9153e3a36733ba52b8f397dac481d156",
                                    operation="DELETE",
                                    pgid="pgtrigger_delete_delete_0839f",
                                    table="bookings_booking",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="update_written_notes",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition='WHEN (NEW."erased_at" IS NULL AND OLD."notes" IS DISTINCT FROM (NEW."notes") AND NOT (OLD."status" = \'HELD\'))',
                                    func='INSERT INTO "bookings_bookingevent" ("arrived_at", "cancel_reason", "created_at", "email", "expires_at", "id", "language", "more_slots", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "phone", "reason", "reference", "seats", "sequence", "session_ends_at", "session_type_id", "slot_id", "source", "status", "timezone") VALUES (NEW."arrived_at", NEW."cancel_reason", NEW."created_at", NEW."email", NEW."expires_at", NEW."id", NEW."language", NEW."more_slots", NEW."name", _pgh_attach_context(), NOW(), \'notes\', NEW."id", NEW."phone", NEW."reason", NEW."reference", NEW."seats", NEW."sequence", NEW."session_ends_at", NEW."session_type_id", NEW."slot_id", NEW."source", NEW."status", NEW."timezone"); RETURN NULL;',
                                    hash="8fd88f3db32ad23432c4c0e5d06a28afa2a4a26f",
                                    operation="UPDATE",
                                    pgid="pgtrigger_update_written_notes_eddd8",
                                    table="bookings_booking",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="booking_takes_its_mails_along",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition='WHEN (OLD."of_organization_id" IS DISTINCT FROM (NEW."of_organization_id"))',
                                    func="\n                    UPDATE bookings_notification SET of_organization_id = NEW.of_organization_id\n                    WHERE booking_id = NEW.id;\n                    RETURN NULL;\n                ",
                                    hash="d7a56635b33c663140333790dc57666826771000",
                                    operation='UPDATE OF "slot_id", "of_organization_id"',
                                    pgid="pgtrigger_booking_takes_its_mails_along_37c42",
                                    table="bookings_booking",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="booking_knows_its_organization",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n                    SELECT expert.organization_id, coalesce(NEW.session_ends_at, slot.ends_at)\n                    INTO NEW.of_organization_id, NEW.over_at\n                    FROM experts_slot AS slot JOIN experts_expert AS expert ON expert.id = slot.expert_id\n                    WHERE slot.id = NEW.slot_id;\n                    RETURN NEW;\n                ",
                                    hash="376b7e4a2617b6e616485af712b5aac1a8d75aba",
                                    operation='INSERT OR UPDATE OF "slot_id", "of_organization_id", "session_ends_at", "over_at"',
                                    pgid="pgtrigger_booking_knows_its_organization_dd6be",
                                    table="bookings_booking",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="booking_on_again_knows_its_end",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition='WHEN (NEW."status" = \'CONFIRMED\' AND NEW."over_at" IS NULL)',
                                    func="\n                    SELECT coalesce(NEW.session_ends_at, slot.ends_at) INTO NEW.over_at\n                    FROM experts_slot AS slot WHERE slot.id = NEW.slot_id;\n                    RETURN NEW;\n                ",
                                    hash="08bb6457519ea7222bc644bc6d3a0366a6b7a6aa",
                                    operation='UPDATE OF "status"',
                                    pgid="pgtrigger_booking_on_again_knows_its_end_787fe",
                                    table="bookings_booking",
                                    when="BEFORE",
                                ),
                            ),
                        ],
                        "verbose_name": "booking",
                        "verbose_name_plural": "bookings",
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
                        "indexes": [],
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
                        ("name", models.CharField(blank=True, max_length=120, validators=[bookings.validators.validate_plain_text, experts.validators.validate_no_web_address], verbose_name="full name")),
                        ("email", models.EmailField(blank=True, max_length=254, validators=[bookings.validators.validate_plain_text], verbose_name="e-mail")),
                        ("phone", models.CharField(blank=True, max_length=40, validators=[bookings.validators.validate_plain_text], verbose_name="phone")),
                        ("reference", models.CharField(default=bookings.references.new_reference, editable=False, max_length=12, verbose_name="reference")),
                        ("reason", models.TextField(blank=True, db_default="", default="", max_length=1000, validators=[django.core.validators.MaxLengthValidator(1000), bookings.validators.validate_printable], verbose_name="message to the customer")),
                        ("cancel_reason", models.CharField(blank=True, choices=[("plans", "My plans changed"), ("better", "I don’t need it any more"), ("elsewhere", "I found another time or place"), ("other", "Something else")], db_default="", default="", max_length=10, verbose_name="reason of the customer")),
                        ("expires_at", models.DateTimeField(blank=True, null=True, verbose_name="expires at")),
                        ("language", models.CharField(default="en", max_length=10, verbose_name="language")),
                        ("timezone", models.CharField(blank=True, max_length=64, validators=[experts.timezones.validate_zone], verbose_name="time zone of the booker")),
                        ("sequence", models.PositiveIntegerField(db_default=0, default=0, editable=False)),
                        ("source", models.CharField(choices=[("web", "Web page"), ("api", "API"), ("staff", "Staff")], default="web", max_length=5, verbose_name="source")),
                        ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name="created")),
                        ("more_slots", django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), blank=True, db_default=[], default=list, editable=False, size=None)),
                        ("session_ends_at", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="ends at")),
                        ("session_type", models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", related_query_name="+", to="experts.sessiontype", verbose_name="session type")),
                        ("arrived_at", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="arrived")),
                    ],
                    options={
                        "abstract": False,
                        "indexes": [models.Index(django.db.models.functions.text.Lower("email"), condition=models.Q(("email", ""), _negated=True), name="booking_event_of_address"), django.contrib.postgres.indexes.BrinIndex(fields=["pgh_created_at"], name="booking_event_by_time")],
                        "constraints": [],
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
                        "indexes": [],
                        "constraints": [],
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
                        "indexes": [],
                        "constraints": [],
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
                        "indexes": [],
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
                        ("is_for_data", models.BooleanField(db_default=False, default=False)),
                    ],
                    options={
                        "indexes": [models.Index(django.db.models.functions.text.Lower("email"), models.F("created_at"), name="lookup_request_of_email"), models.Index(models.F("visitor"), models.F("created_at"), name="lookup_request_of_visitor")],
                        "constraints": [],
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
                    options={
                        "indexes": [],
                        "constraints": [],
                    },
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
                                    ("staff_moved", "Staff: booking moved"),
                                    ("staff_expired", "Staff: request expired"),
                                    ("lookup", "Link to bookings"),
                                    ("webhook_paused", "Staff: webhook paused"),
                                    ("waitlist_prove", "Waitlist: link that takes the place"),
                                    ("waitlist_offer", "Waitlist: a seat is free"),
                                    ("invitation", "Invitation"),
                                    ("prove", "Link that keeps a booking"),
                                    ("password", "Staff: link to a new password"),
                                    ("rescue_offer", "New times to choose from"),
                                ],
                                max_length=20,
                                verbose_name="kind",
                            ),
                        ),
                        ("audience", models.CharField(choices=[("customer", "Customer"), ("staff", "Staff")], max_length=8, verbose_name="to whom")),
                        ("to", models.EmailField(max_length=254, verbose_name="address")),
                        ("booking", models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name="notifications", to="bookings.booking", verbose_name="booking")),
                        (
                            "status",
                            models.CharField(choices=[("queued", "To be sent again"), ("sending", "Being sent"), ("sent", "Sent"), ("failed", "Not sent"), ("skipped", "No longer true"), ("held", "Held back"), ("bounced", "Could not be delivered"), ("spam", "Reported as spam")], max_length=7, verbose_name="status"),
                        ),
                        ("attempts", models.PositiveIntegerField(default=0, verbose_name="attempts")),
                        ("last_attempt_at", models.DateTimeField(null=True, verbose_name="last attempt")),
                        ("sent_at", models.DateTimeField(null=True, verbose_name="sent")),
                        ("last_error", models.CharField(blank=True, max_length=100, verbose_name="last error")),
                        ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), db_index=True, editable=False, verbose_name="created")),
                        ("of_organization", models.ForeignKey(blank=True, db_constraint=False, db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to="experts.organization")),
                    ],
                    options={
                        "verbose_name": "e-mail",
                        "verbose_name_plural": "e-mails",
                        "ordering": ["-created_at", "-id"],
                        "indexes": [
                            models.Index(models.F("status"), models.OrderBy(models.F("id"), descending=True), condition=models.Q(("status__in", ["queued", "sending", "failed"])), name="notification_not_sent"),
                            models.Index(django.db.models.functions.text.Lower("to"), name="notification_to_address"),
                            models.Index(models.F("of_organization"), models.F("id"), name="notification_of_organization"),
                        ],
                        "constraints": [
                            models.CheckConstraint(condition=models.Q(("audience__in", ["customer", "staff"])), name="notification_audience_known"),
                            models.CheckConstraint(condition=models.Q(("status__in", ["queued", "sending", "sent", "failed", "skipped", "held", "bounced", "spam"])), name="notification_status_known"),
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "kind__in",
                                        ["pending", "confirmed", "rejected", "cancelled", "rescheduled", "expired", "reminder_day", "reminder_hour", "staff_request", "staff_moved", "staff_expired", "lookup", "webhook_paused", "waitlist_prove", "waitlist_offer", "invitation", "prove", "password", "rescue_offer"],
                                    )
                                ),
                                name="notification_kind_known",
                            ),
                        ],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="notification_knows_its_organization",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            PERFORM FROM bookings_booking WHERE id = NEW.booking_id FOR KEY SHARE;\n            SELECT of_organization_id INTO NEW.of_organization_id\n            FROM bookings_booking WHERE id = NEW.booking_id;\n            RETURN NEW;\n        ",
                                    hash="a503c9db1c52447c572becc8602ab93dcb26c75f",
                                    operation='INSERT OR UPDATE OF "booking_id", "of_organization_id"',
                                    pgid="pgtrigger_notification_knows_its_organization_02e6d",
                                    table="bookings_notification",
                                    when="BEFORE",
                                ),
                            )
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
                        ("people", models.PositiveIntegerField(db_default=1, default=1, verbose_name="people")),
                        ("of_organization", models.ForeignKey(blank=True, db_constraint=False, db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to="experts.organization")),
                    ],
                    options={
                        "verbose_name_plural": "turned away",
                        "ordering": ["-created_at", "-id"],
                        "indexes": [
                            models.Index(models.F("of_organization"), models.F("created_at"), models.F("id"), name="turned_away_of_organization"),
                            models.Index(models.F("created_at"), models.F("id"), name="turned_away_in_order"),
                            models.Index(models.F("source"), models.F("created_at"), models.F("id"), condition=models.Q(("source", "web"), _negated=True), name="turned_away_elsewhere"),
                        ],
                        "constraints": [models.CheckConstraint(condition=models.Q(("reason__in", ["full", "held", "closed", "past", "party"])), name="turnedaway_reason_known"), models.CheckConstraint(condition=models.Q(("source__in", ["web", "api", "staff"])), name="turnedaway_source_known")],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="turned_away_knows_its_organization",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            PERFORM FROM experts_slot WHERE id = NEW.slot_id FOR KEY SHARE;\n            SELECT expert.organization_id INTO NEW.of_organization_id\n            FROM experts_slot AS slot JOIN experts_expert AS expert ON expert.id = slot.expert_id\n            WHERE slot.id = NEW.slot_id;\n            RETURN NEW;\n        ",
                                    hash="1a7c6fffdec14e5a23ad23fa9124f682caf47392",
                                    operation='INSERT OR UPDATE OF "slot_id", "of_organization_id"',
                                    pgid="pgtrigger_turned_away_knows_its_organization_a61b3",
                                    table="bookings_turnedaway",
                                    when="BEFORE",
                                ),
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="WaitlistEntry",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("slot", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="waitlist", to="experts.slot", verbose_name="slot")),
                        ("name", models.CharField(max_length=120, validators=[bookings.validators.validate_plain_text, experts.validators.validate_no_web_address], verbose_name="full name")),
                        ("email", models.EmailField(max_length=254, validators=[bookings.validators.validate_plain_text], verbose_name="e-mail")),
                        ("seats", models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1)], verbose_name="seats")),
                        ("status", models.CharField(choices=[("UNPROVEN", "Link not opened"), ("WAITING", "Waiting"), ("OFFERED", "Offered"), ("BOOKED", "Booked"), ("MISSED", "Offer not taken"), ("LEFT", "Left")], default="WAITING", max_length=8, verbose_name="status")),
                        ("is_echo", models.BooleanField(default=False, editable=False)),
                        ("visitor", models.CharField(blank=True, editable=False, max_length=32)),
                        ("hold", models.OneToOneField(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="offer", to="bookings.booking")),
                        ("language", models.CharField(default="en", max_length=10, verbose_name="language")),
                        ("timezone", models.CharField(blank=True, max_length=64, validators=[experts.timezones.validate_zone], verbose_name="time zone")),
                        ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name="joined")),
                        ("in_line_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name="in line since")),
                        ("more_slots", django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), blank=True, db_default=[], default=list, editable=False, size=None)),
                        ("session_type", models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="experts.sessiontype", verbose_name="session type")),
                        ("of_organization", models.ForeignKey(blank=True, db_constraint=False, db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to="experts.organization")),
                    ],
                    options={
                        "verbose_name": "waitlist entry",
                        "verbose_name_plural": "waitlist",
                        "ordering": ["-id"],
                        "indexes": [
                            models.Index(models.F("slot"), condition=models.Q(("status", "OFFERED")), name="waitlist_offers"),
                            models.Index(django.db.models.functions.text.Lower("email"), name="waitlist_of_address"),
                            models.Index(models.F("slot"), models.F("in_line_at"), models.F("id"), condition=models.Q(("status", "WAITING")), name="waitlist_in_line"),
                            models.Index(models.F("visitor"), condition=models.Q(("status__in", ["UNPROVEN", "WAITING", "OFFERED"]), models.Q(("visitor", ""), _negated=True)), name="waitlist_of_browser"),
                            django.contrib.postgres.indexes.GinIndex(models.F("more_slots"), condition=models.Q(("more_slots", []), _negated=True), name="waitlist_more_slots"),
                            models.Index(models.F("of_organization"), models.F("id"), name="waitlist_of_organization"),
                        ],
                        "constraints": [
                            models.UniqueConstraint(models.F("slot"), django.db.models.functions.text.Lower("email"), condition=models.Q(("is_echo", False), ("status__in", ["WAITING", "OFFERED"])), name="waitlist_address_once_in_line"),
                            models.CheckConstraint(condition=models.Q(("seats__gte", 1)), name="waitlist_has_a_seat"),
                            models.CheckConstraint(condition=models.Q(models.Q(("status", "OFFERED"), _negated=True), ("is_echo", False), _connector="OR"), name="waitlist_echo_not_offered"),
                            models.CheckConstraint(condition=models.Q(("status__in", ["UNPROVEN", "WAITING", "OFFERED", "BOOKED", "MISSED", "LEFT"])), name="waitlistentry_status_known"),
                        ],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="waitlist_entry_knows_its_organization",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            PERFORM FROM experts_slot WHERE id = NEW.slot_id FOR KEY SHARE;\n            SELECT expert.organization_id INTO NEW.of_organization_id\n            FROM experts_slot AS slot JOIN experts_expert AS expert ON expert.id = slot.expert_id\n            WHERE slot.id = NEW.slot_id;\n            RETURN NEW;\n        ",
                                    hash="9e9af77e1184f5012566bb452c89b3901a34de30",
                                    operation='INSERT OR UPDATE OF "slot_id", "of_organization_id"',
                                    pgid="pgtrigger_waitlist_entry_knows_its_organization_ca48d",
                                    table="bookings_waitlistentry",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="waitlist_entry_marks_its_slot",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition='WHEN (NOT NEW."is_echo" AND NEW."status" = \'WAITING\')',
                                    func="\n                    UPDATE experts_slot SET is_waited_for = true WHERE id = NEW.slot_id AND NOT is_waited_for;\n                    RETURN NULL;\n                ",
                                    hash="e8436bb72cf6fc5df37da590c794ed4a9f8c2fc4",
                                    operation='INSERT OR UPDATE OF "slot_id", "status", "is_echo"',
                                    pgid="pgtrigger_waitlist_entry_marks_its_slot_93e95",
                                    table="bookings_waitlistentry",
                                    when="AFTER",
                                ),
                            ),
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
                        "indexes": [],
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
                        "indexes": [],
                        "constraints": [],
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
                        "indexes": [
                            models.Index(models.F("endpoint"), models.OrderBy(models.F("id"), descending=True), name="webhook_delivery_log"),
                            models.Index(django.db.models.fields.json.KeyTextTransform("reference", django.db.models.fields.json.KeyTextTransform("data", "payload")), name="webhook_delivery_of_booking"),
                        ],
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
                migrations.CreateModel(
                    name="ReminderMark",
                    fields=[
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
                                    ("staff_moved", "Staff: booking moved"),
                                    ("staff_expired", "Staff: request expired"),
                                    ("lookup", "Link to bookings"),
                                    ("webhook_paused", "Staff: webhook paused"),
                                    ("waitlist_prove", "Waitlist: link that takes the place"),
                                    ("waitlist_offer", "Waitlist: a seat is free"),
                                    ("invitation", "Invitation"),
                                    ("prove", "Link that keeps a booking"),
                                    ("password", "Staff: link to a new password"),
                                    ("rescue_offer", "New times to choose from"),
                                ],
                                max_length=20,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("until", models.DateTimeField()),
                    ],
                    options={
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "kind__in",
                                        ["pending", "confirmed", "rejected", "cancelled", "rescheduled", "expired", "reminder_day", "reminder_hour", "staff_request", "staff_moved", "staff_expired", "lookup", "webhook_paused", "waitlist_prove", "waitlist_offer", "invitation", "prove", "password", "rescue_offer"],
                                    )
                                ),
                                name="remindermark_kind_known",
                            )
                        ],
                        "indexes": [],
                    },
                ),
                migrations.CreateModel(
                    name="OutboxMail",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
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
                                    ("staff_moved", "Staff: booking moved"),
                                    ("staff_expired", "Staff: request expired"),
                                    ("lookup", "Link to bookings"),
                                    ("webhook_paused", "Staff: webhook paused"),
                                    ("waitlist_prove", "Waitlist: link that takes the place"),
                                    ("waitlist_offer", "Waitlist: a seat is free"),
                                    ("invitation", "Invitation"),
                                    ("prove", "Link that keeps a booking"),
                                    ("password", "Staff: link to a new password"),
                                    ("rescue_offer", "New times to choose from"),
                                ],
                                max_length=20,
                            ),
                        ),
                        ("sequence", models.PositiveIntegerField()),
                        ("priority", models.PositiveSmallIntegerField(db_default=0, default=0)),
                        ("due_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                        ("attempts", models.PositiveIntegerField(db_default=0, default=0)),
                        ("booking", models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to="bookings.booking")),
                        ("by_visitor", models.BooleanField(db_default=False, default=False)),
                        ("request_name", models.CharField(db_default="", default="", max_length=100)),
                    ],
                    options={
                        "indexes": [models.Index(models.F("priority"), models.F("due_at"), name="outbox_mail_due")],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "kind__in",
                                        ["pending", "confirmed", "rejected", "cancelled", "rescheduled", "expired", "reminder_day", "reminder_hour", "staff_request", "staff_moved", "staff_expired", "lookup", "webhook_paused", "waitlist_prove", "waitlist_offer", "invitation", "prove", "password", "rescue_offer"],
                                    )
                                ),
                                name="outboxmail_kind_known",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Proven",
                    fields=[
                        ("hash", models.CharField(max_length=64, primary_key=True, serialize=False)),
                        ("kind", models.CharField(choices=[("browser", "Browser"), ("address", "E-mail address"), ("pair", "Browser and e-mail address")], max_length=7)),
                        ("proven_at", models.DateTimeField(db_index=True)),
                        ("recipient", models.CharField(blank=True, db_default="", default="", max_length=64)),
                    ],
                    options={
                        "constraints": [models.CheckConstraint(condition=models.Q(("kind__in", ["browser", "address", "pair"])), name="proven_kind_known")],
                        "indexes": [models.Index(models.F("recipient"), condition=models.Q(("recipient", ""), _negated=True), name="proven_by_mailbox")],
                    },
                ),
                migrations.CreateModel(
                    name="Block",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("kind", models.CharField(choices=[("address", "E-mail address"), ("domain", "E-mail domain"), ("network", "Network")], max_length=7, verbose_name="what")),
                        ("value", models.CharField(max_length=254, validators=[bookings.validators.validate_plain_text], verbose_name="who")),
                        ("until", models.DateTimeField(verbose_name="until")),
                        ("note", models.CharField(blank=True, max_length=200, validators=[bookings.validators.validate_plain_text], verbose_name="note")),
                        ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name="blocked")),
                        ("created_by", models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL, verbose_name="blocked by")),
                        ("organization", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="blocks", to="experts.organization", verbose_name="organisation")),
                    ],
                    options={
                        "verbose_name": "block",
                        "verbose_name_plural": "blocks",
                        "ordering": ["-id"],
                        "indexes": [models.Index(models.F("organization"), models.F("until"), name="block_of_organization")],
                        "constraints": [models.CheckConstraint(condition=models.Q(("kind__in", ["address", "domain", "network"])), name="block_kind_known")],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="block_keeps_blocked_until",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n                    UPDATE experts_organization\n                    SET blocked_until = (\n                        SELECT max(until) FROM bookings_block WHERE organization_id = experts_organization.id\n                    )\n                    WHERE id IN (OLD.organization_id, NEW.organization_id);\n                    RETURN NULL;\n                ",
                                    hash="431ec50329b7406d69747589d8683b45aa72e4e7",
                                    operation="INSERT OR UPDATE OR DELETE",
                                    pgid="pgtrigger_block_keeps_blocked_until_cd15e",
                                    table="bookings_block",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="insert_insert",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func='INSERT INTO "bookings_blockevent" ("kind", "organization_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "until") VALUES (NEW."kind", NEW."organization_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."until"); RETURN NULL;',
                                    hash="68e67e8b6070857c5b7cce30cc84050b615a4b4c",
                                    operation="INSERT",
                                    pgid="pgtrigger_insert_insert_54797",
                                    table="bookings_block",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="update_update",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition='WHEN (OLD."kind" IS DISTINCT FROM (NEW."kind") OR OLD."organization_id" IS DISTINCT FROM (NEW."organization_id") OR OLD."until" IS DISTINCT FROM (NEW."until"))',
                                    func='INSERT INTO "bookings_blockevent" ("kind", "organization_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "until") VALUES (NEW."kind", NEW."organization_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."until"); RETURN NULL;',
                                    hash="91a2ae4ade3c539f94ee8b36ce1c5fae5e1efd14",
                                    operation="UPDATE",
                                    pgid="pgtrigger_update_update_c1a0d",
                                    table="bookings_block",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="delete_delete",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func='INSERT INTO "bookings_blockevent" ("kind", "organization_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "until") VALUES (OLD."kind", OLD."organization_id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."until"); RETURN NULL;',
                                    hash="373358c436d4f49db65dfe13be9933f87393e952",
                                    operation="DELETE",
                                    pgid="pgtrigger_delete_delete_103ce",
                                    table="bookings_block",
                                    when="AFTER",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="BlockEvent",
                    fields=[
                        ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                        ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                        ("pgh_label", models.TextField(help_text="The event label.")),
                        ("kind", models.CharField(choices=[("address", "E-mail address"), ("domain", "E-mail domain"), ("network", "Network")], max_length=7, verbose_name="what")),
                        ("until", models.DateTimeField(verbose_name="until")),
                        ("organization", models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", related_query_name="+", to="experts.organization", verbose_name="organisation")),
                        ("pgh_context", models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to="pghistory.context")),
                        ("pgh_obj", models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name="events", to="bookings.block")),
                    ],
                    options={
                        "abstract": False,
                        "indexes": [],
                        "constraints": [],
                    },
                ),
                migrations.CreateModel(
                    name="Erasure",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("address", models.CharField(blank=True, editable=False, max_length=254, verbose_name="e-mail")),
                        ("asked_by", models.CharField(choices=[("person", "The person"), ("staff", "Staff"), ("retention", "Time to keep it is over")], max_length=10, verbose_name="asked by")),
                        ("stage", models.CharField(choices=[("cancelling", "Cancelling what lies ahead"), ("erasing", "Erasing"), ("sweeping", "Looking again"), ("done", "Done")], default="cancelling", max_length=10, verbose_name="state")),
                        ("counts", models.JSONField(default=dict, verbose_name="rows")),
                        ("asked_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="asked")),
                        ("finished_at", models.DateTimeField(null=True, verbose_name="finished")),
                        ("organization", models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="experts.organization", verbose_name="organisation")),
                        ("user", models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL, verbose_name="member")),
                    ],
                    options={
                        "verbose_name": "erasure",
                        "verbose_name_plural": "erasures",
                        "ordering": ["-id"],
                        "indexes": [],
                        "constraints": [
                            models.CheckConstraint(condition=models.Q(("asked_by__in", ["person", "staff", "retention"])), name="erasure_asked_by_known"),
                            models.CheckConstraint(condition=models.Q(("stage__in", ["cancelling", "erasing", "sweeping", "done"])), name="erasure_stage_known"),
                            models.CheckConstraint(condition=models.Q(models.Q(("stage", "done"), _negated=True), ("address", ""), _connector="OR"), name="erasure_done_knows_nobody"),
                            models.UniqueConstraint(condition=models.Q(("address", ""), _negated=True), fields=("address", "organization"), name="erasure_once_at_a_time", nulls_distinct=False),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="RetentionMark",
                    fields=[
                        ("organization", models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name="+", serialize=False, to="experts.organization")),
                        ("until", models.DateField()),
                    ],
                    options={
                        "indexes": [],
                        "constraints": [],
                    },
                ),
                migrations.CreateModel(
                    name="MailAllowance",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("recipient", models.CharField(max_length=64)),
                        (
                            "purse",
                            models.CharField(
                                choices=[
                                    ("own", "Own bookings"),
                                    ("known", "Strangers’ bookings at a proven address"),
                                    ("unknown", "Bookings at an address that nobody has proven"),
                                    ("follow_up", "Reminders, and what staff decide"),
                                    ("link", "Links that were asked for"),
                                    ("password", "Links to a new password"),
                                    ("again", "Mails asked for again, at an address that nobody has proven"),
                                    ("new_link", "Links that were asked for, at an address that nobody has proven"),
                                    ("invitation", "Invitations"),
                                    ("staff", "Mails to staff"),
                                ],
                                max_length=10,
                            ),
                        ),
                        ("used", models.PositiveIntegerField()),
                        ("ends_at", models.DateTimeField(db_index=True)),
                    ],
                    options={
                        "indexes": [],
                        "constraints": [
                            models.UniqueConstraint(models.F("recipient"), models.F("purse"), name="mail_allowance_once_per_purse"),
                            models.CheckConstraint(condition=models.Q(("purse__in", ["own", "known", "unknown", "follow_up", "link", "password", "again", "new_link", "invitation", "staff"])), name="mailallowance_purse_known"),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Suppression",
                    fields=[
                        ("recipient", models.CharField(max_length=64, primary_key=True, serialize=False)),
                        ("reason", models.CharField(choices=[("not_me", "“This was not me”"), ("unsubscribed", "Unsubscribed"), ("bounced", "Could not be delivered"), ("complained", "Reported as spam")], max_length=12, verbose_name="reason")),
                        ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name="since")),
                    ],
                    options={
                        "indexes": [],
                        "constraints": [models.CheckConstraint(condition=models.Q(("reason__in", ["not_me", "unsubscribed", "bounced", "complained"])), name="suppression_reason_known")],
                    },
                ),
                migrations.CreateModel(
                    name="NoteReading",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="when")),
                        ("reference", models.CharField(max_length=20, verbose_name="booking")),
                        ("who", models.CharField(max_length=254, verbose_name="who")),
                        ("booking", models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to="bookings.booking", verbose_name="booking")),
                        ("organization", models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to="experts.organization", verbose_name="organisation")),
                        ("user", models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to=settings.AUTH_USER_MODEL, verbose_name="person")),
                    ],
                    options={
                        "verbose_name": "reading of notes",
                        "verbose_name_plural": "readings of notes",
                        "ordering": ["-id"],
                        "indexes": [models.Index(fields=["organization", "-id"], name="note_reading_of_org")],
                        "constraints": [],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="never_changed",
                                sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash="bd8c91f80c402d083dd520461d69df5541accc60", operation="UPDATE", pgid="pgtrigger_never_changed_94e97", table="bookings_notereading", when="BEFORE"),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="kept_a_year",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition="WHEN (OLD.at > now() - interval '365 days')",
                                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                                    hash="9c61ceddf9193ae5e54d9bf774ea8beaf2cfc281",
                                    operation="DELETE",
                                    pgid="pgtrigger_kept_a_year_d59c6",
                                    table="bookings_notereading",
                                    when="BEFORE",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="SpentWork",
                    fields=[
                        ("nonce", models.CharField(max_length=32, primary_key=True, serialize=False)),
                        ("expires_at", models.DateTimeField(db_index=True)),
                    ],
                    options={
                        "indexes": [],
                        "constraints": [],
                    },
                ),
                migrations.CreateModel(
                    name="NoticesOff",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("recipient", models.CharField(max_length=64)),
                        ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                        ("organization", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="experts.organization")),
                    ],
                    options={
                        "indexes": [],
                        "constraints": [models.UniqueConstraint(models.F("recipient"), models.F("organization"), name="notices_off_once")],
                    },
                ),
                migrations.CreateModel(
                    name="Question",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("label", models.CharField(max_length=200, validators=[bookings.validators.validate_plain_text], verbose_name="question")),
                        ("slug", models.SlugField(max_length=60, verbose_name="name for programs")),
                        (
                            "kind",
                            models.CharField(
                                choices=[("text", "Short text"), ("long_text", "Long text"), ("number", "Number"), ("date", "Date"), ("choice", "One of several choices"), ("choices", "Any of several choices"), ("yes_no", "Yes or no"), ("phone", "Phone number"), ("consent", "Consent")],
                                max_length=10,
                                verbose_name="kind of answer",
                            ),
                        ),
                        ("help", models.CharField(blank=True, max_length=200, validators=[bookings.validators.validate_plain_text], verbose_name="explanation")),
                        ("choices", django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=80, validators=[bookings.validators.validate_plain_text]), blank=True, default=list, size=20, verbose_name="choices")),
                        ("wording", models.TextField(blank=True, max_length=4000, validators=[bookings.validators.validate_printable], verbose_name="wording of the consent")),
                        ("version", models.PositiveIntegerField(default=1, editable=False, validators=[django.core.validators.MinValueValidator(1)], verbose_name="version of the wording")),
                        ("worded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name="wording of")),
                        ("is_required", models.BooleanField(default=False, verbose_name="required")),
                        ("missing_text", models.CharField(blank=True, max_length=120, validators=[bookings.validators.validate_plain_text], verbose_name="said where the answer is missing")),
                        ("shown_to_customer", models.BooleanField(default=True, verbose_name="customers see their answer")),
                        ("is_confidential", models.BooleanField(default=False, verbose_name="hide the answer from schedulers")),
                        ("in_staff_mail", models.BooleanField(default=False, verbose_name="the answer is in e-mails to staff")),
                        ("in_webhooks", models.BooleanField(default=False, verbose_name="the answer is in webhooks")),
                        ("position", models.PositiveSmallIntegerField(default=0, editable=False, verbose_name="order")),
                        ("is_active", models.BooleanField(default=True, verbose_name="active")),
                        ("organization", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="questions", to="experts.organization", verbose_name="organisation")),
                        ("session_type", models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="questions", to="experts.sessiontype", verbose_name="session type")),
                    ],
                    options={
                        "verbose_name": "question",
                        "verbose_name_plural": "questions",
                        "ordering": ["position", "id"],
                        "indexes": [],
                        "constraints": [
                            models.CheckConstraint(condition=models.Q(("kind__in", ["text", "long_text", "number", "date", "choice", "choices", "yes_no", "phone", "consent"])), name="question_kind_known"),
                            models.UniqueConstraint(fields=("organization", "slug"), name="question_once_per_organization", violation_error_message="There is a question with this name already."),
                            models.CheckConstraint(condition=models.Q(models.Q(("kind", "consent"), _negated=True), models.Q(("wording", ""), _negated=True), _connector="OR"), name="question_consent_has_a_wording", violation_error_message="Write what the consent says."),
                            models.CheckConstraint(condition=models.Q(models.Q(("kind__in", ["choice", "choices"]), _negated=True), ("choices__len__gte", 2), _connector="OR"), name="question_has_choices", violation_error_message="Give at least two choices."),
                            models.CheckConstraint(condition=models.Q(("is_confidential", False), ("in_staff_mail", False), _connector="OR"), name="question_confidential_is_not_mailed", violation_error_message="What schedulers do not see cannot be in e-mails, which go to them, too."),
                        ],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="question_keeps_has_questions",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n                    UPDATE experts_organization AS it\n                    SET has_questions = EXISTS (SELECT FROM bookings_question WHERE organization_id = it.id)\n                    WHERE id IN (OLD.organization_id, NEW.organization_id)\n                    AND has_questions\n                        <> EXISTS (SELECT FROM bookings_question WHERE organization_id = it.id);\n                    RETURN NULL;\n                ",
                                    hash="f77bfbaa95836a3c9865cb3ef6630e657f187056",
                                    operation='INSERT OR UPDATE OF "organization_id" OR DELETE',
                                    pgid="pgtrigger_question_keeps_has_questions_f4c8a",
                                    table="bookings_question",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="insert_insert",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func='INSERT INTO "bookings_questionevent" ("choices", "help", "id", "in_staff_mail", "in_webhooks", "is_active", "is_confidential", "is_required", "kind", "label", "missing_text", "organization_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "session_type_id", "shown_to_customer", "slug", "version", "wording") VALUES (NEW."choices", NEW."help", NEW."id", NEW."in_staff_mail", NEW."in_webhooks", NEW."is_active", NEW."is_confidential", NEW."is_required", NEW."kind", NEW."label", NEW."missing_text", NEW."organization_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."session_type_id", NEW."shown_to_customer", NEW."slug", NEW."version", NEW."wording"); RETURN NULL;',
                                    hash="760575a540ee66bba529a77ada3348e597a7c7cb",
                                    operation="INSERT",
                                    pgid="pgtrigger_insert_insert_84285",
                                    table="bookings_question",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="update_update",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition='WHEN (OLD."choices" IS DISTINCT FROM (NEW."choices") OR OLD."help" IS DISTINCT FROM (NEW."help") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."in_staff_mail" IS DISTINCT FROM (NEW."in_staff_mail") OR OLD."in_webhooks" IS DISTINCT FROM (NEW."in_webhooks") OR OLD."is_active" IS DISTINCT FROM (NEW."is_active") OR OLD."is_confidential" IS DISTINCT FROM (NEW."is_confidential") OR OLD."is_required" IS DISTINCT FROM (NEW."is_required") OR OLD."kind" IS DISTINCT FROM (NEW."kind") OR OLD."label" IS DISTINCT FROM (NEW."label") OR OLD."missing_text" IS DISTINCT FROM (NEW."missing_text") OR OLD."organization_id" IS DISTINCT FROM (NEW."organization_id") OR OLD."session_type_id" IS DISTINCT FROM (NEW."session_type_id") OR OLD."shown_to_customer" IS DISTINCT FROM (NEW."shown_to_customer") OR OLD."slug" IS DISTINCT FROM (NEW."slug") OR OLD."version" IS DISTINCT FROM (NEW."version") OR OLD."wording" IS DISTINCT FROM (NEW."wording"))',
                                    func='INSERT INTO "bookings_questionevent" ("choices", "help", "id", "in_staff_mail", "in_webhooks", "is_active", "is_confidential", "is_required", "kind", "label", "missing_text", "organization_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "session_type_id", "shown_to_customer", "slug", "version", "wording") VALUES (NEW."choices", NEW."help", NEW."id", NEW."in_staff_mail", NEW."in_webhooks", NEW."is_active", NEW."is_confidential", NEW."is_required", NEW."kind", NEW."label", NEW."missing_text", NEW."organization_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."session_type_id", NEW."shown_to_customer", NEW."slug", NEW."version", NEW."wording"); RETURN NULL;',
                                    hash="8d03f33da1c689808be012b87aee29ba58dd6a40",
                                    operation="UPDATE",
                                    pgid="pgtrigger_update_update_9b808",
                                    table="bookings_question",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="delete_delete",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func='INSERT INTO "bookings_questionevent" ("choices", "help", "id", "in_staff_mail", "in_webhooks", "is_active", "is_confidential", "is_required", "kind", "label", "missing_text", "organization_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "session_type_id", "shown_to_customer", "slug", "version", "wording") VALUES (OLD."choices", OLD."help", OLD."id", OLD."in_staff_mail", OLD."in_webhooks", OLD."is_active", OLD."is_confidential", OLD."is_required", OLD."kind", OLD."label", OLD."missing_text", OLD."organization_id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."session_type_id", OLD."shown_to_customer", OLD."slug", OLD."version", OLD."wording"); RETURN NULL;',
                                    hash="9c8c4d5fa4a9d2d388241b14c27443bea8d2e477",
                                    operation="DELETE",
                                    pgid="pgtrigger_delete_delete_26eca",
                                    table="bookings_question",
                                    when="AFTER",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Answer",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        (
                            "kind",
                            models.CharField(choices=[("text", "Short text"), ("long_text", "Long text"), ("number", "Number"), ("date", "Date"), ("choice", "One of several choices"), ("choices", "Any of several choices"), ("yes_no", "Yes or no"), ("phone", "Phone number"), ("consent", "Consent")], max_length=10),
                        ),
                        ("label", models.CharField(max_length=200)),
                        ("wording", models.TextField(blank=True)),
                        ("version", models.PositiveIntegerField(default=1)),
                        ("position", models.PositiveSmallIntegerField(default=0)),
                        ("value", models.JSONField()),
                        ("answered_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                        ("booking", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="answers", to="bookings.booking", verbose_name="booking")),
                        ("question", models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="answers", to="bookings.question", verbose_name="question")),
                    ],
                    options={
                        "verbose_name": "answer",
                        "verbose_name_plural": "answers",
                        "ordering": ["position", "id"],
                        "indexes": [],
                        "constraints": [models.CheckConstraint(condition=models.Q(("kind__in", ["text", "long_text", "number", "date", "choice", "choices", "yes_no", "phone", "consent"])), name="answer_kind_known"), models.UniqueConstraint(fields=("booking", "question"), name="answer_once_per_booking")],
                    },
                ),
                migrations.CreateModel(
                    name="QuestionEvent",
                    fields=[
                        ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                        ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                        ("pgh_label", models.TextField(help_text="The event label.")),
                        ("id", models.BigIntegerField()),
                        ("label", models.CharField(max_length=200, validators=[bookings.validators.validate_plain_text], verbose_name="question")),
                        ("slug", models.SlugField(db_index=False, max_length=60, verbose_name="name for programs")),
                        (
                            "kind",
                            models.CharField(
                                choices=[("text", "Short text"), ("long_text", "Long text"), ("number", "Number"), ("date", "Date"), ("choice", "One of several choices"), ("choices", "Any of several choices"), ("yes_no", "Yes or no"), ("phone", "Phone number"), ("consent", "Consent")],
                                max_length=10,
                                verbose_name="kind of answer",
                            ),
                        ),
                        ("help", models.CharField(blank=True, max_length=200, validators=[bookings.validators.validate_plain_text], verbose_name="explanation")),
                        ("choices", django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=80, validators=[bookings.validators.validate_plain_text]), blank=True, default=list, size=20, verbose_name="choices")),
                        ("wording", models.TextField(blank=True, max_length=4000, validators=[bookings.validators.validate_printable], verbose_name="wording of the consent")),
                        ("version", models.PositiveIntegerField(default=1, editable=False, validators=[django.core.validators.MinValueValidator(1)], verbose_name="version of the wording")),
                        ("is_required", models.BooleanField(default=False, verbose_name="required")),
                        ("missing_text", models.CharField(blank=True, max_length=120, validators=[bookings.validators.validate_plain_text], verbose_name="said where the answer is missing")),
                        ("shown_to_customer", models.BooleanField(default=True, verbose_name="customers see their answer")),
                        ("is_confidential", models.BooleanField(default=False, verbose_name="hide the answer from schedulers")),
                        ("in_staff_mail", models.BooleanField(default=False, verbose_name="the answer is in e-mails to staff")),
                        ("in_webhooks", models.BooleanField(default=False, verbose_name="the answer is in webhooks")),
                        ("is_active", models.BooleanField(default=True, verbose_name="active")),
                        ("organization", models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", related_query_name="+", to="experts.organization", verbose_name="organisation")),
                        ("pgh_context", models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to="pghistory.context")),
                        ("pgh_obj", models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name="events", to="bookings.question")),
                        ("session_type", models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", related_query_name="+", to="experts.sessiontype", verbose_name="session type")),
                    ],
                    options={
                        "abstract": False,
                        "indexes": [],
                        "constraints": [],
                    },
                ),
                migrations.CreateModel(
                    name="Rescue",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("sequence", models.PositiveIntegerField(editable=False)),
                        ("state", models.CharField(choices=[("OFFERED", "Times offered"), ("MOVED", "Moved"), ("CHOSEN", "Time chosen"), ("DECLINED", "None of these"), ("CANCELLED", "Cancelled"), ("SETTLED", "Done"), ("WITHDRAWN", "Taken back")], max_length=9, verbose_name="state")),
                        ("was_at", models.DateTimeField()),
                        ("until", models.DateTimeField(null=True, verbose_name="kept until")),
                        ("why", models.CharField(blank=True, choices=[("ill", "is ill"), ("away", "is away")], default="", max_length=4)),
                        ("message", models.TextField(blank=True, validators=[django.core.validators.MaxLengthValidator(1000), bookings.validators.validate_printable], verbose_name="message to the customer")),
                        ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                        ("changed_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                        ("reached_at", models.DateTimeField(null=True)),
                        ("booking", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="rescues", to="bookings.booking", verbose_name="booking")),
                        ("created_by", models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL)),
                        ("expert", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="experts.expert")),
                        ("was_slot", models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="experts.slot")),
                        ("of_request", models.BooleanField(db_default=False, default=False, editable=False)),
                    ],
                    options={
                        "verbose_name": "rescue",
                        "verbose_name_plural": "rescues",
                        "ordering": ["-id"],
                        "indexes": [models.Index(models.F("expert"), models.F("was_at"), name="rescue_of_expert")],
                        "constraints": [
                            models.CheckConstraint(condition=models.Q(("state__in", ["OFFERED", "MOVED", "CHOSEN", "DECLINED", "CANCELLED", "SETTLED", "WITHDRAWN"])), name="rescue_state_known"),
                            models.CheckConstraint(condition=models.Q(("why__in", ["", "ill", "away"])), name="rescue_why_known"),
                            models.UniqueConstraint(models.F("booking"), condition=models.Q(("state", "OFFERED")), name="rescue_one_offer_of_a_booking"),
                            models.CheckConstraint(condition=models.Q(models.Q(("state", "OFFERED"), _negated=True), ("until__isnull", False), _connector="OR"), name="rescue_offer_ends"),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="RescueTime",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("position", models.PositiveSmallIntegerField()),
                        ("hold", models.OneToOneField(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="rescue_time", to="bookings.booking")),
                        ("rescue", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="times", to="bookings.rescue")),
                        ("slot", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="experts.slot")),
                    ],
                    options={
                        "ordering": ["position", "id"],
                        "indexes": [],
                        "constraints": [],
                    },
                ),
                migrations.CreateModel(
                    name="MailText",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("confirmed", "Confirmed"),
                                    ("pending", "Request sent"),
                                    ("rejected", "Declined"),
                                    ("expired", "Request expired"),
                                    ("rescheduled", "Moved"),
                                    ("cancelled", "Cancelled"),
                                    ("reminder_day", "Reminder, the day before"),
                                    ("reminder_hour", "Reminder, the hour before"),
                                    ("prove", "Link that keeps a booking"),
                                    ("waitlist_prove", "Waitlist: link that takes the place"),
                                    ("waitlist_offer", "Waitlist: a seat is free"),
                                    ("rescue_offer", "New times to choose from"),
                                ],
                                max_length=20,
                                verbose_name="e-mail",
                            ),
                        ),
                        ("subject", models.CharField(blank=True, max_length=120, validators=[bookings.validators.validate_plain_text, experts.validators.validate_no_web_address], verbose_name="subject")),
                        ("opening", models.TextField(blank=True, max_length=1000, validators=[django.core.validators.MaxLengthValidator(1000), bookings.validators.validate_printable, experts.validators.validate_no_web_address], verbose_name="opening")),
                        ("organization", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="mail_texts", to="experts.organization", verbose_name="organisation")),
                    ],
                    options={
                        "verbose_name": "words of an e-mail",
                        "verbose_name_plural": "words of e-mails",
                        "ordering": ["organization", "kind"],
                        "indexes": [],
                        "constraints": [
                            models.CheckConstraint(condition=models.Q(("kind__in", ["confirmed", "pending", "rejected", "expired", "rescheduled", "cancelled", "reminder_day", "reminder_hour", "prove", "waitlist_prove", "waitlist_offer", "rescue_offer"])), name="mail_text_kind_known"),
                            models.UniqueConstraint(fields=("organization", "kind"), name="mail_text_once_of_a_kind"),
                            models.CheckConstraint(condition=models.Q(("opening", ""), ("subject", ""), _negated=True), name="mail_text_says_something"),
                        ],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="insert_insert",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func='INSERT INTO "bookings_mailtextevent" ("id", "kind", "opening", "organization_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "subject") VALUES (NEW."id", NEW."kind", NEW."opening", NEW."organization_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."subject"); RETURN NULL;',
                                    hash="0d85d0f171d2cde519fdc0eca818e6312ead406e",
                                    operation="INSERT",
                                    pgid="pgtrigger_insert_insert_d4890",
                                    table="bookings_mailtext",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="update_update",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition="WHEN (OLD.* IS DISTINCT FROM NEW.*)",
                                    func='INSERT INTO "bookings_mailtextevent" ("id", "kind", "opening", "organization_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "subject") VALUES (NEW."id", NEW."kind", NEW."opening", NEW."organization_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."subject"); RETURN NULL;',
                                    hash="2b78e649cb3518c0c1e537e470a0674df7ce382e",
                                    operation="UPDATE",
                                    pgid="pgtrigger_update_update_293b6",
                                    table="bookings_mailtext",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="delete_delete",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func='INSERT INTO "bookings_mailtextevent" ("id", "kind", "opening", "organization_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "subject") VALUES (OLD."id", OLD."kind", OLD."opening", OLD."organization_id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."subject"); RETURN NULL;',
                                    hash="30939bfda6036ceee8cb6ea30465cfc6cd98e6b6",
                                    operation="DELETE",
                                    pgid="pgtrigger_delete_delete_22ff0",
                                    table="bookings_mailtext",
                                    when="AFTER",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="MailTextEvent",
                    fields=[
                        ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                        ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                        ("pgh_label", models.TextField(help_text="The event label.")),
                        ("id", models.BigIntegerField()),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("confirmed", "Confirmed"),
                                    ("pending", "Request sent"),
                                    ("rejected", "Declined"),
                                    ("expired", "Request expired"),
                                    ("rescheduled", "Moved"),
                                    ("cancelled", "Cancelled"),
                                    ("reminder_day", "Reminder, the day before"),
                                    ("reminder_hour", "Reminder, the hour before"),
                                    ("prove", "Link that keeps a booking"),
                                    ("waitlist_prove", "Waitlist: link that takes the place"),
                                    ("waitlist_offer", "Waitlist: a seat is free"),
                                    ("rescue_offer", "New times to choose from"),
                                ],
                                max_length=20,
                                verbose_name="e-mail",
                            ),
                        ),
                        ("subject", models.CharField(blank=True, max_length=120, validators=[bookings.validators.validate_plain_text, experts.validators.validate_no_web_address], verbose_name="subject")),
                        ("opening", models.TextField(blank=True, max_length=1000, validators=[django.core.validators.MaxLengthValidator(1000), bookings.validators.validate_printable, experts.validators.validate_no_web_address], verbose_name="opening")),
                        ("organization", models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", related_query_name="+", to="experts.organization", verbose_name="organisation")),
                        ("pgh_context", models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to="pghistory.context")),
                        ("pgh_obj", models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name="events", to="bookings.mailtext")),
                    ],
                    options={
                        "abstract": False,
                        "indexes": [],
                        "constraints": [],
                    },
                ),
                migrations.CreateModel(
                    name="LeftBehind",
                    fields=[
                        ("job_id", models.BigIntegerField(primary_key=True, serialize=False)),
                        ("times", models.PositiveSmallIntegerField(db_default=1, default=1)),
                        ("last_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ],
                    options={
                        "indexes": [],
                        "constraints": [],
                    },
                ),
                migrations.CreateModel(
                    name="WorkerSign",
                    fields=[
                        ("name", models.CharField(max_length=200, primary_key=True, serialize=False)),
                        ("queues", models.CharField(max_length=200)),
                        ("version", models.CharField(max_length=50)),
                        ("started_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                        ("seen_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ],
                    options={
                        "ordering": ["name"],
                        "indexes": [],
                        "constraints": [],
                    },
                ),
            ],
        ),
        # Going back, what was said to the tables of this app goes with them.
        migrations.RunSQL(QUIET_QUEUE, QUEUE_AS_IT_COMES),
        migrations.RunSQL(SLOT_CHECKED, migrations.RunSQL.noop),
        migrations.RunSQL(VACUUM_OFTEN, migrations.RunSQL.noop),
        migrations.RunSQL(REMINDERS_BEGIN, migrations.RunSQL.noop),
        migrations.RunSQL(FOLLOW, FOLLOW_NO_MORE),
    ]
