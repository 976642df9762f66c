"""What a stranger did with somebody's address, ended by who reads it: the link "this was not me" in each mail."""

from django.utils.translation import gettext as _

from bookings.access.proven import vouches
from bookings.errors import NotAllowed
from bookings.models import Booking, Status, Suppression, WaitlistEntry
from bookings.models.recipient import SuppressionReason, recipient_key
from bookings.services.holds import end_hold
from bookings.services.lifecycle import cancel_for_recipient
from bookings.services.waitlist import leave_waitlist


def is_ones_own(about: Booking | WaitlistEntry) -> bool:
    """Whether who reads the address has vouched for the browser that booked, or that joined the waitlist.

    What is one's own does not end with a mail that was forwarded.
    """
    browser = about.visitor if isinstance(about, WaitlistEntry) else about.holder
    return vouches(visitor=browser, email=about.email)


def spare(*, email: str, reason: SuppressionReason) -> None:
    """Send an address no mails that strangers cause, until it proves itself again. What bounced stays so."""
    row = Suppression(recipient=recipient_key(email), reason=reason)
    Suppression.objects.bulk_create([row], ignore_conflicts=True)


def disown(*, about: Booking | WaitlistEntry) -> None:
    """End a booking or a place in line that its address says is a stranger's, and spare the address from now on.

    Frees the seats, whatever the policy says about the time to cancel. What is over stays as it is. Raises NotAllowed
    for what is one's own, NotFound, Busy.
    """
    if is_ones_own(about):
        raise NotAllowed(_("This was confirmed from your mailbox. Open it to cancel it."))
    spare(email=about.email, reason=SuppressionReason.NOT_ME)
    if isinstance(about, WaitlistEntry):
        leave_waitlist(entry_id=about.pk)
    elif about.status == Status.HELD:
        end_hold(booking_id=about.pk)
    elif about.is_open:
        cancel_for_recipient(booking_id=about.pk)
