"""The pages of the staff's day, in the order of the menu."""

from django.contrib import admin

from bookings.admin import (
    day,
    day_print,
    imports,
    moves,
    my_day,
    quick_booking,
    reports,
    requests,
    rescue,
    week,
    why_not,
)
from bookings.admin.staff_live import live_of_lists
from bookings.admin.staff_page import StaffPage

STAFF_PAGES: list[StaffPage] = [
    day.PAGE,
    my_day.PAGE,
    requests.PAGE,
    rescue.PAGE,
    week.PAGE,
    moves.PAGE,
    quick_booking.PAGE,
    why_not.PAGE,
    reports.REPORTS,
    imports.IMPORTS,
    day_print.PAGE,
]

admin.site.add_pages(STAFF_PAGES)
admin.site.make_lists_live(live_of_lists)
