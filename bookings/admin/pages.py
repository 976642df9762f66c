"""The pages of the staff's day, in the order of the menu."""

from django.contrib import admin

from bookings.admin import day, reports, rescue
from bookings.admin.staff_page import StaffPage

STAFF_PAGES: list[StaffPage] = [
    day.PAGE,
    rescue.PAGE,
    reports.REPORTS,
]

admin.site.add_pages(STAFF_PAGES)
