"""Read, in two short queries, whether what a page of an expert's calendar shows is still as it was."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.db.models.expressions import RawSQL
from django.utils import timezone

from bookings.models import Booking, Proof, WaitlistEntry
from bookings.selectors.week import WEEK_VERSION
from experts.models import Expert, Organization, Slot
from experts.prepared import PreparedValues
from experts.selectors import row_version


@dataclass(frozen=True)
class CalendarVersion:
    """What an expert's calendar around ``day`` was made of, as it was read at one moment. ``zone``: the expert's.

    ``version`` differs whenever the expert, the organisation or a slot of the week does. ``next_free_day``: the first
    day after ``day`` with a slot that can be booked, else the first of all; None without one. ``has_own``: whether the
    viewer may have a hold, a booking or a place on a waitlist here. ``embed_origins``: which sites may frame it.
    """

    expert_id: int
    zone: ZoneInfo
    day: date
    next_free_day: date | None
    has_own: bool
    embed_origins: list[str]
    version: Hashable


def read_calendar_version(slug: str, day: date | None, visitor: str) -> CalendarVersion | None:
    """Return the version of an active expert's calendar; None when there is no such expert.

    Without a day: that of the next bookable slot, else today where the expert is.
    """
    expert: Any = next(iter(_expert(slug)), None)
    if expert is None:
        return None
    pk, zone_name, origins, expert_version, organization_version, first_free_day = expert
    zone = ZoneInfo(zone_name)
    day = day or first_free_day or timezone.now().astimezone(zone).date()
    monday = day - timedelta(days=day.weekday())
    midnight = datetime.combine(day, time.min, tzinfo=UTC)
    around = (pk, day, midnight, monday, monday + timedelta(days=6))
    [(next_free_day, week_version, *own)] = _of_somebody(*around, visitor) if visitor else _of_nobody(*around)
    next_free_day = next_free_day or first_free_day
    version = (pk, expert_version, organization_version, week_version, next_free_day)
    return CalendarVersion(pk, zone, day, next_free_day, any(own), origins, version)


@PreparedValues
def _expert(slug: str) -> QuerySet[Any]:
    free = Slot.objects.bookable().filter(expert=OuterRef("pk")).order_by("starts_at")
    return (
        Expert.objects.active()
        .filter(slug=slug)
        .values_list("pk", "timezone", "organization__embed_origins")
        .annotate(
            expert_version=row_version(Expert),
            organization_version=row_version(Organization),
            first_free_day=Subquery(free.values("date")[:1]),
        )
    )


def _calendar(expert_id: int, day: date, midnight: datetime, monday: date, sunday: date) -> QuerySet[Any]:
    # No slot after the day starts before it begins in UTC: said for the index, which knows instants.
    later = Slot.objects.bookable().filter(expert=OuterRef("pk"), date__gt=day, starts_at__gt=midnight)
    week = f"SELECT {WEEK_VERSION} FROM {Slot._meta.db_table} s WHERE s.expert_id = %s AND s.date BETWEEN %s AND %s"
    return (
        Expert.objects.filter(pk=expert_id)
        .values_list(Subquery(later.order_by("starts_at").values("date")[:1]))
        .annotate(week_version=RawSQL(week, [expert_id, monday, sunday]))
    )


_of_nobody = PreparedValues(_calendar)


@PreparedValues
def _of_somebody(
    expert_id: int, day: date, midnight: datetime, monday: date, sunday: date, visitor: str
) -> QuerySet[Any]:
    # What nobody made is nobody's: in so many words, because the index has this very condition.
    bookings = Booking.objects.occupying().filter(holder=visitor, slot__expert=OuterRef("pk")).exclude(holder="")
    waiting = WaitlistEntry.objects.waiting_of(visitor).filter(slot__expert=OuterRef("pk"))
    proofs = Proof.objects.live(visitor)
    calendar: QuerySet[Any] = _calendar(expert_id, day, midnight, monday, sunday)
    found: QuerySet[Any] = calendar.annotate(
        has_booking=Exists(bookings), is_waiting=Exists(waiting), has_proven=Exists(proofs)
    )
    return found
