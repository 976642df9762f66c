from bookings.admin import pages
from bookings.admin.api_tokens import ApiTokenAdmin
from bookings.admin.blocks import BlockAdmin
from bookings.admin.bookings import BookingAdmin
from bookings.admin.erasures import ErasureAdmin
from bookings.admin.expert_pages import (
    ExpertWithFeedAdmin,
    MembershipWithTokensAdmin,
    OrganizationWithFeedAdmin,
    SlotWithBookingsAdmin,
)
from bookings.admin.feeds import CalendarFeedAdmin
from bookings.admin.note_readings import NoteReadingAdmin
from bookings.admin.notifications import NotificationAdmin
from bookings.admin.questions import QuestionAdmin
from bookings.admin.rescue_leads import TimeOffWithRescueAdmin
from bookings.admin.turned_away import TurnedAwayAdmin
from bookings.admin.waitlist import WaitlistAdmin
from bookings.admin.webhooks import WebhookDeliveryAdmin, WebhookEndpointAdmin

__all__ = [
    "ApiTokenAdmin",
    "BlockAdmin",
    "BookingAdmin",
    "CalendarFeedAdmin",
    "ErasureAdmin",
    "ExpertWithFeedAdmin",
    "MembershipWithTokensAdmin",
    "NoteReadingAdmin",
    "NotificationAdmin",
    "OrganizationWithFeedAdmin",
    "QuestionAdmin",
    "SlotWithBookingsAdmin",
    "TimeOffWithRescueAdmin",
    "TurnedAwayAdmin",
    "WaitlistAdmin",
    "WebhookDeliveryAdmin",
    "WebhookEndpointAdmin",
    "pages",
]
