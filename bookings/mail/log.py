"""The log of e-mails (Notification): every attempt is written down before it is made, and what came of it after.

Each write is committed on its own, so that it survives a job that fails and a worker that is killed. What was sent is
not sent again by a job that runs twice. Killed between the mail server's yes and our note of it, a worker sends it once
more, with the same Message-ID: at least once, never not at all.
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
    """Names a mail about a booking as it is now: another one after each move, and for each address."""
    address = hashlib.sha256(to.lower().encode()).hexdigest()[:12]
    return f"<{booking.reference}.{kind}.{booking.sequence}.{address}@expertbook>".lower()


def lookup_message_id(request: LookupRequest) -> str:
    return f"<lookup.{request.pk}@expertbook>"


def offer_message_id(entry: WaitlistEntry) -> str:
    return f"<waitlist.{entry.pk}@expertbook>"


def invitation_message_id(invitation: Invitation) -> str:
    return f"<invitation.{invitation.pk}@expertbook>"


def webhook_message_id(endpoint: WebhookEndpoint, to: str) -> str:
    """Another one for each pause, and for each address."""
    address = hashlib.sha256(to.lower().encode()).hexdigest()[:12]
    return f"<webhook.{endpoint.pk}.{endpoint.paused_at:%Y%m%d%H%M%S}.{address}@expertbook>"


def begin(*, message_id: str, kind: MailKind, to: str, booking: Booking | None = None) -> Notification | None:
    """Note that an attempt begins. None when the mail was sent before: then there is nothing to do."""
    row = _row(message_id, kind, to, booking)
    begun = (
        Notification.objects.filter(pk=row.pk)
        .exclude(status=_Status.SENT)
        .update(status=_Status.SENDING, attempts=F("attempts") + 1, last_attempt_at=Now())
    )
    return row if begun else None


def sent(row: Notification) -> None:
    """Note that the mail server has taken it."""
    Notification.objects.filter(pk=row.pk).update(status=_Status.SENT, sent_at=Now(), last_error="")


def failed(row: Notification, error: Exception) -> None:
    """Note that the attempt failed, and how: never with words that come from the mail server."""
    text = str(error) if isinstance(error, MailNotSentError) else type(error).__name__
    # Another worker may have had it sent meanwhile; that stays.
    failing = Notification.objects.filter(pk=row.pk).exclude(status=_Status.SENT)
    failing.update(status=_Status.FAILED, last_error=text[:100])


def skip(*, kind: MailKind, to: str, booking: Booking, sequence: int) -> None:
    """Note that a mail of that sequence was not sent, as it is not true any more."""
    # The booking has gone on; the mail is one of how it was.
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
            # Nothing is known yet. A worker that dies right here leaves what is true.
            "status": _Status.SENDING,
        },
    )
    return row
