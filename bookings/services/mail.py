"""E-mails that staff have sent once more."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.errors import NotAllowed, NotFound
from bookings.mail.log import booking_message_id, waitlist_message_id
from bookings.mail.recipients import recipients
from bookings.mail.rules import still_true
from bookings.models import Booking, MailKind, Notification, WaitlistEntry
from bookings.queue import defer
from bookings.services.effects import queue_mail

_NOT_TRUE = gettext_lazy("What this e-mail says is not true any more, so it was not sent again.")


def send_again(*, notification_id: int) -> Notification:
    """Queue a mail once more, with the same Message-ID. Locks its row.

    Raises NotAllowed when it is not true any more, when it would go to another address by now, and for a look-up link,
    whose secret is kept nowhere; NotFound.
    """
    with transaction.atomic():
        row = Notification.objects.select_for_update().filter(pk=notification_id).first()
        if row is None:
            raise NotFound(_("There is no such e-mail."))
        kind = MailKind(row.kind)
        if kind == MailKind.LOOKUP:
            raise NotAllowed(_("A link to bookings works once and cannot be sent again. People can ask for a new one."))
        if kind == MailKind.PASSWORD:
            raise NotAllowed(_("A link to a new password works once. People can ask for a new one where they log in."))
        if kind == MailKind.WEBHOOK_PAUSED:
            raise NotAllowed(_("The page of the webhook says how it is now."))
        if kind == MailKind.WAITLIST_OFFER:
            return _offer_again(row)
        if kind == MailKind.WAITLIST_PROVE:
            raise NotAllowed(_("People can have it sent again where they have joined."))
        if kind == MailKind.INVITATION:
            raise NotAllowed(_("Invite them again: the new invitation takes the place of this one."))
        booking = (
            Booking.objects.shown_or_awaiting().with_slot().filter(pk=row.booking_id).first()
            if row.booking_id
            else None
        )
        if booking is None:
            raise NotAllowed(_("The booking of this e-mail is gone."))
        if row.to.lower() not in [address.lower() for address in recipients(booking, kind)]:
            raise NotAllowed(_("E-mails of this kind go to another address now."))
        is_current = row.message_id == booking_message_id(booking.reference, kind, booking.sequence, row.to)
        if not is_current or not still_true(kind, booking, booking.sequence, timezone.now()):
            raise NotAllowed(_NOT_TRUE)
        _queue_again(row)
        queue_mail(booking, kind)
    return row


def send_proof_again(*, booking_id: int) -> None:
    """Queue the mail with the link of what awaits its proof once more. Raises NotAllowed when it is not true any more.

    Does nothing while the first one has not left yet.
    """
    booking = Booking.objects.shown_or_awaiting().filter(pk=booking_id).first()
    if booking is None:
        raise NotFound(_("There is no such booking."))
    row = Notification.objects.filter(booking=booking, kind=MailKind.PROVE, to__iexact=booking.email).first()
    if row is not None and row.status != Notification.Status.QUEUED:
        send_again(notification_id=row.pk)


def send_receipt_again(*, booking_id: int) -> None:
    """Queue the last mail about a booking to its booker once more, as ``send_proof_again`` does with a link."""
    booking = Booking.objects.shown().filter(pk=booking_id).first()
    if booking is None:
        raise NotFound(_("There is no such booking."))
    mails = Notification.objects.filter(booking=booking, audience=Notification.Audience.CUSTOMER)
    row = mails.exclude(status=Notification.Status.SKIPPED).order_by("-id").first()
    if row is not None and row.status not in (Notification.Status.QUEUED, Notification.Status.SENDING):
        send_again(notification_id=row.pk)


def send_place_link_again(*, entry_id: int) -> None:
    """Queue the mail whose link takes a place in line once more; nothing if it was taken, or has not left yet."""
    with transaction.atomic():
        entry = WaitlistEntry.objects.filter(pk=entry_id, status=WaitlistEntry.Status.UNPROVEN).first()
        if entry is None:
            return
        rows = Notification.objects.select_for_update().filter(message_id=waitlist_message_id(entry))
        row = rows.exclude(status__in=[Notification.Status.QUEUED, Notification.Status.SENDING]).first()
        if row is not None:
            _queue_again(row)
            defer("bookings.tasks.send_waitlist_link", entry_id=entry.pk)


def _offer_again(row: Notification) -> Notification:
    entry = WaitlistEntry.objects.select_related("hold").filter(hold=row.booking_id).first()
    offer = entry.offer if entry is not None else None
    if entry is None or offer is None or offer.runs_out_at <= timezone.now():
        raise NotAllowed(_NOT_TRUE)
    _queue_again(row)
    defer("bookings.tasks.send_waitlist_offer", entry_id=entry.pk)
    return row


def _queue_again(row: Notification) -> None:
    row.status = Notification.Status.QUEUED
    row.save(update_fields=["status"])
