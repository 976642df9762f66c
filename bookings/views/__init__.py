from bookings.views.address import correct_address
from bookings.views.answers import change_answers
from bookings.views.anyone import anyone, embed_anyone, hold_anyone
from bookings.views.book import book
from bookings.views.booking import booking, calendar_file, show_mail_state
from bookings.views.cancel import cancel
from bookings.views.expert import embed_expert, expert
from bookings.views.feed import feed
from bookings.views.hold import extend, hold, release
from bookings.views.link import link
from bookings.views.my_bookings import my_bookings, sign_out
from bookings.views.not_me import not_me, unwanted
from bookings.views.reschedule import reschedule
from bookings.views.share_card import list_card, share_card
from bookings.views.waitlist import waitlist
from bookings.views.your_data import download_data, erase_data, read_data, your_data

__all__ = [
    "anyone",
    "book",
    "booking",
    "calendar_file",
    "cancel",
    "change_answers",
    "correct_address",
    "download_data",
    "embed_anyone",
    "embed_expert",
    "erase_data",
    "expert",
    "extend",
    "feed",
    "hold",
    "hold_anyone",
    "link",
    "list_card",
    "my_bookings",
    "not_me",
    "read_data",
    "release",
    "reschedule",
    "share_card",
    "show_mail_state",
    "sign_out",
    "unwanted",
    "waitlist",
    "your_data",
]
