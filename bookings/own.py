"""What is a visitor's own, for tiles and for pages that must notice a change of it."""

from collections import defaultdict
from collections.abc import Collection
from datetime import date
from zlib import crc32

from django.db.models.functions import Lower, Now
from django.utils import timezone

from bookings.models import Booking, Proof


def own_slots(visitors: Collection[str], *, expert_id: int, first: date, last: date) -> dict[str, set[int]]:
    """The slots of an expert on some days in which each browser has a seat that it has booked or proven to be its own.

    Says for many browsers at once what ``Booking.objects.proven_to`` says for one; two queries, a third one when
    somebody has proven an address.
    """
    seats = Booking.objects.occupying().shown().filter(slot__expert=expert_id, slot__date__range=(first, last))
    found: dict[str, set[int]] = {visitor: set() for visitor in visitors}
    for visitor, slot_id in seats.filter(holder__in=visitors).values_list("holder", "slot_id"):
        found[visitor].add(slot_id)

    proofs = Proof.objects.filter(visitor__in=visitors, expires_at__gt=Now()).values_list("visitor", "booking", "email")
    by_booking, by_address = defaultdict(set), defaultdict(set)
    for visitor, booking_id, email in proofs:
        (by_booking[booking_id] if booking_id else by_address[email]).add(visitor)
    if by_booking or by_address:
        proven = seats.annotate(address=Lower("email"))
        # A union: each branch has its index.
        rows = proven.filter(pk__in=list(by_booking)).union(proven.filter(address__in=list(by_address)), all=True)
        for booking_id, address, slot_id in rows.values_list("pk", "address", "slot_id"):
            for visitor in by_booking.get(booking_id, set()) | by_address.get(address, set()):
                found[visitor].add(slot_id)
    return found


def own_key(visitor: str) -> str:
    """Names what the visitor's pages show of the bookings. A page whose own key differs loads itself again."""
    now = timezone.now()
    columns = ("pk", "status", "name", "slot_id", "slot__version", "slot__starts_at", "slot__ends_at", "expires_at")
    rows = Booking.objects.proven_to(visitor).order_by("pk").values_list(*columns)
    # Time alone moves a booking from "coming up" to "earlier".
    told = [(*row, row[5] > now, row[6] > now) for row in rows]
    return f"{crc32(repr(told).encode()):08x}"
