"""The pages of the staff's day, in the order of the menu."""

from django.contrib import admin

from bookings.admin import day, my_day, reports, requests
from bookings.admin.staff_page import StaffPage

STAFF_PAGES: list[StaffPage] = [
    day.PAGE,
    my_day.PAGE,
    requests.PAGE,
    reports.REPORTS,
]

admin.site.add_pages(STAFF_PAGES)
