"""What time does to bookings: requests and holds whose time is over end, sessions that took place are completed, and
seats that became free without anybody's doing are offered to who waits for them."""

import logging
from collections.abc import Callable

from django.db.models import Exists, OuterRef
from django.utils import timezone

from bookings.errors import Refused
from bookings.models import Booking, Status, WaitlistEntry
from bookings.services.lifecycle import complete, expire
from bookings.services.waitlist import serve
from experts.models import Slot

logger = logging.getLogger(__name__)
MOST_AT_ONCE = 300  # of each kind, each in a transaction of its own; the next run does the rest


def settle_overdue() -> dict[str, int]:
    """End what the queue missed, complete what is over, serve who waits. Returns how many of each."""
    now = timezone.now()
    late = Booking.objects.filter(status__in=[Status.HELD, Status.PENDING], expires_at__lte=now).order_by("expires_at")
    over = Booking.objects.filter(status=Status.CONFIRMED, slot__ends_at__lte=now).order_by("slot__ends_at")
    line = WaitlistEntry.objects.in_line().filter(slot=OuterRef("pk"))
    free = Slot.objects.bookable(now).filter(Exists(line)).order_by("starts_at")
    return {
        "expired": _each(late, expire, "booking_id"),
        "completed": _each(over, complete, "booking_id"),
        "offered": _each(free, serve, "slot_id"),
    }


def _each(rows, act: Callable, name: str) -> int:
    """Do it to each; one that is refused, as somebody else was faster or has it locked, keeps none of the others."""
    done = 0
    for row_id in rows.values_list("pk", flat=True)[:MOST_AT_ONCE]:
        try:
            done += bool(act(**{name: row_id}))
        except Refused as refusal:
            logger.info("%s %s was left for the next run: %s", name, row_id, refusal.code)
    return done
