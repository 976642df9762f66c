"""End holds and requests when their time is over. Nothing is queued for that: what is due is found by an index."""

import logging
import threading
import time
from datetime import datetime

from django.db import InterfaceError, OperationalError
from django.db.models import QuerySet
from django.utils import timezone

from bookings.errors import Refused
from bookings.models import Booking, Status
from bookings.polling import keep_looking, log_mistake
from bookings.services.lifecycle import expire

logger = logging.getLogger(__name__)
BATCH = 100
AGAIN_SOON, AGAIN_AFTER_MISTAKE = 2.0, 60.0  # seconds


def overdue(now: datetime) -> QuerySet[Booking]:
    """Holds and requests whose time is over, the oldest first."""
    occupying = [Status.HELD, Status.PENDING]
    return Booking.objects.filter(status__in=occupying, expires_at__lte=now).order_by("expires_at")


class Expiry:
    """Ends what is overdue, each in a transaction of its own; what fails is left alone for a while.

    Several may do so at once: whoever comes second to a booking finds nothing to end.
    """

    def __init__(self) -> None:
        self._put_off: dict[int, float] = {}  # until when, by the monotonic clock

    def end_due(self) -> int:
        """End what is overdue, at most 100. Returns how many there were. Raises when the database is away."""
        clock = time.monotonic()
        self._put_off = {booking_id: until for booking_id, until in self._put_off.items() if until > clock}
        due = overdue(timezone.now()).exclude(pk__in=self._put_off)
        ids = list(due.values_list("pk", flat=True)[:BATCH])
        for booking_id in ids:
            try:
                has_ended = self._end(booking_id)
            except (OperationalError, InterfaceError):
                raise
            except Exception as error:
                log_mistake(f"Booking {booking_id} could not be ended", error)
                self._put_off[booking_id] = clock + AGAIN_AFTER_MISTAKE
            else:
                if not has_ended:  # it is locked, or by the database's clock its time is not over yet
                    self._put_off[booking_id] = clock + AGAIN_SOON
        return len(ids)

    @staticmethod
    def _end(booking_id: int) -> bool:
        try:
            return expire(booking_id=booking_id)
        except Refused as refusal:
            logger.info("The end of booking %s is put off: %s", booking_id, refusal.code)
            return False


def end_all_due() -> None:
    """End all that is overdue and can be ended now. For a worker that ends when nothing is left to do."""
    expiry = Expiry()
    while expiry.end_due() == BATCH:
        pass


def keep_ending(stop: threading.Event) -> None:
    """End what is overdue, and look for more every second, until ``stop`` is set. For a thread of a worker."""
    expiry = Expiry()
    keep_looking("Freeing what ran out", lambda: expiry.end_due() == BATCH, stop)
