"""What a mail service tells of mails that it had taken: that they bounced, or that their reader called them spam."""

from collections.abc import Collection

from django.db import transaction

from bookings.mail import log
from bookings.models import Suppression
from bookings.models.notification import MailStatus
from bookings.models.recipient import SuppressionReason, recipient_key
from bookings.services.effects import publish_to_booker

# From the mail service's words (anymail.signals.EventType) to ours.
_STATUS = {"bounced": MailStatus.BOUNCED, "rejected": MailStatus.BOUNCED, "complained": MailStatus.SPAM}
# Reasons for which no other mail to the address would fare better. Else it was this mail, or a bad hour.
_FOR_GOOD = {"", "bounced", "invalid"}


def note_mail_event(*, event: str, message_ids: Collection[str], address: str, reason: str) -> bool:
    """Log a bounce or a complaint, and spare the mailbox where it is permanent. Returns whether there was such a mail.

    ``event`` and ``reason`` are the words of anymail.signals (EventType, RejectReason); other events are nothing to us.
    A mailbox that nobody has written to is left alone, whatever is said of it.
    """
    status = _STATUS.get(event)
    if status is None or not address:
        return False
    with transaction.atomic():
        row = log.not_delivered(message_ids=message_ids, address=address, status=status, why=reason or event)
        if row is None:
            return False
        if status == MailStatus.SPAM or reason in _FOR_GOOD:
            spared = SuppressionReason.COMPLAINED if status == MailStatus.SPAM else SuppressionReason.BOUNCED
            Suppression.objects.update_or_create(recipient=recipient_key(address), defaults={"reason": spared})
        if row.booking is not None:
            publish_to_booker(row.booking)
    return True
