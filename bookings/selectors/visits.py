"""How often somebody has been with an organisation before, as far as whoever asks may see."""

from collections.abc import Collection
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


def visits_of(seen: QuerySet[Booking], keys: Collection[int]) -> dict[int, Visits]:
    """By booking (id), what its address did with its organisation, counted among the bookings ``seen``. Two queries.

    Whoever has no address is nobody that could be found again: they are left out.
    """
    about = (
        Booking.objects.filter(pk__in=keys)
        .exclude(email="")
        .order_by()
        .values_list("pk", Lower("email"), "slot__expert__organization_id")
    )
    asked = {pk: (organization, address) for pk, address, organization in about}
    if not asked:
        return {}
    found = (
        seen.order_by()
        .annotate(address=Lower("email"))
        .filter(address__in={address for _organization, address in asked.values()})
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
    return {pk: visits.get(who, Visits()) for pk, who in asked.items()}
