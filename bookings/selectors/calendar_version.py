"""Read, in a short query or two, whether what a page of an expert's calendar shows is still as it was."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Exists, F, OuterRef, QuerySet

from bookings.models import Booking, Proof, WaitlistEntry
from bookings.selectors.week import first_day, first_start
from experts.clocks import DAYS_BETWEEN_CLOCKS, Clocks, clocks_for, leading_day
from experts.models import Category, Expert, Organization, Slot
from experts.prepared import PreparedValues
from experts.selectors import row_version, slots_version_by_clock


@dataclass(frozen=True)
class CalendarVersion:
    """What an expert's calendar around ``day`` was made of, as it was read at one moment.

    Days are those of the leading one of ``clocks``. ``version`` differs whenever the expert, the category, the
    organisation or a slot of the week does. ``next_free_day``: the first day after ``day`` with a slot that can be
    booked, else the first of all; None without one. ``has_own``: whether the viewer may have a hold, a booking or a
    place on a waitlist here. ``embed_origins``: which sites may frame it.
    """

    expert_id: int
    clocks: Clocks
    day: date
    next_free_day: date | None
    has_own: bool
    embed_origins: list[str]
    version: Hashable


def read_calendar_version(
    slug: str, day: date | None, visitor_zone: ZoneInfo | None, visitor: str
) -> CalendarVersion | None:
    """Return the version of an active expert's calendar for a visitor; None when there is no such expert.

    Without a day: ``first_day``, which takes a query more.
    """
    if day is None:
        day = first_day(slug, visitor_zone)
    if day is None:
        return None
    monday = day - timedelta(days=day.weekday())
    midnight = datetime.combine(day, time.min, tzinfo=UTC)
    sunday = monday + timedelta(days=6)
    beyond = timedelta(days=DAYS_BETWEEN_CLOCKS)
    earliest, latest = monday - beyond, sunday + beyond
    around = (slug, day, midnight, earliest, monday, sunday, latest, visitor_zone.key if visitor_zone else "")
    found: Any = next(iter(_of_somebody(*around, visitor) if visitor else _of_nobody(*around)), None)
    if found is None:
        return None
    pk, venue, zone_name, origins, *rows, week_version, first_free_at, later_free_at = found[:11]
    clocks = clocks_for(venue, ZoneInfo(zone_name), visitor_zone)
    next_free_at = later_free_at or first_free_at
    next_free_day = next_free_at.astimezone(clocks.leading).date() if next_free_at else None
    version = (pk, *rows, week_version, next_free_day)
    return CalendarVersion(pk, clocks, day, next_free_day, any(found[11:]), origins, version)


def _calendar(
    slug: str,
    day: date,
    midnight: datetime,
    earliest: date,
    monday: date,
    sunday: date,
    latest: date,
    visitor_zone: str,
) -> QuerySet[Any]:
    # No slot after the day starts before it begins in UTC: said for the index, which knows instants.
    after = Slot.objects.bookable().filter(starts_at__gt=midnight)
    later = after.alias(on=leading_day(visitor_zone, F, _of_slot)).filter(on__gt=day)
    return (
        Expert.objects.active()
        .filter(slug=slug)
        .values_list("pk", "venue", "timezone", "organization__embed_origins", "category__slug")
        .annotate(
            expert_version=row_version(Expert),
            organization_version=row_version(Organization),
            category_version=row_version(Category),
            week_version=slots_version_by_clock(monday, sunday, (earliest, latest), visitor_zone),
            first_free_at=first_start(Slot.objects.bookable()),
            later_free_at=first_start(later),
        )
    )


def _of_slot(field: str) -> F:
    return F(f"expert__{field}")


_of_nobody = PreparedValues(_calendar)


@PreparedValues
def _of_somebody(
    slug: str,
    day: date,
    midnight: datetime,
    earliest: date,
    monday: date,
    sunday: date,
    latest: date,
    visitor_zone: str,
    visitor: str,
) -> QuerySet[Any]:
    # What nobody made is nobody's: in so many words, because the index has this very condition.
    bookings = Booking.objects.occupying().filter(holder=visitor, slot__expert=OuterRef("pk")).exclude(holder="")
    waiting = WaitlistEntry.objects.waiting_of(visitor).filter(slot__expert=OuterRef("pk"))
    proofs = Proof.objects.live(visitor)
    calendar: QuerySet[Any] = _calendar(slug, day, midnight, earliest, monday, sunday, latest, visitor_zone)
    found: QuerySet[Any] = calendar.annotate(
        has_booking=Exists(bookings), is_waiting=Exists(waiting), has_proven=Exists(proofs)
    )
    return found
