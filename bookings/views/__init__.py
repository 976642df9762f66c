from bookings.views.book import book
from bookings.views.expert import expert
from bookings.views.mine import my_bookings

__all__ = ["book", "expert", "my_bookings"]
