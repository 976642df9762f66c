from bookings.admin.bookings import BookingAdmin
from bookings.admin.feeds import CalendarFeedAdmin
from bookings.admin.notifications import NotificationAdmin
from bookings.admin.turned_away import TurnedAwayAdmin
from bookings.admin.waitlist import WaitlistAdmin

__all__ = ["BookingAdmin", "CalendarFeedAdmin", "NotificationAdmin", "TurnedAwayAdmin", "WaitlistAdmin"]
