"""Versions of what pages of staff show of an organisation, by which an open one knows what it has to load again."""

from collections.abc import Collection
from datetime import date
from typing import NamedTuple
from zlib import crc32

from django.db import connection
from django.utils import timezone

from bookings.models import Booking
from bookings.selectors.requests import MOST_COUNTED
from bookings.selectors.staff_experts import MOST_TO_CHOOSE
from experts.clocks import DAYS_BETWEEN_CLOCKS
from experts.models import Expert, Membership, Organization, Slot, StaffSession
from experts.selectors import SLOTS_VERSION

# In SQL, of bookings ``b``: whatever of them changes, whoever changes it, this does, too.
_BOOKINGS_VERSION = "coalesce(sum(hashtextextended(concat_ws('.', b.id, b.xmin, b.ctid), 0)), 0)"


# Experts of an organisation who are all listened to, whomever of them a page shows.
MOST_LISTENED_TO = MOST_TO_CHOOSE


class StaffKey(NamedTuple):
    """An organisation (an id), and the day that a page shows; None for today, whatever day that is by now.

    ``experts``: the ids of those whom the page shows, by which it knows what changes in an organisation of more than
    ``MOST_LISTENED_TO``. Of others all are meant.
    """

    organization_id: int
    day: date | None
    experts: tuple[int, ...] = ()


class StaffVersion(NamedTuple):
    """Keys of what is shown, one for each kind of things, and the experts of the organisation.

    ``day``: slots of the day and of those beside it, with their bookings, of those experts whom the ``StaffKey`` means.
    ``requests``: what waits for approval; of very many what is written on the first alone. Neither says anything about
    anybody.
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
    requests = _read_requests({key.organization_id for key in wanted})
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH asked AS MATERIALIZED (
                SELECT wanted.n, o.id AS organization,
                       coalesce(wanted.day, (now() AT TIME ZONE o.timezone)::date) AS day,
                       ARRAY(SELECT id FROM {experts} WHERE organization_id = o.id ORDER BY id) AS experts,
                       wanted.shown::bigint[] AS shown
                FROM unnest(%s::bigint[], %s::date[], %s::text[]) WITH ORDINALITY
                         AS wanted(organization, day, shown, n)
                JOIN {Organization._meta.db_table} o ON o.id = wanted.organization
            ), meant AS MATERIALIZED (
                SELECT asked.*,
                       CASE WHEN cardinality(experts) <= {MOST_LISTENED_TO} THEN experts
                            ELSE ARRAY(SELECT id FROM unnest(shown) AS id WHERE id = ANY(experts)) END AS listened_to
                FROM asked
            )
            SELECT meant.n, meant.day, meant.experts, of_slots.version, of_bookings.version
            FROM meant,
            LATERAL (
                SELECT {SLOTS_VERSION} AS version, array_agg(s.id) AS ids FROM {slots} s
                WHERE s.expert_id = ANY(meant.listened_to)
                  AND s.date BETWEEN meant.day - {DAYS_BETWEEN_CLOCKS} AND meant.day + {DAYS_BETWEEN_CLOCKS}
            ) AS of_slots,
            -- With somebody who is not listened to first.
            LATERAL (
                SELECT array_agg(b.id) AS ids FROM {bookings} b
                WHERE cardinality(meant.experts) > {MOST_LISTENED_TO}
                  AND b.second_expert_id = ANY(meant.listened_to) AND b.more_slots && of_slots.ids
            ) AS of_two,
            -- By an array: the index of bookings is read once for all of the slots, not for each.
            LATERAL (
                SELECT {_BOOKINGS_VERSION} AS version FROM {bookings} b
                WHERE (b.slot_id = ANY(of_slots.ids) OR b.id = ANY(of_two.ids)) AND b.name <> ''
            ) AS of_bookings
            """,
            [
                [key.organization_id for key in wanted],
                [key.day for key in wanted],
                # Arrays of one length only could be an array of arrays.
                [f"{{{','.join(map(str, key.experts))}}}" for key in wanted],
            ],
        )
        return {
            (key := wanted[n - 1]): StaffVersion(
                _short(key.organization_id, day, *versions),
                requests[key.organization_id],
                frozenset(ids),
            )
            for n, day, ids, *versions in cursor.fetchall()
        }


def read_requests_version(organization_id: int) -> str:
    """Read the key of the requests alone. One query."""
    return _read_requests({organization_id})[organization_id]


def _read_requests(organizations: Collection[int]) -> dict[int, str]:
    """The keys of the requests of each of those organisations."""
    bookings = Booking._meta.db_table
    with connection.cursor() as cursor:
        # By the partial index of requests. Of the first, which pages show, by their rows; of all others, of which there
        # may be thousands, by when they run out, which the index has.
        cursor.execute(
            f"""
            SELECT wanted.organization, of_first.version, of_all.version
            FROM unnest(%s::bigint[]) AS wanted(organization),
            LATERAL (
                SELECT {_BOOKINGS_VERSION} AS version
                FROM (SELECT b.id, b.xmin, b.ctid FROM {bookings} b
                      WHERE b.status = 'PENDING' AND b.of_organization_id = wanted.organization
                      ORDER BY b.expires_at LIMIT {MOST_COUNTED}) AS b
            ) AS of_first,
            LATERAL (
                SELECT coalesce(sum(hashtextextended(b.expires_at::text, 0)), 0) AS version FROM {bookings} b
                WHERE b.status = 'PENDING' AND b.of_organization_id = wanted.organization
            ) AS of_all
            """,
            [list(organizations)],
        )
        return {organization: _short(organization, *versions) for organization, *versions in cursor.fetchall()}


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
