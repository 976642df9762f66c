"""Know which browsers and addresses have proven themselves, by opening a link that we had mailed to the address.

The links of mails are told to nobody else: not on a page, and not by the API, whose token of a booking is another.
Reference and address prove nothing: whoever books with an invented address knows both.
"""

from django.utils import timezone

from bookings.models import Proven
from bookings.models.proven import ProvenKind, proven_hash


def is_proven(*, visitor: str = "", email: str = "") -> bool:
    """Return whether the browser or the address has proven itself before. One query; none for nobody."""
    return bool(visitor or email) and Proven.objects.of(visitor=visitor, email=email).exists()


def mark_proven(*, visitor: str, email: str) -> None:
    """Note that this browser opened a link that was mailed to this address."""
    now = timezone.now()
    rows = [
        Proven(hash=proven_hash(kind, text), kind=kind, proven_at=now)
        for kind, text in [(ProvenKind.BROWSER, visitor), (ProvenKind.ADDRESS, email)]
        if text
    ]
    rows.sort(key=lambda row: row.hash)  # in one order, so that two of us do not wait for each other
    Proven.objects.bulk_create(rows, update_conflicts=True, unique_fields=["hash"], update_fields=["proven_at"])


def forget_proven_browser(*, visitor: str) -> None:
    """Forget that a browser has proven itself. Its addresses have all the same."""
    Proven.objects.of(visitor=visitor).delete()
