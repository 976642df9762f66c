"""Do to bookings what time does: end requests and holds whose time is over, complete sessions that took place, and
offer seats that became free without anybody's doing to who waits for them."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import BooleanField, Exists, F, Func, OuterRef, Q, QuerySet
from django.utils import timezone

from bookings.errors import Refused
from bookings.models import Booking, Status, WaitlistEntry
from bookings.services.expiry import Expiry
from bookings.services.lifecycle import complete
from bookings.services.rescue import let_stale_offers_go
from bookings.services.waitlist import serve
from experts.models import Slot

logger = logging.getLogger(__name__)
# Each minute completes sessions that have ended lately; ``complete_all_finished`` all others, of which staff may have
# taken back that they are over.
LATELY = timedelta(minutes=15)
MOST_AT_ONCE = 300  # of each kind, each in a transaction of its own; the next run does the rest
_IS_ONE_OF_THEM = Func(
    "pk", OuterRef("more_slots"), template="(%(expressions)s))", arg_joiner=" = ANY(", output_field=BooleanField()
)
MOST_RUNS = 100  # of MOST_AT_ONCE, in an hour


def settle_overdue() -> dict[str, int]:
    """End what nobody has ended, complete what is over, serve who waits. Returns how many of each there were."""
    now = timezone.now()
    return {
        "expired": Expiry().end_due(),
        "completed": _each(recently_finished(now), complete, "booking_id"),
        "let go": let_stale_offers_go(),
        "offered": _each(free_and_waited_for(now), serve, "slot_id"),
    }


def complete_all_finished() -> int:
    """Complete the sessions that are over, however long. Returns how many."""
    total = 0
    for _run in range(MOST_RUNS):
        done = _each(finished(timezone.now()), complete, "booking_id")
        total += done
        if done < MOST_AT_ONCE:
            break
    return total


def finished(now: datetime) -> QuerySet[Booking]:
    """Confirmed bookings of sessions that have ended, the first that did so first."""
    return Booking.objects.filter(status=Status.CONFIRMED, over_at__lte=now).order_by("over_at")


def recently_finished(now: datetime) -> QuerySet[Booking]:
    """Those of sessions that have ended lately."""
    return finished(now).filter(over_at__gt=now - LATELY)


def free_and_waited_for(now: datetime) -> QuerySet[Slot]:
    """Slots that can be booked although somebody waits for them, the soonest first."""
    line = WaitlistEntry.objects.in_line().order_by()
    # Of a session all others have to be free, too: else whoever waits for it would be looked at each minute.
    is_full = Q(seats_held__gte=F("capacity") - F("seats_booked")) & (
        Q(next_hold_expiry=None) | Q(next_hold_expiry__gt=now)
    )
    others = Slot.objects.order_by().filter(Q(is_closed=True) | is_full, _IS_ONE_OF_THEM)
    waited_for = line.filter(Q(more_slots=[]) | ~Exists(others))
    bookable = Slot.objects.bookable(now).filter(is_waited_for=True)
    return bookable.filter(pk__in=waited_for.values("slot")).order_by("starts_at")


def _each(rows: QuerySet[Any], act: Callable[..., object], name: str) -> int:
    """Do it to each; one that is refused, as somebody else was faster or has it locked, keeps none of the others."""
    done = 0
    for row_id in rows.values_list("pk", flat=True)[:MOST_AT_ONCE]:
        try:
            done += bool(act(**{name: row_id}))
        except Refused as refusal:
            logger.info("%s %s was left for the next run: %s", name, row_id, refusal.code)
    return done
