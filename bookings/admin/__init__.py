from bookings.admin.bookings import BookingAdmin
from bookings.admin.turned_away import TurnedAwayAdmin

__all__ = ["BookingAdmin", "TurnedAwayAdmin"]
