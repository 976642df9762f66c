"""The pages of the staff's day, in the order of the menu."""

from django.contrib import admin

from bookings.admin import day, moves, my_day, quick_booking, reports, requests
from bookings.admin.staff_page import StaffPage

STAFF_PAGES: list[StaffPage] = [
    day.PAGE,
    moves.PAGE,
    my_day.PAGE,
    requests.PAGE,
    quick_booking.PAGE,
    reports.REPORTS,
]

admin.site.add_pages(STAFF_PAGES)
