"""Do what a worker does with the mails that wait in the outbox."""

from bookings.mail import outbox
from bookings.models import Booking, MailKind, OutboxMail


def send_mails() -> None:
    """Send all that is due. What failed waits, as it would."""
    while outbox.send_due():
        pass


def send_mail(booking: Booking | int, kind: str, sequence: int | None = None) -> None:
    """Send one mail about a booking, and nothing else that waits: that is forgotten."""
    if sequence is None:
        assert isinstance(booking, Booking)
        sequence = booking.sequence
    OutboxMail.objects.all().delete()
    booking_id = booking.pk if isinstance(booking, Booking) else booking
    OutboxMail.objects.create(booking_id=booking_id, kind=MailKind(kind), sequence=sequence)
    outbox.send_due()


def waiting() -> list[tuple[int, str, int]]:
    """What waits in the outbox, in the order in which it was queued: booking, kind and sequence of each."""
    return list(OutboxMail.objects.order_by("pk").values_list("booking_id", "kind", "sequence"))
