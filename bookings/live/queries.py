"""What the hub asks the database (bookings/live/reading.py), in its one database thread."""

from collections.abc import Collection
from datetime import timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection
from django.utils import timezone

from bookings.live.keys import FoundDay, WeekKey
from bookings.live.snapshot import Snapshot
from bookings.selectors.own_slots import Mark, own_keys, own_slots
from bookings.selectors.week import DAYS_OF_WEEK, Week, parse_day, read_day, week_of
from experts.clocks import DAYS_BETWEEN_CLOCKS, clocks_for
from experts.models import Expert, Organization, Slot, User
from experts.permissions import reach_of
from experts.scheduling.sessions import offered_by
from experts.selectors import SLOTS_VERSION
from experts.timezones import known_zone

LONGEST_MONTH = timedelta(days=31)


class WeekVersion(NamedTuple):
    """A fingerprint of a week, by which any change in the database shows."""

    slots: int
    is_active: bool  # whether expert and organisation can be looked at
    min_notice: timedelta
    horizon_days: int
    venue: str
    timezone: str
    offered: str  # differs whenever the type or its offer does; "" where there is none


def find_day(
    slug: str,
    day: str | None,
    zone_name: str | None,
    first: str | None,
    last: str | None,
    session_type: str | None = None,
) -> FoundDay | None:
    """The expert and the day that a socket's address names, by the clock that leads; None when there is no such.

    ``zone_name``: the zone of the page's clock, where that is not the expert's. ``first`` and ``last``: the days that
    the page shows, which is the week of ``day`` without them. ``session_type``: the slug of the type that it shows.
    """
    expert = Expert.objects.active().select_related("organization").filter(slug=slug).first()
    if expert is None:
        return None
    offered = None
    if session_type:
        offered = offered_by(expert.pk).filter(session_type__slug=session_type).first()
        if offered is None:
            return None
    venue = offered.terms.venue_with(expert) if offered else expert.venue
    clocks = clocks_for(venue, expert.zone, known_zone(zone_name))
    found = parse_day(day, expert, clocks.leading)
    if found is None:
        return None
    start, end = read_day(first or ""), read_day(last or "")
    if start is None or end is None or not (start <= found <= end < start + LONGEST_MONTH):
        start = week_of(found, clocks.today(timezone.now()))
        end = start + timedelta(days=DAYS_OF_WEEK - 1)
    zone = "" if clocks.leading.key == expert.timezone else clocks.leading.key
    return FoundDay(found, WeekKey(expert.pk, start, end, zone, offered.session_type_id if offered else 0))


def read_week(key: WeekKey) -> Snapshot | None:
    """The days as they are now; None when the expert is gone. Two queries; four for days beyond the horizon.

    Two more for a type. One that is not offered any more has no times.
    """
    expert = Expert.objects.select_related("organization").filter(pk=key.expert_id).first()
    if expert is None:
        return None
    # By this machine's clock, like the page's: time alone turns slots to past and lets holds run out.
    zone = ZoneInfo(key.zone) if key.zone else None
    if not key.session_type:
        return Snapshot.of(Week.read(expert, key.first, timezone.now(), zone, key.length))
    offered = offered_by(expert.pk).filter(session_type=key.session_type).first()
    if offered is None:
        return Snapshot.of(Week(expert, key.first, zone or expert.zone, [], timezone.now(), length=key.length))
    return Snapshot.of(Week.read(expert, key.first, timezone.now(), zone, key.length, offered=offered))


def read_marks(wanted: dict[WeekKey, set[str]]) -> dict[str, dict[int, list[Mark]]]:
    """What is the own of these visitors of these weeks, and perhaps more: visitor -> slot -> marks.

    As many queries for a thousand weeks as for one.
    """
    beyond = timedelta(days=DAYS_BETWEEN_CLOCKS)
    return own_slots(
        set().union(*wanted.values()),
        expert_ids={key.expert_id for key in wanted},
        first=min(key.first for key in wanted) - beyond,
        last=max(key.last for key in wanted) + beyond,
    )


def read_versions(keys: list[WeekKey]) -> dict[WeekKey, WeekVersion]:
    """The version of each week, without those whose expert is gone: one query for all of them."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT shown.expert, shown.first, shown.last, shown.zone, shown.type,
                   (SELECT {SLOTS_VERSION}
                    FROM {Slot._meta.db_table} s
                    WHERE s.expert_id = shown.expert
                      AND s.date BETWEEN shown.first - {DAYS_BETWEEN_CLOCKS + 1}
                                     AND shown.last + {DAYS_BETWEEN_CLOCKS + 1}
                      AND (s.starts_at AT TIME ZONE coalesce(nullif(shown.zone, ''), e.timezone))::date
                          BETWEEN shown.first - least(shown.type, 1)::int AND shown.last + least(shown.type, 1)::int),
                   e.is_active AND o.is_active,
                   coalesce(e.min_notice, o.min_notice), coalesce(e.horizon_days, o.horizon_days), e.venue, e.timezone,
                   coalesce(concat_ws('.', f.xmin, f.ctid, t.xmin, t.ctid), '')
            FROM unnest(%s::bigint[], %s::date[], %s::date[], %s::text[], %s::bigint[])
                 AS shown(expert, first, last, zone, type)
            JOIN experts_expert e ON e.id = shown.expert
            JOIN experts_organization o ON o.id = e.organization_id
            LEFT JOIN experts_sessiontype t ON t.id = shown.type AND t.is_active
            LEFT JOIN experts_offeredtype f ON f.expert_id = e.id AND f.session_type_id = t.id
            """,
            [list(column) for column in zip(*keys, strict=True)],
        )
        return {WeekKey(*row[:5]): WeekVersion(*row[5:]) for row in cursor.fetchall()}


def read_own_keys(visitors: Collection[str]) -> dict[str, str]:
    """For each visitor the key of what My bookings shows (bookings/selectors/own_slots.py)."""
    return own_keys(visitors)


def find_own_organization(user: User, slug: str) -> int | None:
    """The organisation (an id) of that slug; None when there is none in which they work. Superusers work in all."""
    organization = Organization.objects.filter(slug=slug).values_list("pk", flat=True).first()
    mine = reach_of(user)
    return organization if organization and (mine.everything or mine.roles_in(organization)) else None
