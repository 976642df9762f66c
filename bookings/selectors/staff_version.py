"""Versions of what pages of staff show of an organisation, by which an open one knows what it has to load again."""

from collections.abc import Collection
from datetime import date
from typing import NamedTuple
from zlib import crc32

from django.db import connection
from django.utils import timezone

from bookings.models import Booking
from experts.clocks import DAYS_BETWEEN_CLOCKS
from experts.models import Expert, Membership, Organization, Slot, StaffSession
from experts.selectors import SLOTS_VERSION

# In SQL, of bookings ``b``: whatever of them changes, whoever changes it, this does, too.
_BOOKINGS_VERSION = "coalesce(sum(hashtextextended(concat_ws('.', b.id, b.xmin, b.ctid), 0)), 0)"


class StaffKey(NamedTuple):
    """An organisation (an id), and the day that a page shows; None for today, whatever day that is by now."""

    organization_id: int
    day: date | None


class StaffVersion(NamedTuple):
    """Keys of what is shown, one for each kind of things, and the experts of the organisation.

    ``day``: slots of the day and of those beside it, with their bookings. ``requests``: all that wait for approval.
    Neither says anything about anybody.
    """

    day: str
    requests: str
    experts: frozenset[int]

    @property
    def keys(self) -> dict[str, str]:
        """As pages get them."""
        return {"day": self.day, "requests": self.requests}


class StaffAccess(NamedTuple):
    """Somebody on staff with an open session (an id) who listens to an organisation (an id)."""

    session_id: int
    organization_id: int


def read_staff_versions(keys: Collection[StaffKey]) -> dict[StaffKey, StaffVersion]:
    """Read the versions, without those whose organisation is gone. Two queries for any number of them."""
    if not keys:
        return {}
    slots, experts, bookings = Slot._meta.db_table, Expert._meta.db_table, Booking._meta.db_table
    wanted = list(keys)
    with connection.cursor() as cursor:
        # By the partial index of requests, which holds no more than waits at the moment.
        cursor.execute(
            f"""
            SELECT b.of_organization_id, {_BOOKINGS_VERSION}
            FROM {bookings} b
            WHERE b.status = 'PENDING' AND b.of_organization_id = ANY(%s)
            GROUP BY b.of_organization_id
            """,
            [[key.organization_id for key in wanted]],
        )
        requests = dict(cursor.fetchall())
        cursor.execute(
            f"""
            WITH shown AS (
                SELECT wanted.*, coalesce(wanted.asked, (now() AT TIME ZONE o.timezone)::date) AS day,
                       ARRAY(SELECT id FROM {experts} WHERE organization_id = o.id) AS experts
                FROM unnest(%s::bigint[], %s::date[]) AS wanted(organization, asked)
                JOIN {Organization._meta.db_table} o ON o.id = wanted.organization
            )
            SELECT shown.organization, shown.asked, shown.day, shown.experts, of_slots.version, of_bookings.version
            FROM shown,
            LATERAL (
                SELECT {SLOTS_VERSION} AS version, array_agg(s.id) AS ids FROM {slots} s
                WHERE s.expert_id = ANY(shown.experts)
                  AND s.date BETWEEN shown.day - {DAYS_BETWEEN_CLOCKS} AND shown.day + {DAYS_BETWEEN_CLOCKS}
            ) AS of_slots,
            -- By an array: the index of bookings is read once for all of the slots, not for each.
            LATERAL (
                SELECT {_BOOKINGS_VERSION} AS version FROM {bookings} b
                WHERE b.slot_id = ANY(of_slots.ids) AND b.name <> ''
            ) AS of_bookings
            """,
            [[key.organization_id for key in wanted], [key.day for key in wanted]],
        )
        return {
            StaffKey(organization, asked): StaffVersion(
                _short(organization, day, *versions),
                _short(organization, requests.get(organization, 0)),
                frozenset(ids),
            )
            for organization, asked, day, ids, *versions in cursor.fetchall()
        }


def still_admitted(listening: Collection[StaffAccess]) -> set[StaffAccess]:
    """Of those who listen, the ones who still may: their session is open, and they work there. Two queries."""
    if not listening:
        return set()
    sessions = StaffSession.objects.running(timezone.now()).filter(
        pk__in={access.session_id for access in listening}, user__is_active=True, user__is_staff=True
    )
    found = {row[0]: row[1:] for row in sessions.values_list("pk", "user_id", "user__is_superuser")}
    members = Membership.objects.in_force().filter(
        user__in={user_id for user_id, _is_superuser in found.values()},
        organization__in={access.organization_id for access in listening},
    )
    works_in = set(members.values_list("user_id", "organization_id"))
    return {
        access
        for access in listening
        if (who := found.get(access.session_id)) and (who[1] or (who[0], access.organization_id) in works_in)
    }


def _short(*facts: object) -> str:
    return f"{crc32(repr(tuple(str(fact) for fact in facts)).encode()):08x}"
