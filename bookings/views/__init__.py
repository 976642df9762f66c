from bookings.views.book import book
from bookings.views.booking import booking, calendar_file
from bookings.views.cancel import cancel
from bookings.views.expert import embed_expert, expert
from bookings.views.feed import feed
from bookings.views.hold import hold, release
from bookings.views.link import link
from bookings.views.my_bookings import my_bookings, sign_out
from bookings.views.reschedule import reschedule
from bookings.views.waitlist import waitlist

__all__ = [
    "book",
    "booking",
    "calendar_file",
    "cancel",
    "embed_expert",
    "expert",
    "feed",
    "hold",
    "link",
    "my_bookings",
    "release",
    "reschedule",
    "sign_out",
    "waitlist",
]
