from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from bookings.models import NoteReading
from experts.admin.scoping import WithinReach
from experts.admin.sign_ins import LogAdmin


@admin.register(NoteReading)
class NoteReadingAdmin(LogAdmin):
    """Who has read what customers wrote with their bookings: owners see that of their own organisation."""

    organization_path = "organization_id"
    list_display = ("when", "who", "about", "organization")
    list_select_related = ("organization",)
    list_filter = (("organization", WithinReach),)
    search_fields = ("who",)
    search_help_text = gettext_lazy("E-mail, or the name of a token")
    fields = ("when", "who", "about", "organization")

    @display(description=gettext_lazy("booking"))
    def about(self, row):
        return format_html(
            '<a href="{}">{}</a>', reverse("admin:bookings_booking_change", args=[row.booking_id]), row.reference
        )
