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
# Each minute completes sessions that have ended lately and started recently; ``complete_all_finished`` all others.
LATELY, RECENTLY = timedelta(minutes=15), timedelta(hours=6)
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
    """Complete the sessions that are over, however long. Returns how many. Walks along every confirmed booking."""
    total = 0
    for _run in range(MOST_RUNS):
        done = _each(finished(timezone.now()).order_by("slot_id"), complete, "booking_id")
        total += done
        if done < MOST_AT_ONCE:
            break
    return total


def finished(now: datetime) -> QuerySet[Booking]:
    """Confirmed bookings of sessions that have ended."""
    return Booking.objects.filter(status=Status.CONFIRMED).over(now)


def recently_finished(now: datetime) -> QuerySet[Booking]:
    """Those of sessions that have ended lately, the oldest first.

    An index of starts with ends finds them, and one of their own those of a type, whose ends differ from their slots'.
    """
    confirmed = Booking.objects.order_by().filter(status=Status.CONFIRMED)
    of_slots = confirmed.filter(
        session_ends_at=None,
        slot__starts_at__range=(now - RECENTLY, now),
        slot__ends_at__lte=now,
        slot__ends_at__gt=now - LATELY,
    )
    of_types = confirmed.filter(session_ends_at__lte=now, session_ends_at__gt=now - LATELY)
    # A union: each branch has its index.
    recent = of_slots.values("pk").union(of_types.values("pk"), all=True)
    return Booking.objects.filter(pk__in=recent).order_by("slot__starts_at")


def free_and_waited_for(now: datetime) -> QuerySet[Slot]:
    """Slots that can be booked although somebody waits for them, the soonest first."""
    line = WaitlistEntry.objects.in_line().order_by()
    # Of a session all others have to be free, too: else whoever waits for it would be looked at each minute.
    is_full = Q(seats_held__gte=F("capacity") - F("seats_booked")) & (
        Q(next_hold_expiry=None) | Q(next_hold_expiry__gt=now)
    )
    others = Slot.objects.order_by().filter(Q(is_closed=True) | is_full, _IS_ONE_OF_THEM)
    waited_for = line.filter(Q(more_slots=[]) | ~Exists(others))
    return Slot.objects.bookable(now).filter(pk__in=waited_for.values("slot")).order_by("starts_at")


def _each(rows: QuerySet[Any], act: Callable[..., object], name: str) -> int:
    """Do it to each; one that is refused, as somebody else was faster or has it locked, keeps none of the others."""
    done = 0
    for row_id in rows.values_list("pk", flat=True)[:MOST_AT_ONCE]:
        try:
            done += bool(act(**{name: row_id}))
        except Refused as refusal:
            logger.info("%s %s was left for the next run: %s", name, row_id, refusal.code)
    return done
