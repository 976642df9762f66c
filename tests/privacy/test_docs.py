"""docs/privacy.md names what the models hold: who adds a field has to say whether it is about a person."""

import re
from pathlib import Path

from django.apps import apps
from django.conf import settings

from bookings.privacy.registry import kinds
from bookings.services.cleanup import KEPT

DOCS = (Path(settings.BASE_DIR) / "docs/privacy.md").read_text()


def _words(text: str) -> set[str]:
    return set(text.split())


# What tells nothing about anybody, in whichever table.
ALWAYS = _words(
    """
    id created_at updated_at expires_at used_at revoked_at last_used_at status type kind source seats sequence attempts
    slot_id expert_id organization_id category_id booking_id request_id endpoint_id hold_id content_type_id group_id
    permission_id is_active pgh_id pgh_created_at pgh_label pgh_obj_id pgh_context_id
    """
)
# Besides: by table.
IMPERSONAL = {
    "auth_group": "name",
    "auth_permission": "name codename",
    "bookings_answer": "question_id label wording version position answered_at",
    "bookings_apitoken": "token_hash name ending scope created_by_id",
    "bookings_apitokenevent": "name ending scope",
    "account_emailaddress": "primary verified",
    "account_emailconfirmation": "created sent",
    "bookings_block": "until",
    "bookings_blockevent": "until",
    "bookings_booking": "cancel_reason erased_at awaits_proof proof_reason is_vouched of_expert_id extensions"
    " of_organization_id over_at session_type_id session_ends_at more_slots agreed second_expert_id arrived_at"
    " broken_rule",
    "bookings_bookingevent": "cancel_reason session_type_id session_ends_at more_slots arrived_at",
    "bookings_calendarfeed": "token_hash created_by_id",
    "bookings_calendarfeedevent": "created_by_id",
    "bookings_erasure": "asked_by stage counts asked_at finished_at",
    "bookings_idempotency": "refusal",
    "bookings_leftbehind": "job_id times last_at",
    "bookings_lookuprequest": "is_for_data",
    "bookings_notification": "audience last_attempt_at sent_at last_error of_organization_id",
    "bookings_mailallowance": "purse used ends_at",
    "bookings_notereading": "at",
    "bookings_outboxmail": "priority due_at by_visitor request_name",
    "bookings_proven": "proven_at",
    "bookings_remindermark": "until",
    "bookings_rescue": "state was_slot_id was_at until why of_request changed_at reached_at",
    "bookings_rescuetime": "rescue_id position",
    "bookings_retentionmark": "until",
    "bookings_spentwork": "nonce",
    "bookings_suppression": "reason",
    "bookings_turnedaway": "reason people of_organization_id",
    "bookings_workersign": "name queues version started_at seen_at",
    "bookings_waitlistentry": "is_echo in_line_at session_type_id more_slots of_organization_id",
    "bookings_webhookdelivery": "event_id next_attempt_at last_attempt_at response_status error",
    "bookings_webhookendpoint": "url event_types sends_contacts secret old_secret old_secret_until failing_since"
    " paused_at paused_reason",
    "bookings_webhookendpointevent": "url event_types sends_contacts paused_at paused_reason",
    "django_admin_log": "action_time object_id action_flag",
    "django_content_type": "app_label model",
    "django_session": "expire_date",
    "experts_backup": "finished_at file size seconds pictures is_encrypted",
    "experts_sendingheld": "since why",
    "experts_category": "name slug icon position is_medical",
    "experts_exportlog": "at subject filters format rows",
    "experts_importedrow": "object_id",
    "experts_importrun": "sends_mails result finished_at",
    "experts_invitation": "organization_name timezone role invited_by_id accepted_at",
    "experts_membership": "user_id role from_sso",
    "experts_membershipevent": "user_id role",
    "experts_signin": "at outcome means",
    "experts_signintry": "at",
    "experts_staffsession": "means started_at seen_at proven_at checked_at",
    "experts_slot": "date time starts_at ends_at title capacity seats_held seats_booked next_hold_expiry is_closed"
    " version from_hours closed_by_hours for_types is_waited_for",
    "experts_slotevent": "date time starts_at ends_at title capacity is_closed for_types",
    "experts_timeoff": "first_day last_day from_time to_time",
    "experts_timeoffevent": "first_day last_day from_time to_time",
    "socialaccount_socialaccount": "date_joined",
    "socialaccount_socialapp": "client_id key name provider provider_id secret settings",
    "socialaccount_socialtoken": "app_id",
    "experts_user": "is_superuser is_staff",
    "experts_user_groups": "user_id",
    "experts_user_user_permissions": "user_id",
}
_HOURS = "for_types weekday start end slot_minutes buffer_minutes capacity title valid_from valid_to"
_POLICY = " requires_approval hold_minutes approval_hours min_notice horizon_days cancel_until max_party move_approval"
_EXPERT = "user_id timezone session_minutes default_capacity venue" + _POLICY
_HOUSE = (
    "name slug city timezone accent mail_footer reminds_day_before reminds_hour_before embed_origins offer_minutes"
    " retention_months hides_notes lets_change_answers proof two_factor invitation_quota staff_mail_quota" + _POLICY
)
_QUESTION = (
    "session_type_id label slug help choices wording version is_required missing_text shown_to_customer"
    " is_confidential in_staff_mail in_webhooks"
)
_OFFERED = "session_type_id minutes price_amount price_words"
_SESSION_TYPE = (
    "name slug description minutes buffer_before buffer_after price_amount price_currency price_words venue venue_note"
    " is_group experts_needed audience colour position requires_approval min_notice horizon_days cancel_until max_party"
)
IMPERSONAL |= {
    "bookings_mailtext": "subject opening",
    "bookings_mailtextevent": "subject opening",
    "bookings_question": f"{_QUESTION} position worded_at",
    "bookings_questionevent": _QUESTION,
    "experts_offeredtype": _OFFERED,
    "experts_offeredtypeevent": _OFFERED,
    "experts_sessiontype": _SESSION_TYPE,
    "experts_sessiontypeevent": _SESSION_TYPE,
    "experts_searchword": "experts",
    "experts_weeklyhours": _HOURS,
    "experts_weeklyhoursevent": _HOURS,
    "experts_expert": f"{_EXPERT} slots_until",
    "experts_expertevent": _EXPERT,
    "experts_organization": f"{_HOUSE} logo blocked_until has_questions",
    "experts_organizationevent": _HOUSE,
}
# The queue's arguments are keys of rows, which tests/privacy/test_erasing.py holds; views of other tables have no rows.
NO_TABLES_OF_OURS = ("procrastinate_", "pghistory_events")


