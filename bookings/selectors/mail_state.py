"""What the page of a booking says of its last mail to the booker."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from bookings.access.proven import vouches
from bookings.models import Booking, Notification
from bookings.models.notification import MailStatus
from experts import formatting

_LEFT = {MailStatus.SENT, MailStatus.HELD, MailStatus.SPAM}


@dataclass(frozen=True)
class MailState:
    """``text`` is a sentence. ``is_settled``: it does not change any more. ``needs_address``: the address is wrong.
    ``may_ask``: it can be sent again.
    """

    text: str
    is_settled: bool = True
    needs_address: bool = False
    may_ask: bool = False

    @property
    def needs_more(self) -> bool:
        """Whether there is something to do about it."""
        return self.needs_address or self.may_ask


def state_at_once(booking: Booking) -> MailState | None:
    """As ``mail_state`` right after it was booked: the mail has just been queued. Asks nothing of the database."""
    words = {"email": booking.email}
    return MailState(_("An email to %(email)s is on its way.") % words, is_settled=False) if booking.email else None


def mail_state(booking: Booking, zone: ZoneInfo, now: datetime) -> MailState | None:
    """Return what became of the last mail about the booking to its address; None without an address.

    A browser for which nobody has vouched is told the same of a mail that was sent and of one that was held back: else
    it would learn whether others write to the address, or have been told to stop.
    """
    if not booking.email:
        return None
    mails = Notification.objects.filter(booking=booking, audience=Notification.Audience.CUSTOMER)
    to_address = mails.annotate(address=Lower("to")).filter(address=booking.email.lower())
    last = to_address.exclude(status=MailStatus.SKIPPED).order_by("-id").first()
    words = {"email": booking.email}
    if last is not None and last.status == MailStatus.BOUNCED:
        return MailState(_("Our email could not be delivered to %(email)s.") % words, needs_address=True)
    if last is None or last.status not in _LEFT:
        return state_at_once(booking)
    at = last.sent_at or last.last_attempt_at or last.created_at
    words["time"] = formatting.by_clock_of(zone, formatting.lately(at, zone, now))
    if not vouches(visitor=booking.holder, email=booking.email):
        text = _(
            "Sent at %(time)s to %(email)s, unless an earlier email of ours waits there: open the link in it, and this"
            " one comes. Look in spam, too."
        )
        return MailState(text % words, may_ask=booking.is_open)
    if last.status == MailStatus.HELD:
        return MailState(_("Our email to %(email)s waits: this address has had many in a short time.") % words)
    return MailState(_("Sent at %(time)s to %(email)s.") % words)
