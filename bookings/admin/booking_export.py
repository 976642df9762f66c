"""Bookings as a file: its columns, and who finds notes and answers in them."""

from django.utils.translation import gettext_lazy

from bookings import services
from bookings.permissions import may_read_notes, readable_answers
from bookings.selectors.answers import answers_of
from experts.admin.exports import Column, WithExport, when_and_zone
from experts.admin.scoping import reach


class WithBookingExport(WithExport):
    """A list of bookings that can be taken along."""

    export_columns = (
        Column(gettext_lazy("Reference"), lambda booking: booking.reference),
        Column(gettext_lazy("Status"), lambda booking: booking.get_status_display()),
        Column(gettext_lazy("Expert"), lambda booking: booking.with_whom),
        Column(gettext_lazy("Expert address"), lambda booking: booking.slot.expert.slug),
        Column(gettext_lazy("Date"), lambda booking: booking.slot.date),
        Column(gettext_lazy("Time"), lambda booking: booking.slot.time),
        Column(gettext_lazy("Time zone"), lambda booking: booking.slot.expert.timezone),
        Column(gettext_lazy("Starts at"), lambda booking: when_and_zone(booking.slot.starts_at)),
        Column(gettext_lazy("Ends at"), lambda booking: when_and_zone(booking.ends_at)),
        Column(gettext_lazy("Session"), lambda booking: booking.title),
        Column(gettext_lazy("Seats"), lambda booking: booking.seats),
        Column(gettext_lazy("Name"), lambda booking: booking.name),
        Column(gettext_lazy("E-mail"), lambda booking: booking.email),
        Column(gettext_lazy("Phone"), lambda booking: booking.phone_shown),
        Column(gettext_lazy("Price"), lambda booking: booking.price),
        Column(gettext_lazy("Source"), lambda booking: booking.get_source_display()),
        Column(gettext_lazy("Created"), lambda booking: when_and_zone(booking.created_at)),
        Column(gettext_lazy("Arrived"), lambda booking: when_and_zone(booking.arrived_at)),
        Column(gettext_lazy("Notes"), lambda booking: booking.exported_notes),
        Column(gettext_lazy("Answers"), lambda booking: booking.exported_answers),
    )

    def prepare_export(self, request, rows):
        """Notes and answers of those who may read them, which is logged as on the page of each."""
        mine, answers = reach(request), answers_of(rows)
        readable = {row.pk: readable_answers(mine, row, answers.get(row.pk, ())) for row in rows}
        for row in rows:
            row.exported_notes = row.notes if may_read_notes(mine, row) else ""
            row.exported_answers = "; ".join(f"{answer.label}: {answer.text}" for answer in readable[row.pk])
        shown = [row for row in rows if row.exported_notes or row.exported_answers]
        answered = {row.pk for row in rows if row.exported_answers}
        services.log_note_readings(shown, answered=answered, user=request.user, who=request.user.email)
