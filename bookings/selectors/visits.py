"""How often somebody has been with an organisation before, as far as whoever asks may see."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.db.models import Count, Max, Q, QuerySet
from django.db.models.functions import Lower

from bookings.models import Booking, Status


@dataclass(frozen=True)
class Visits:
    """Sessions that took place, those that were missed, and the day of the last that took place."""

    came: int = 0
    missed: int = 0
    last: date | None = None


def visits_before(seen: QuerySet[Booking], about: Iterable[Booking]) -> dict[int, Visits]:
    """By booking, what its address did before with its organisation, counted among the bookings ``seen``. One query.

    Needs ``with_slot()``. Whoever has no address is nobody that could be found again: they are left out.
    """
    rows = [booking for booking in about if booking.email]
    if not rows:
        return {}
    found = (
        seen.order_by()
        .annotate(address=Lower("email"))
        .filter(address__in={booking.email.lower() for booking in rows})
        .filter(status__in=[Status.COMPLETED, Status.NO_SHOW])
        .values("address", "slot__expert__organization_id")
        .annotate(
            came=Count("pk", filter=Q(status=Status.COMPLETED)),
            missed=Count("pk", filter=Q(status=Status.NO_SHOW)),
            last=Max("slot__date", filter=Q(status=Status.COMPLETED)),
        )
    )
    visits = {
        (row["slot__expert__organization_id"], row["address"]): Visits(row["came"], row["missed"], row["last"])
        for row in found
    }
    return {
        booking.pk: visits.get((booking.slot.expert.organization_id, booking.email.lower()), Visits())
        for booking in rows
    }
