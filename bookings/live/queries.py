"""What the hub asks the database (bookings/live/reading.py), in its one database thread."""

from collections.abc import Collection
from datetime import date, timedelta
from typing import NamedTuple

from django.db import connection
from django.utils import timezone

from bookings.live.snapshot import Snapshot
from bookings.selectors.own_slots import Mark, own_keys, own_slots
from bookings.selectors.week import Week, parse_day
from experts.models import Expert, Slot
from experts.selectors import SLOTS_VERSION

WeekKey = tuple[int, date]  # expert, Monday


class WeekVersion(NamedTuple):
    """A fingerprint of a week, by which any change in the database shows."""

    slots: int
    is_active: bool  # whether expert and organisation can be looked at
    min_notice: timedelta
    horizon_days: int
    timezone: str


def find_day(slug: str, day: str | None) -> tuple[int, date] | None:
    """The expert and the day that a socket's address names; None when there is no such."""
    expert = Expert.objects.active().select_related("organization").filter(slug=slug).first()
    if expert is None:
        return None
    found = parse_day(day, expert)
    return (expert.pk, found) if found else None


def read_week(key: WeekKey) -> Snapshot | None:
    """The week as it is now; None when the expert is gone. Two queries."""
    expert_id, monday = key
    expert = Expert.objects.select_related("organization").filter(pk=expert_id).first()
    if expert is None:
        return None
    # By this machine's clock, like the page's: time alone turns slots to past and lets holds run out.
    return Snapshot.of(Week.read(expert, monday, timezone.now()))


def read_marks(wanted: dict[WeekKey, set[str]]) -> dict[str, dict[int, Mark]]:
    """What is the own of these visitors of these weeks, and perhaps more: visitor -> slot -> mark.

    As many queries for a thousand weeks as for one.
    """
    mondays = [monday for _expert, monday in wanted]
    return own_slots(
        set().union(*wanted.values()),
        expert_ids={expert_id for expert_id, _monday in wanted},
        first=min(mondays),
        last=max(mondays) + timedelta(days=6),
    )


def read_versions(keys: list[WeekKey]) -> dict[WeekKey, WeekVersion]:
    """The version of each week, without those whose expert is gone: one query for all of them."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT shown.expert, shown.monday,
                   (SELECT {SLOTS_VERSION}
                    FROM {Slot._meta.db_table} s
                    WHERE s.expert_id = shown.expert AND s.date BETWEEN shown.monday AND shown.monday + 6),
                   e.is_active AND o.is_active,
                   coalesce(e.min_notice, o.min_notice), coalesce(e.horizon_days, o.horizon_days), e.timezone
            FROM unnest(%s::bigint[], %s::date[]) AS shown(expert, monday)
            JOIN experts_expert e ON e.id = shown.expert
            JOIN experts_organization o ON o.id = e.organization_id
            """,
            [[key[0] for key in keys], [key[1] for key in keys]],
        )
        return {(row[0], row[1]): WeekVersion(*row[2:]) for row in cursor.fetchall()}


def read_own_keys(visitors: Collection[str]) -> dict[str, str]:
    """For each visitor the key of what My bookings shows (bookings/selectors/own_slots.py)."""
    return own_keys(visitors)
