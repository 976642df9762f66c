"""The pages of the staff's day, in the order of the menu."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from bookings.admin.quick_booking import quick_booking
from bookings.admin.staff_page import StaffPage
from experts.permissions import ADD

STAFF_PAGES: list[StaffPage] = [
    StaffPage("quick_booking", "book/", quick_booking, _("New booking"), icon="add_circle", right=ADD),
]

admin.site.add_pages(STAFF_PAGES)
