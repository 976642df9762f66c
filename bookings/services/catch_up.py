"""Do to bookings what time does: end requests and holds whose time is over, complete sessions that took place, and
offer seats that became free without anybody's doing to who waits for them."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from bookings.errors import Refused
from bookings.models import Booking, Status, WaitlistEntry
from bookings.services.expiry import overdue
from bookings.services.lifecycle import complete, expire
from bookings.services.waitlist import serve
from experts.models import Slot

logger = logging.getLogger(__name__)
RECENT = timedelta(days=8)
MOST_AT_ONCE = 300  # of each kind, each in a transaction of its own; the next run does the rest


def settle_overdue(*, looking_back: timedelta | None = RECENT) -> dict[str, int]:
    """End what nobody has ended, complete what is over, serve who waits. Returns how many of each.

    Sessions that started before ``looking_back`` are left alone; None looks at all, which takes a walk along every
    confirmed booking.
    """
    now = timezone.now()
    return {
        "expired": _each(overdue(now), expire, "booking_id"),
        "completed": _each(finished(now, looking_back), complete, "booking_id"),
        "offered": _each(free_and_waited_for(now), serve, "slot_id"),
    }


def finished(now: datetime, looking_back: timedelta | None) -> QuerySet[Booking]:
    """Confirmed bookings of sessions that have ended, the oldest first."""
    bookings = Booking.objects.filter(status=Status.CONFIRMED, slot__ends_at__lte=now)
    if looking_back is not None:
        # By the start, which has an index: the slots of a few days, and their bookings.
        bookings = bookings.filter(slot__starts_at__range=(now - looking_back, now))
    return bookings.order_by("slot__starts_at")


def free_and_waited_for(now: datetime) -> QuerySet[Slot]:
    """Slots that can be booked although somebody waits for them, the soonest first."""
    return (
        Slot.objects.bookable(now)
        .filter(pk__in=WaitlistEntry.objects.in_line().order_by().values("slot"))
        .order_by("starts_at")
    )


def _each(rows: QuerySet[Any], act: Callable[..., object], name: str) -> int:
    """Do it to each; one that is refused, as somebody else was faster or has it locked, keeps none of the others."""
    done = 0
    for row_id in rows.values_list("pk", flat=True)[:MOST_AT_ONCE]:
        try:
            done += bool(act(**{name: row_id}))
        except Refused as refusal:
            logger.info("%s %s was left for the next run: %s", name, row_id, refusal.code)
    return done
