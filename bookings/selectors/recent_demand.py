"""Count what people unknown have of an expert: roughly with each slot that is to be booked, exactly where it matters.

Counted are the holds and open bookings that neither staff nor somebody known has made, however old they are: else
whoever waits a week between them could have all seats. By network, those of the last seven days. Those of people who
became known later count only until a closer look finds them. A booking moves only within its expert, so
``Booking.of_expert`` finds them by an index, however many slots and bookings the expert has.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.db import connection
from django.db.models import Exists, F, Func, IntegerField, OuterRef, QuerySet, Value
from django.db.models.functions import Cast
from django.utils import timezone

from bookings.models import Booking, Proven, WebhookEndpoint
from bookings.models.proven import ProvenKind, hashes_of
from bookings.networks import wide_network_of
from experts.locking import slots_with_clock
from experts.models import Slot
from experts.prepared import PreparedQuery, prepared_cursor

LATELY = timedelta(days=7)
MOST_COUNTED = 200  # rows; whoever needs to know more looks closely
MOST_FORGOTTEN = 1000  # rows of people known, by one look
FEW = 3  # seats that are nobody's attack

# A session takes its seats in each of its slots.
SEATS_TAKEN = "seats * (1 + cardinality(more_slots))"
# What ``Booking.of_expert``'s index knows, without holds that have run out.
_COUNTED = "status IN ('HELD', 'PENDING', 'CONFIRMED') AND (status <> 'HELD' OR expires_at > clock_timestamp())"
_LATELY_OF_EXPERT = f"""(
    SELECT ARRAY[coalesce(sum(seats), 0), coalesce(sum(held), 0), coalesce(max(requests), 0)]::int[]
    FROM (
        SELECT sum(latest.seats) AS seats, sum(latest.seats) FILTER (WHERE latest.status = 'HELD') AS held,
               count(latest.network) FILTER (WHERE latest.is_late) AS requests
        FROM (SELECT %(expressions)s) AS asked (expert_id, most)
        CROSS JOIN LATERAL (
            SELECT {SEATS_TAKEN} AS seats, status, network,
                   created_at > statement_timestamp() - interval '{LATELY.days} days' AS is_late
            FROM bookings_booking
            WHERE asked.most > 0 AND of_expert_id = asked.expert_id AND {_COUNTED}
            ORDER BY created_at DESC LIMIT {MOST_COUNTED}
        ) AS latest
        GROUP BY CASE family(latest.network)
                 WHEN 6 THEN network(set_masklen(latest.network, 48))::inet ELSE latest.network END
    ) AS of_network)"""


class Lately(NamedTuple):
    """What was asked of an expert, by people known and unknown; of many only the last ``MOST_COUNTED`` rows.

    ``seats``: of holds and open bookings. ``held``: of holds alone. ``of_one_network``: how many rows of the last seven
    days came from the network (IPv4 /24, IPv6 /48) that most of them came from.
    """

    seats: int
    held: int
    of_one_network: int

    @classmethod
    def of(cls, slot: Slot) -> "Lately":
        """Of the slot's expert. ``slot`` was read with the annotation ``lately``."""
        return cls(*slot.lately)  # type: ignore[attr-defined]  # the annotation


def lately(most: int) -> Func:
    """Return the annotation ``lately`` for slots. ``most``: see ``most_counted``.

    The database knows since when is counted: told so each time, it would think anew each time about how to find them.
    """
    return Func(
        F("expert_id"),
        Cast(Value(most), IntegerField()),
        template=_LATELY_OF_EXPERT,
        output_field=ArrayField(IntegerField()),
    )


def most_counted() -> int:
    """Return how many rows are counted: of none where the site has no limits."""
    return MOST_COUNTED if settings.RATE_LIMITS else 0


def known(*hashes: str) -> ArraySubquery:
    """Return the annotation ``known`` for slots: which of these belong to somebody known."""
    return ArraySubquery(Proven.objects.filter(pk__in=hashes).order_by().values("pk"))


def is_known(wanted: Booking, slot: Slot) -> bool:
    """Return whether somebody known asks, as far as was looked at when the slot was read with ``known``."""
    found: list[str] = slot.known  # type: ignore[attr-defined]  # the annotation
    return bool(found) and not set(found).isdisjoint(hashes_of(wanted.holder, wanted.email))


def asked_for_webhooks(slots: Iterable[Slot]) -> dict[int, bool]:
    """Say of organisations (ids) whether they have webhooks, as far as that was read with these slots."""
    return {slot.expert.organization_id: slot.has_webhooks for slot in slots if hasattr(slot, "has_webhooks")}


def slots_to_book(wanted: Iterable[Booking]) -> dict[int, Slot]:
    """Read the slots of unsaved bookings as ``read_slots`` does, with ``lately``, ``known`` for all who ask, and
    ``has_webhooks``: whether the organisation has an endpoint that is active.
    """
    slot_ids, hashes = set(), set()
    for booking in wanted:
        slot_ids.add(booking.slot_id)
        hashes.update(hashes_of(booking.holder, booking.email))
    # PostgreSQL keeps the plan for one. For a list it does not: it takes it for ten, and plans anew each time.
    if len(slot_ids) == 1 and len(hashes) <= 2:
        one, other = [*hashes, "", ""][:2]
        rows = _slot(slot_ids.pop(), most_counted(), one, other)
    else:
        rows = _slots(sorted(slot_ids), most_counted(), sorted(hashes))
    return {slot.pk: slot for slot in rows}


