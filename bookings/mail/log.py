"""Log every e-mail (Notification): an attempt before it is made, and its result afterwards.

Each write is committed on its own, so that it survives a job that fails and a worker that is killed. A mail that was
sent is not sent again when its job runs twice. When a worker is killed after the mail server took the mail and before
that is logged, the mail is sent once more with the same Message-ID: mails are sent at least once.
"""

import hashlib

from django.db.models import F
from django.db.models.functions import Now

from bookings.mail.rules import FOR_STAFF, MailKind
from bookings.models import Booking, LookupRequest, Notification, WaitlistEntry, WebhookEndpoint
from experts.models import Invitation

_Status = Notification.Status


class MailNotSentError(Exception):
    """A mail that could not be sent, without the words of the error: mail servers repeat the address in them.

    ``for_good`` when the mail server refuses the address for ever, so that nobody should try again.
    """

    def __init__(self, text: str, *, for_good: bool = False):
        self.for_good = for_good
        super().__init__(text)


def booking_message_id(booking: Booking, kind: MailKind, to: str) -> str:
    """Return the Message-ID of a mail about a booking as it is now; each move and each address has its own."""
    address = hashlib.sha256(to.lower().encode()).hexdigest()[:12]
    return f"<{booking.reference}.{kind}.{booking.sequence}.{address}@expertbook>".lower()


def lookup_message_id(request: LookupRequest) -> str:
    return f"<lookup.{request.pk}@expertbook>"


def offer_message_id(entry: WaitlistEntry) -> str:
    return f"<waitlist.{entry.pk}@expertbook>"


def invitation_message_id(invitation: Invitation) -> str:
    return f"<invitation.{invitation.pk}@expertbook>"


def webhook_message_id(endpoint: WebhookEndpoint, to: str) -> str:
    """Return the Message-ID of the mail about a pause; each pause and each address has its own."""
    address = hashlib.sha256(to.lower().encode()).hexdigest()[:12]
    return f"<webhook.{endpoint.pk}.{endpoint.paused_at:%Y%m%d%H%M%S}.{address}@expertbook>"


def begin(*, message_id: str, kind: MailKind, to: str, booking: Booking | None = None) -> Notification | None:
    """Log that an attempt begins. Returns the row; None if the mail was sent before and must not be sent again."""
    row = _row(message_id, kind, to, booking)
    begun = (
        Notification.objects.filter(pk=row.pk)
        .exclude(status=_Status.SENT)
        .update(status=_Status.SENDING, attempts=F("attempts") + 1, last_attempt_at=Now())
    )
    return row if begun else None


def sent(row: Notification) -> None:
    """Log that the mail server has taken the mail."""
    Notification.objects.filter(pk=row.pk).update(status=_Status.SENT, sent_at=Now(), last_error="")


def failed(row: Notification, error: Exception) -> None:
    """Log that the attempt failed, and why, without the mail server's words, which may hold the address."""
    text = str(error) if isinstance(error, MailNotSentError) else type(error).__name__
    # Another worker may have sent it meanwhile; then it stays sent.
    failing = Notification.objects.filter(pk=row.pk).exclude(status=_Status.SENT)
    failing.update(status=_Status.FAILED, last_error=text[:100])


def skip(*, kind: MailKind, to: str, booking: Booking, sequence: int) -> None:
    """Log that the mail about a booking at that ``sequence`` was not sent because it is out of date."""
    # The booking has changed since; the Message-ID is that of the mail as it was queued.
    message_id = booking_message_id(Booking(reference=booking.reference, sequence=sequence), kind, to)
    row = _row(message_id, kind, to, booking)
    Notification.objects.filter(pk=row.pk).exclude(status=_Status.SENT).update(status=_Status.SKIPPED)


def _row(message_id: str, kind: MailKind, to: str, booking: Booking | None) -> Notification:
    audience = Notification.Audience.STAFF if kind in FOR_STAFF else Notification.Audience.CUSTOMER
    row, _made = Notification.objects.get_or_create(
        message_id=message_id,
        defaults={
            "kind": kind,
            "audience": audience,
            "to": to,
            "booking": booking,
            # So that the log is right even if the worker dies before the attempt is counted.
            "status": _Status.SENDING,
        },
    )
    return row
