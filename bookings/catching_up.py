"""What time does to bookings: requests and holds whose time is over end, sessions that took place are completed."""

import logging
from collections.abc import Callable

from django.utils import timezone

from bookings import services
from bookings.errors import Refused
from bookings.models import Booking, Status

logger = logging.getLogger(__name__)
MOST_AT_ONCE = 300  # of each kind, each in a transaction of its own; the next run does the rest


def catch_up() -> dict[str, int]:
    """End what the queue missed, and complete what is over. Returns how many of each."""
    now = timezone.now()
    late = Booking.objects.filter(status__in=[Status.HELD, Status.PENDING], expires_at__lte=now).order_by("expires_at")
    over = Booking.objects.filter(status=Status.CONFIRMED, slot__ends_at__lte=now).order_by("slot__ends_at")
    return {"expired": _each(late, services.expire), "completed": _each(over, services.complete)}


def _each(bookings, act: Callable) -> int:
    """Do it to each; one that is refused, as somebody else was faster or has it locked, keeps none of the others."""
    done = 0
    for booking_id in bookings.values_list("pk", flat=True)[:MOST_AT_ONCE]:
        try:
            done += bool(act(booking_id=booking_id))
        except Refused as refusal:
            logger.info("Booking %s was left for the next run: %s", booking_id, refusal.code)
    return done