@PreparedQuery
def _slot(slot_id: int, most: int, one: str, other: str) -> QuerySet[Slot]:
    return _with_webhooks(slots_with_clock()).filter(pk=slot_id).annotate(lately=lately(most), known=known(one, other))


@PreparedQuery
def _slots(slot_ids: list[int], most: int, hashes: list[str]) -> QuerySet[Slot]:
    known = ArraySubquery(Proven.objects.filter(pk__any_of=hashes).order_by().values("pk"))
    return _with_webhooks(slots_with_clock()).filter(pk__any_of=slot_ids).annotate(lately=lately(most), known=known)


def _with_webhooks(slots: QuerySet[Slot]) -> QuerySet[Slot]:
    return slots.annotate(has_webhooks=has_webhooks()).order_by()


def has_webhooks() -> Exists:
    """Return the annotation ``has_webhooks`` for slots: whether the organisation has an endpoint that is active."""
    endpoints = WebhookEndpoint.objects.filter(organization=OuterRef("expert__organization_id"), is_active=True)
    return Exists(endpoints)


class DemandOfUnknown(NamedTuple):
    """What people unknown have of an expert, but for the asker's hold.

    ``seats_ahead``: all seats of the expert that lie ahead within the horizon. ``seats`` and ``held`` as in ``Lately``.
    ``of_network``, ``of_wide_network``: rows of the last seven days of the asker's network (IPv4 /24, IPv6 /64), and of
    its IPv6 /48.
    """

    seats_ahead: int
    seats: int
    held: int
    of_network: int
    of_wide_network: int


def look_closely(slot: Slot, *, network: str | None, visitor: str) -> DemandOfUnknown:
    """Count exactly who has asked the expert of the slot for what. ``network``: see ``network_of``.

    One statement, two where it finds people known.

    What it finds of people known is not counted any more from now on (``of_expert``): a rush of people whom the house
    knows costs no closer look at each, and what remains to be counted is bounded by what people unknown may have.
    """
    first, last = wide_network_of(network) if network else (None, None)
    values: dict[str, Any] = {
        "expert": slot.expert_id,
        "horizon": timedelta(days=slot.policy("horizon_days")),
        "network": network,
        "first": first,
        "last": last,
        "since": timezone.now() - LATELY,
        "is_on": settings.RATE_LIMITS,
        "visitor": visitor,
        "most": MOST_FORGOTTEN,
        "few": FEW * len(slot.covered),
    }
    with prepared_cursor() as cursor:
        cursor.execute(_LOOK, values)
        *standing, known = cursor.fetchone()
    if known:
        with connection.cursor() as cursor:
            cursor.execute(_FORGET, values)
    return DemandOfUnknown(*standing)


# As ``proven_hash`` makes it: a hold has no address yet, and of a booking the address counts, whoever typed it.
_HASH = f"""encode(sha256(convert_to(CASE WHEN booking.email = '' THEN '{ProvenKind.BROWSER} ' || booking.holder
    ELSE '{ProvenKind.ADDRESS} ' || lower(booking.email) END, 'UTF8')), 'hex')"""
# What waits for its link is not proven by an earlier one, and anybody can type a known address many times. The asker's
# hold is left out, as what they ask for now takes its place. Rows that somebody else writes at this moment are left to
# the next look: nobody waits here.
_ROWS = f"""
    counted AS MATERIALIZED (
        SELECT id, {SEATS_TAKEN} AS seats, status, network, created_at, holder, awaits_proof,
               NOT awaits_proof
               AND (email = '' OR sum({SEATS_TAKEN}) OVER (PARTITION BY lower(email)) <= %(few)s::bigint)
               AND EXISTS (SELECT FROM bookings_proven WHERE hash = {_HASH}) AS is_known
        FROM bookings_booking AS booking
        WHERE of_expert_id = %(expert)s::bigint AND %(is_on)s::boolean AND {_COUNTED}
    )"""
# It begins with SELECT, or the history would put a statement of its own before it, and it could not be prepared.
_LOOK = f"""SELECT * FROM (
    WITH {_ROWS}
    SELECT (SELECT coalesce(sum(capacity), 0) FROM experts_slot
            WHERE expert_id = %(expert)s::bigint AND NOT is_closed AND starts_at > clock_timestamp()
              AND starts_at <= clock_timestamp() + %(horizon)s::interval),
           coalesce(sum(seats), 0),
           coalesce(sum(seats) FILTER (WHERE status = 'HELD'), 0),
           count(*) FILTER (WHERE network = %(network)s::inet AND created_at > %(since)s::timestamptz),
           count(*) FILTER (WHERE network BETWEEN %(first)s::inet AND %(last)s::inet
                                  AND created_at > %(since)s::timestamptz),
           (SELECT count(*) FROM counted WHERE is_known)
    FROM counted
    WHERE NOT is_known
      AND NOT (holder = %(visitor)s::text AND status = 'HELD' AND NOT awaits_proof AND %(visitor)s::text <> '')
) AS looked (seats_ahead, seats, held, of_network, of_wide_network, known)
"""
_FORGET = f"""
    WITH {_ROWS}, known AS (
        SELECT id FROM bookings_booking WHERE id IN (SELECT id FROM counted WHERE is_known)
        LIMIT %(most)s FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE bookings_booking AS booking SET of_expert_id = NULL FROM known WHERE booking.id = known.id
"""
