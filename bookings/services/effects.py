"""Queue and publish what follows from a change of a booking, with that change or not at all."""

from bookings.access.visitor import visitor_group
from bookings.mail.rules import MailKind, reminders_due
from bookings.models import Booking, Status
from bookings.queue import LAST, defer, defer_jobs, new_job
from experts import publisher


def queue_mail(booking: Booking, kind: MailKind | None) -> None:
    """Queue the mail in this transaction, about the booking as it is written now. None: there is nothing to say."""
    if kind is not None:
        defer("bookings.tasks.send_booking_mail", booking_id=booking.pk, kind=kind.value, sequence=booking.sequence)


def queue_reminders(booking: Booking) -> None:
    """Queue the reminders of a confirmed booking for their times. Each is sent only if nothing has changed by then.

    Whether the organisation wants them is asked then, too, so that its switch works for what is booked already.
    """
    if booking.status != Status.CONFIRMED:
        return
    due = reminders_due(booking.slot.starts_at, booking.slot.read_at)
    jobs = [
        new_job(
            "bookings.tasks.send_booking_mail",
            at=at,
            priority=LAST,
            booking_id=booking.pk,
            kind=kind.value,
            sequence=booking.sequence,
        )
        for kind, at in due.items()
    ]
    if jobs:
        defer_jobs(jobs)


def queue_expiry(booking: Booking) -> None:
    """Queue the end of a hold or a request for its time. The job does nothing if that time has moved on."""
    defer("bookings.tasks.expire_booking", at=booking.expires_at, booking_id=booking.pk)


def publish(booking: Booking) -> None:
    """After commit, tell everybody's pages about the slot, and the booker's about the booking."""
    publisher.slot_changed(booking.slot)
    publish_to_booker(booking)


def publish_to_booker(booking: Booking) -> None:
    """After commit, tell the pages of the browser that booked."""
    publish_to_visitor(booking.holder)


def publish_to_visitor(visitor: str) -> None:
    """After commit, tell a browser's own pages that something of its own has changed. Nothing for no browser ("")."""
    if visitor:
        group = visitor_group(visitor)
        publisher.publish_on_commit(group, {"type": "bookings.changed", "visitor": group})
