"""Queue and publish what follows from a change of a booking, with that change or not at all."""

from collections.abc import Iterable
from datetime import timedelta

from bookings.access.visitor import visitor_group
from bookings.mail.rules import MailKind
from bookings.models import Booking, OutboxMail
from bookings.services.locking import publish_slots
from experts import publisher, request_ids
from experts.models import Slot


def queue_mail(
    booking: Booking, kind: MailKind | None, *, by_visitor: bool = False, wait: timedelta = timedelta(0)
) -> None:
    """Queue the mail in this transaction, about the booking as it is written now. None: there is nothing to say.

    ``by_visitor``: somebody at a browser or a program caused it, who may have typed anybody's address. It leaves after
    ``wait``.
    """
    if kind is not None:
        queue_mails([(booking, kind)], by_visitor=by_visitor, wait=wait)


def queue_mails(
    mails: Iterable[tuple[Booking, MailKind]], *, by_visitor: bool = False, wait: timedelta = timedelta(0)
) -> None:
    """Queue mails about any number of bookings as ``queue_mail`` does one, in one statement."""
    answered_here = request_ids.current.get()
    rows = []
    for booking, kind in mails:
        name = answered_here if booking.asked_by is None else booking.asked_by
        rows.append((booking.pk, kind.value, booking.sequence, by_visitor, name))
    if rows:
        OutboxMail.objects.add(rows, wait)


def publish(booking: Booking) -> None:
    """After commit, tell everybody's pages about the slot, and the booker's about the booking."""
    publish_all([booking])


def publish_all(bookings: Iterable[Booking]) -> None:
    """As ``publish``, for several: each slot is told of once."""
    slots: dict[int, Slot] = {}
    for booking in bookings:
        slots[booking.slot_id] = booking.slot
        publish_slots(booking)
        publish_to_booker(booking)
    for slot in slots.values():
        publisher.slot_changed(slot)


def publish_to_booker(booking: Booking) -> None:
    """After commit, tell the pages of the browser that booked."""
    publish_to_visitor(booking.holder)


def publish_to_visitor(visitor: str) -> None:
    """After commit, tell a browser's own pages that something of its own has changed. Nothing for no browser ("")."""
    if visitor:
        publisher.publish_on_commit({"type": "bookings.changed", "visitor": visitor_group(visitor)})
