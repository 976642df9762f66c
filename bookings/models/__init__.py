from bookings.models.api_token import ApiToken
from bookings.models.booking import Booking, CancelReason, Source
from bookings.models.feed import CalendarFeed
from bookings.models.idempotency import Idempotency
from bookings.models.lookup import LookupLink, LookupRequest
from bookings.models.note_reading import NoteReading
from bookings.models.notification import MailKind, Notification
from bookings.models.outbox import OutboxMail, Postponed, ReminderMark
from bookings.models.proof import Proof
from bookings.models.turned_away import TurnedAway
from bookings.models.waitlist import WaitlistEntry
from bookings.models.webhook import EventType, WebhookDelivery, WebhookEndpoint
from bookings.transitions import Status

__all__ = [
    "ApiToken",
    "Booking",
    "CalendarFeed",
    "CancelReason",
    "EventType",
    "Idempotency",
    "LookupLink",
    "LookupRequest",
    "MailKind",
    "NoteReading",
    "Notification",
    "OutboxMail",
    "Postponed",
    "Proof",
    "ReminderMark",
    "Source",
    "Status",
    "TurnedAway",
    "WaitlistEntry",
    "WebhookDelivery",
    "WebhookEndpoint",
]
