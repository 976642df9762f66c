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
from experts.models import Expert, Slot
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


def find_day(slug: str, day: str | None, zone_name: str | None, first: str | None, last: str | None) -> FoundDay | None:
    """The expert and the day that a socket's address names, by the clock that leads; None when there is no such.

    ``zone_name``: the zone of the page's clock, where that is not the expert's. ``first`` and ``last``: the days that
    the page shows, which is the week of ``day`` without them.
    """
    expert = Expert.objects.active().select_related("organization").filter(slug=slug).first()
    if expert is None:
        return None
    clocks = clocks_for(expert.venue, expert.zone, known_zone(zone_name))
    found = parse_day(day, expert, clocks.leading)
    if found is None:
        return None
    start, end = read_day(first or ""), read_day(last or "")
    if start is None or end is None or not (start <= found <= end < start + LONGEST_MONTH):
        start = week_of(found, clocks.today(timezone.now()))
        end = start + timedelta(days=DAYS_OF_WEEK - 1)
    zone = "" if clocks.leading.key == expert.timezone else clocks.leading.key
    return FoundDay(found, WeekKey(expert.pk, start, end, zone))


def read_week(key: WeekKey) -> Snapshot | None:
    """The days as they are now; None when the expert is gone. Two queries; four for days beyond the horizon."""
    expert = Expert.objects.select_related("organization").filter(pk=key.expert_id).first()
    if expert is None:
        return None
    # By this machine's clock, like the page's: time alone turns slots to past and lets holds run out.
    zone = ZoneInfo(key.zone) if key.zone else None
    return Snapshot.of(Week.read(expert, key.first, timezone.now(), zone, key.length))


def read_marks(wanted: dict[WeekKey, set[str]]) -> dict[str, dict[int, Mark]]:
    """What is the own of these visitors of these weeks, and perhaps more: visitor -> slot -> mark.

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
            SELECT shown.expert, shown.first, shown.last, shown.zone,
                   (SELECT {SLOTS_VERSION}
                    FROM {Slot._meta.db_table} s
                    WHERE s.expert_id = shown.expert
                      AND s.date BETWEEN shown.first - {DAYS_BETWEEN_CLOCKS} AND shown.last + {DAYS_BETWEEN_CLOCKS}
                      AND (s.starts_at AT TIME ZONE coalesce(nullif(shown.zone, ''), e.timezone))::date
                          BETWEEN shown.first AND shown.last),
                   e.is_active AND o.is_active,
                   coalesce(e.min_notice, o.min_notice), coalesce(e.horizon_days, o.horizon_days), e.venue, e.timezone
            FROM unnest(%s::bigint[], %s::date[], %s::date[], %s::text[])
                 AS shown(expert, first, last, zone)
            JOIN experts_expert e ON e.id = shown.expert
            JOIN experts_organization o ON o.id = e.organization_id
            """,
            [list(column) for column in zip(*keys, strict=True)],
        )
        return {WeekKey(*row[:4]): WeekVersion(*row[4:]) for row in cursor.fetchall()}


def read_own_keys(visitors: Collection[str]) -> dict[str, str]:
    """For each visitor the key of what My bookings shows (bookings/selectors/own_slots.py)."""
    return own_keys(visitors)
