"""Read, in a short query or two, whether what a page of an expert's calendar shows is still as it was."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, QuerySet

from bookings.models import Booking, Proof, WaitlistEntry
from bookings.selectors.week import first_day, free_day
from experts.models import Expert, Organization, Slot
from experts.prepared import PreparedValues
from experts.selectors import row_version, slots_version


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

    Without a day: ``first_day``, which takes a query more.
    """
    if day is None:
        day = first_day(slug)
    if day is None:
        return None
    monday = day - timedelta(days=day.weekday())
    midnight = datetime.combine(day, time.min, tzinfo=UTC)
    around = (slug, day, midnight, monday, monday + timedelta(days=6))
    found: Any = next(iter(_of_somebody(*around, visitor) if visitor else _of_nobody(*around)), None)
    if found is None:
        return None
    pk, zone_name, origins, *rows, week_version, first_free_day, later_free_day = found[:8]
    next_free_day = later_free_day or first_free_day
    version = (pk, *rows, week_version, next_free_day)
    return CalendarVersion(pk, ZoneInfo(zone_name), day, next_free_day, any(found[8:]), origins, version)


def _calendar(slug: str, day: date, midnight: datetime, monday: date, sunday: date) -> QuerySet[Any]:
    return (
        Expert.objects.active()
        .filter(slug=slug)
        .values_list("pk", "timezone", "organization__embed_origins")
        .annotate(
            expert_version=row_version(Expert),
            organization_version=row_version(Organization),
            week_version=slots_version(monday, sunday),
            first_free_day=free_day(Slot.objects.bookable()),
            # No slot after the day starts before it begins in UTC: said for the index, which knows instants.
            later_free_day=free_day(Slot.objects.bookable().filter(date__gt=day, starts_at__gt=midnight)),
        )
    )


_of_nobody = PreparedValues(_calendar)


@PreparedValues
def _of_somebody(slug: str, day: date, midnight: datetime, monday: date, sunday: date, visitor: str) -> QuerySet[Any]:
    # What nobody made is nobody's: in so many words, because the index has this very condition.
    bookings = Booking.objects.occupying().filter(holder=visitor, slot__expert=OuterRef("pk")).exclude(holder="")
    waiting = WaitlistEntry.objects.waiting_of(visitor).filter(slot__expert=OuterRef("pk"))
    proofs = Proof.objects.live(visitor)
    calendar: QuerySet[Any] = _calendar(slug, day, midnight, monday, sunday)
    found: QuerySet[Any] = calendar.annotate(
        has_booking=Exists(bookings), is_waiting=Exists(waiting), has_proven=Exists(proofs)
    )
    return found
