"""Every write to a booking. HTML views, API, admin and jobs call these and nothing else."""

from bookings.services.booking import book, change_details, note_opened_full
from bookings.services.feeds import create_feed, revoke_feed
from bookings.services.holds import hold_slot, release_hold
from bookings.services.lifecycle import approve, cancel, complete, expire, mark_no_show, reject, reschedule
from bookings.services.mail import send_again
from bookings.services.shared import visitor_group, without_hold
from bookings.services.tokens import create_token, revoke_token
from bookings.services.waitlist import WORTH_WAITING, claim_offer, join_waitlist, leave_waitlist, serve
from bookings.webhooks.endpoints import (
    add_webhook,
    change_webhook,
    delete_webhook,
    renew_secret,
    resume_webhook,
    send_test_webhook,
    send_webhook_again,
)

__all__ = [
    "WORTH_WAITING",
    "add_webhook",
    "approve",
    "book",
    "cancel",
    "change_details",
    "change_webhook",
    "claim_offer",
    "complete",
    "create_feed",
    "create_token",
    "delete_webhook",
    "expire",
    "hold_slot",
    "join_waitlist",
    "leave_waitlist",
    "mark_no_show",
    "note_opened_full",
    "reject",
    "release_hold",
    "renew_secret",
    "reschedule",
    "resume_webhook",
    "revoke_feed",
    "revoke_token",
    "send_again",
    "send_test_webhook",
    "send_webhook_again",
    "serve",
    "visitor_group",
    "without_hold",
]
