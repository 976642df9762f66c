"""What is a visitor's own, for tiles and for pages that must notice a change of it."""

from collections.abc import Collection
from zlib import crc32

from django.utils import timezone

from bookings.models import Booking, Status


def own_slots(visitors: Collection[str]):
    """(visitor, slot id) for each seat that one of these browsers has booked: what a tile is marked with."""
    mine = Booking.objects.filter(holder__in=visitors).occupying().exclude(status=Status.HELD)
    return mine.values_list("holder", "slot_id")


def own_key(visitor: str) -> str:
    """Names what the visitor's pages show of the bookings. A page whose own key differs loads itself again."""
    now = timezone.now()
    columns = ("pk", "status", "name", "slot_id", "slot__version", "slot__starts_at", "slot__ends_at", "expires_at")
    rows = Booking.objects.of_visitor(visitor).order_by("pk").values_list(*columns)
    # Time alone moves a booking from "coming up" to "earlier".
    told = [(*row, row[5] > now, row[6] > now) for row in rows]
    return f"{crc32(repr(told).encode()):08x}"
