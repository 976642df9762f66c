"""The pages of the staff's day, in the order of the menu."""

from django.contrib import admin

from bookings.admin import day, imports, moves, quick_booking, reports, requests
from bookings.admin.staff_page import StaffPage

STAFF_PAGES: list[StaffPage] = [
    day.PAGE,
    moves.PAGE,
    quick_booking.PAGE,
    requests.PAGE,
    reports.REPORTS,
    imports.IMPORTS,
]

admin.site.add_pages(STAFF_PAGES)
