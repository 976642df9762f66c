"""How often somebody has been with an organisation before, as far as whoever asks may see."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from django.db.models import Count, Max, Q, QuerySet
from django.db.models.functions import Lower

from bookings.models import Booking, Status
from bookings.selectors.people import bookings_of_person
from bookings.selectors.staff_experts import experts_seen
from experts.permissions import Reach


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


def earlier_visits(reach: Reach, booking: Booking) -> list[Booking]:
    """What became of earlier sessions of whoever booked, latest first, as far as they may see them; fifty at most.

    Two queries. Needs ``with_slot()``.
    """
    seen = Booking.objects.of_experts(experts_seen(reach, booking.slot.expert.organization))
    rows = bookings_of_person(seen, booking.pk).filter(
        status__in=[Status.COMPLETED, Status.NO_SHOW], slot__starts_at__lt=booking.slot.starts_at
    )
    return list(rows.exclude(pk=booking.pk).select_related("slot__expert").order_by("-slot__starts_at")[:50])
