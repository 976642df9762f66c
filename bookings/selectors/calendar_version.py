"""Read, in a short query or two, whether what a page of an expert's calendar shows is still as it was."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import timezone

from bookings.models import Booking, Proof, WaitlistEntry
from bookings.selectors.offered_types import TypeOnOffer, choose_type, read_types, types_on_offer
from bookings.selectors.week import DAYS_OF_WEEK, first_day, first_start, week_of
from experts.clocks import DAYS_BETWEEN_CLOCKS, Clocks, clocks_for, leading_day
from experts.models import Category, Expert, Organization, Slot
from experts.prepared import PreparedValues
from experts.scheduling.sessions import first_free_start, sessions_version
from experts.selectors import row_version, slots_version_by_clock
from experts.timezones import day_bounds


@dataclass(frozen=True)
class CalendarVersion:
    """What an expert's calendar around ``day`` was made of, as it was read at one moment.

    Days are those of the leading one of ``clocks``. ``version`` differs whenever the expert, the category, the
    organisation or a slot of the days shown does. ``next_free_day``: the first day after ``day`` with a slot that can
    be booked, None without one. ``has_own``: whether the viewer may have a hold, a booking or a place on a waitlist
    here. ``embed_origins``: which sites may frame it. ``types``: what the expert offers, nothing in general;
    ``chosen``: of which of them the times are, None where that is still to choose.
    """

    expert_id: int
    clocks: Clocks
    day: date
    next_free_day: date | None
    has_own: bool
    embed_origins: list[str]
    version: Hashable
    types: tuple[TypeOnOffer, ...] = ()
    chosen: TypeOnOffer | None = None


def read_calendar_version(
    slug: str,
    day: date | None,
    visitor_zone: ZoneInfo | None,
    visitor: str,
    *,
    shown: tuple[date, date] | None = None,
    session_type: str = "",
) -> CalendarVersion | None:
    """Return the version of an active expert's calendar for a visitor; None when there is no such expert.

    Without a day: ``first_day``, which takes a query more. ``shown``: the first and last day that the page shows; the
    week of ``day`` if not given. ``session_type``: the slug of the type that the address names, as ``choose_type``; a
    type takes one query more, two without a day.
    """
    is_first = day is None
    if day is None:
        day = first_day(slug, visitor_zone)
    if day is None:
        return None
    midnight = datetime.combine(day, time.min, tzinfo=UTC)
    first, last = shown or _weeks_of(day)
    beyond = timedelta(days=DAYS_BETWEEN_CLOCKS)
    around = (slug, day, midnight, first - beyond, first, last, last + beyond, visitor_zone.key if visitor_zone else "")
    found: Any = next(iter(_of_somebody(*around, visitor) if visitor else _of_nobody(*around)), None)
    if found is None:
        return None
    pk, venue, zone_name, origins, *rows, week_version, later_free_at, offers = found[:11]
    types = tuple(read_types(offers, venue))
    chosen = choose_type(types, session_type)
    clocks = clocks_for(chosen.venue if chosen else venue, ZoneInfo(zone_name), visitor_zone)
    if chosen:
        if is_first:
            starts_at = first_free_start(pk, chosen.pk, timezone.now())
            day = (starts_at or timezone.now()).astimezone(clocks.leading).date()
        first, last = shown or _weeks_of(day)
        days = first - beyond, last + beyond
        week_version, later_free_at = sessions_version(pk, chosen.pk, days, day_bounds(day, clocks.leading)[1])
    next_free_day = later_free_at.astimezone(clocks.leading).date() if later_free_at else None
    version = (pk, *rows, types, week_version, next_free_day)
    return CalendarVersion(pk, clocks, day, next_free_day, any(found[11:]), origins, version, types, chosen)


def _weeks_of(day: date) -> tuple[date, date]:
    """Return the first and last day that may be shown with ``day``: which week that is depends on what today is there.

    It is known without a query that somewhere it is still yesterday by UTC, or tomorrow already.
    """
    today = timezone.now().date()
    firsts = [week_of(day, today + timedelta(days=n)) for n in (-1, 0, 1)]
    return min(firsts), max(firsts) + timedelta(days=DAYS_OF_WEEK - 1)


def _calendar(
    slug: str,
    day: date,
    midnight: datetime,
    earliest: date,
    first: date,
    last: date,
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
            week_version=slots_version_by_clock(first, last, (earliest, latest), visitor_zone),
            later_free_at=first_start(later),
            offers=types_on_offer(),
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
    first: date,
    last: date,
    latest: date,
    visitor_zone: str,
    visitor: str,
) -> QuerySet[Any]:
    bookings = Booking.objects.occupying().of_browser(visitor).filter(slot__expert=OuterRef("pk"))
    waiting = WaitlistEntry.objects.waiting_of(visitor).filter(slot__expert=OuterRef("pk"))
    proofs = Proof.objects.live(visitor)
    calendar: QuerySet[Any] = _calendar(slug, day, midnight, earliest, first, last, latest, visitor_zone)
    found: QuerySet[Any] = calendar.annotate(
        has_booking=Exists(bookings), is_waiting=Exists(waiting), has_proven=Exists(proofs)
    )
    return found
