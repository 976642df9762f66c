"""Know which browsers and addresses have proven themselves, by opening a link that we had mailed to the address.

The links of mails are told to nobody else: not on a page, and not by the API, whose token of a booking is another.
Reference and address prove nothing: whoever books with an invented address knows both.
"""

from django.utils import timezone

from bookings.models import MailAllowance, OutboxMail, Proven, Suppression
from bookings.models.proven import ProvenKind, pair_hash, proven_hash
from bookings.models.recipient import Purse, recipient_key

# That one mailbox makes known, the latest: else one mail, opened in many, were as many holds as somebody likes.
MOST_BROWSERS = 5


def is_proven(*, visitor: str = "", email: str = "") -> bool:
    """Return whether the browser or the address has proven itself before. One query; none for nobody."""
    return bool(visitor or email) and Proven.objects.of(visitor=visitor, email=email).exists()


def vouches(*, visitor: str, email: str) -> bool:
    """Return whether who reads the address has vouched for this browser, by a link of a mail."""
    return bool(visitor and email) and Proven.objects.filter(hash=pair_hash(visitor, email)).exists()


def mark_proven(*, visitor: str, email: str, booker: str = "") -> None:
    """Note that this browser opened a link that was mailed to this address.

    ``booker``: the browser whose booking the mail was about; its reader has vouched for it with that. Mails that were
    held back, and those that strangers' doings have stopped, go to the address again.
    """
    now = timezone.now()
    rows = [
        Proven(hash=proven_hash(kind, text), kind=kind, proven_at=now)
        for kind, text in [(ProvenKind.BROWSER, visitor), (ProvenKind.ADDRESS, email)]
        if text
    ]
    rows += [
        Proven(hash=pair_hash(browser, email), kind=ProvenKind.PAIR, proven_at=now)
        for browser in {visitor, booker}
        if browser and email
    ]
    if email:
        Suppression.objects.filter(pk=recipient_key(email)).delete()
        MailAllowance.objects.filter(recipient=recipient_key(email), purse=Purse.UNKNOWN).delete()
        OutboxMail.objects.release(email)
    for row in rows:
        if row.kind == ProvenKind.BROWSER and email:
            row.recipient = recipient_key(email)
    rows.sort(key=lambda row: row.hash)  # in one order, so that two of us do not wait for each other
    Proven.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["hash"], update_fields=["proven_at", "recipient"]
    )
    if visitor and email:
        of_mailbox = Proven.objects.filter(recipient=recipient_key(email)).order_by("-proven_at", "pk")
        Proven.objects.filter(pk__in=list(of_mailbox.values_list("pk", flat=True)[MOST_BROWSERS:])).delete()


def forget_proven_browser(*, visitor: str) -> None:
    """Forget that a browser has proven itself. Its addresses have all the same."""
    Proven.objects.of(visitor=visitor).delete()
