from bookings.models.api_token import ApiToken
from bookings.models.block import Block
from bookings.models.booking import Booking, CancelReason, ProofReason, Source
from bookings.models.erasure import Erasure, RetentionMark
from bookings.models.feed import CalendarFeed
from bookings.models.idempotency import Idempotency
from bookings.models.lookup import LookupLink, LookupRequest
from bookings.models.mail_text import MailText
from bookings.models.note_reading import NoteReading
from bookings.models.notification import MailKind, Notification
from bookings.models.operations import LeftBehind, WorkerSign
from bookings.models.outbox import OutboxMail, Postponed, ReminderMark
from bookings.models.proof import Proof
from bookings.models.proven import Proven
from bookings.models.question import Answer, Question, QuestionKind
from bookings.models.recipient import MailAllowance, NoticesOff, Suppression
from bookings.models.rescue import Rescue, RescueReason, RescueState, RescueTime
from bookings.models.spent_work import SpentWork
from bookings.models.turned_away import TurnedAway
from bookings.models.waitlist import WaitlistEntry
from bookings.models.webhook import EventType, WebhookDelivery, WebhookEndpoint
from bookings.transitions import Status

__all__ = [
    "Answer",
    "ApiToken",
    "Block",
    "Booking",
    "CalendarFeed",
    "CancelReason",
    "Erasure",
    "EventType",
    "Idempotency",
    "LeftBehind",
    "LookupLink",
    "LookupRequest",
    "MailAllowance",
    "MailKind",
    "MailText",
    "NoteReading",
    "NoticesOff",
    "Notification",
    "OutboxMail",
    "Postponed",
    "Proof",
    "ProofReason",
    "Proven",
    "Question",
    "QuestionKind",
    "ReminderMark",
    "Rescue",
    "RescueReason",
    "RescueState",
    "RescueTime",
    "RetentionMark",
    "Source",
    "SpentWork",
    "Status",
    "Suppression",
    "TurnedAway",
    "WaitlistEntry",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WorkerSign",
]
