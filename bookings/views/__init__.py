from bookings.views.book import book
from bookings.views.booking import booking
from bookings.views.expert import expert
from bookings.views.hold import hold, release
from bookings.views.link import link
from bookings.views.mine import my_bookings, sign_out

__all__ = ["book", "booking", "expert", "hold", "link", "my_bookings", "release", "sign_out"]