def columns() -> dict[str, set[str]]:
    models = apps.get_models(include_auto_created=True)
    ours = [model for model in models if not model._meta.db_table.startswith(NO_TABLES_OF_OURS)]
    return {model._meta.db_table: {field.column for field in model._meta.concrete_fields} for model in ours}


def documented() -> dict[str, set[str]]:
    """The columns that the tables of the page name, by table of the database."""
    found: dict[str, set[str]] = {}
    for table, names in re.findall(r"^\| `(\w+)` \| ([^|]+) \|", DOCS, re.MULTILINE):
        found.setdefault(table, set()).update(re.findall(r"`(\w+)`", names))
    return found


def test_every_field_is_either_described_or_known_to_be_impersonal():
    told = documented()
    forgotten = {
        table: fields
        for table, names in columns().items()
        if (fields := names - told.get(table, set()) - ALWAYS - _words(IMPERSONAL.get(table, "")))
    }
    assert forgotten == {}, "is it about a person? Say so in docs/privacy.md; if not, here"


def test_nothing_is_described_that_is_not_there_and_nothing_is_both():
    stored, told = columns(), documented()
    assert {table: names - stored.get(table, set()) for table, names in told.items() if names - stored[table]} == {}
    both = {table: told.get(table, set()) & (_words(names) | ALWAYS) for table, names in IMPERSONAL.items()}
    assert {table: names for table, names in both.items() if names} == {}


def test_the_times_are_those_of_the_code():
    assert {name: int(days) for name, days in re.findall(r"^\| ([a-z -]+) \| (\d+) \|$", DOCS, re.MULTILINE)} == {
        name: time.days for name, time in KEPT.items()
    }


def test_the_json_has_the_kinds_that_the_page_names():
    names = re.search(r"`data` has a list of rows for each kind: ([^.]+)\.", DOCS)[1]
    assert set(re.findall(r"`([\w-]+)`", names)) == {kind.name for kind in kinds() if kind.export}
