"""What a stranger did with somebody's address, ended by who reads it; and mails that their reader does not want.

Each mail has a link to it: "this was not me".
"""

from django.db import transaction
from django.utils.translation import gettext as _

from bookings.access.proven import vouches
from bookings.errors import NotAllowed
from bookings.mail.limits import stop_links
from bookings.mail.rules import NOTICES, MailKind
from bookings.models import Booking, NoticesOff, Notification, Status, Suppression, WaitlistEntry
from bookings.models.recipient import WISHES, SuppressionReason, recipient_key
from bookings.services.holds import end_hold
from bookings.services.lifecycle import cancel_for_recipient
from bookings.services.waitlist import leave_waitlist
from experts.models import Organization
from experts.services import withdraw_invitations


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


def suppression_of(*, email: str) -> Suppression | None:
    """Return why and since when the mailbox of an address is spared; None if it is not."""
    return Suppression.objects.filter(pk=recipient_key(email)).first()


def lift_suppression(*, email: str, against_wishes: bool) -> None:
    """Let mails go to an address again from now on.

    ``against_wishes``: also where whoever reads the mailbox has asked to be spared; else raises NotAllowed there.
    """
    with transaction.atomic():
        row = Suppression.objects.select_for_update().filter(pk=recipient_key(email)).first()
        if row is None:
            return
        if row.reason in WISHES and not against_wishes:
            raise NotAllowed(
                _("Whoever reads this address has asked for that. They can ask for a link to their bookings instead.")
            )
        row.delete()


def stop_mails(*, mail: Notification, organization: Organization | None, reason: SuppressionReason) -> None:
    """Stop mails of the kind of this one, which is about no booking of its reader's.

    Notices to staff of that organisation, until they are let come again (``allow_notices``). All invitations; open ones
    end. Links that anybody can ask for stop for a day only, as they are how an address proves itself.
    """
    kind = MailKind(mail.kind)
    if kind in NOTICES:
        if organization is not None:
            row = NoticesOff(organization=organization, recipient=recipient_key(mail.to))
            NoticesOff.objects.bulk_create([row], ignore_conflicts=True)
    elif kind == MailKind.INVITATION:
        withdraw_invitations(email=mail.to)
        spare(email=mail.to, reason=reason)
    else:
        stop_links(mail.to, kind)


def list_notices_off(*, email: str) -> list[Organization]:
    """Return the organisations whose notices to staff do not go to an address any more."""
    rows = NoticesOff.objects.filter(recipient=recipient_key(email)).select_related("organization").order_by("pk")
    return [row.organization for row in rows]


def allow_notices(*, email: str, organization_id: int) -> None:
    """Let an organisation's notices to staff go to an address again."""
    NoticesOff.objects.filter(recipient=recipient_key(email), organization=organization_id).delete()
