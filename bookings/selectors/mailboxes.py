"""Read how well those who want to book are known, and what their mailboxes have with an expert already.

Read only where it may matter (services/caution.py), in one statement for all who book at the same moment.
"""

from collections.abc import Iterable
from typing import NamedTuple

from bookings.models import Booking
from bookings.models.proven import ProvenKind, pair_hash, proven_hash
from bookings.selectors.recent_demand import SEATS_TAKEN
from experts.prepared import prepared_cursor


class Mailbox(NamedTuple):
    """What is known of an address, and of the browser that types it.

    ``is_proven``: somebody has opened a link that was mailed to the address. ``vouches``: and has vouched for this
    browser with it. ``own_seats``: seats ahead with the expert that were booked so, in this browser with any address,
    or for which a link was opened. ``seats``: with those of the mailbox, whoever typed its address. Plus parts are the
    same mailbox.
    """

    is_proven: bool
    vouches: bool
    own_seats: int
    seats: int


NOBODY = Mailbox(is_proven=False, vouches=False, own_seats=0, seats=0)

# Each branch has its index. A range and not LIKE, of which a plan that is kept does not know the beginning.
_SELECT = f"""
    SELECT asked.number,
           EXISTS (SELECT FROM bookings_proven WHERE hash = asked.address_hash),
           EXISTS (SELECT FROM bookings_proven WHERE hash = asked.pair_hash),
           coalesce(sum(seats) FILTER (WHERE is_own), 0), coalesce(sum(seats), 0)
    FROM %(asked)s AS asked (expert_id, visitor, local, domain, address_hash, pair_hash, number)
    LEFT JOIN LATERAL (
        SELECT {SEATS_TAKEN} AS seats,
               booking.is_vouched OR (booking.holder = asked.visitor AND asked.visitor <> '') AS is_own
        FROM (
            SELECT id FROM bookings_booking WHERE lower(email) = asked.local || '@' || asked.domain
            UNION
            SELECT id FROM bookings_booking
            WHERE lower(email) ~>=~ (asked.local || '+') AND lower(email) ~<~ (asked.local || ',')
              AND right(lower(email), length(asked.domain) + 1) = '@' || asked.domain
            UNION
            SELECT id FROM bookings_booking WHERE holder = asked.visitor AND holder <> ''
        ) AS theirs
        JOIN bookings_booking AS booking ON booking.id = theirs.id
        JOIN experts_slot AS slot ON slot.id = booking.slot_id
        WHERE slot.expert_id = asked.expert_id AND slot.starts_at > clock_timestamp()
          AND (booking.status IN ('PENDING', 'CONFIRMED') OR booking.awaits_proof AND booking.status = 'HELD'
               AND booking.expires_at > clock_timestamp())
    ) AS seats_ahead ON true
    GROUP BY asked.number, asked.address_hash, asked.pair_hash
"""
_OF_SEVERAL = _SELECT % {
    "asked": "unnest((SELECT %s::bigint[]), (SELECT %s::text[]), (SELECT %s::text[]), (SELECT %s::text[]),"
    " (SELECT %s::text[]), (SELECT %s::text[])) WITH ORDINALITY"
}
# PostgreSQL keeps the plan for one, as behind OFFSET 0 it cannot think that other values had a better one, and for
# lists, as it cannot see how long they are. To plan takes longer than to run.
_OF_ONE = _SELECT % {"asked": "(SELECT %s::bigint, %s::text, %s::text, %s::text, %s::text, %s::text, 1 OFFSET 0)"}


def read_mailboxes(wanted: Iterable[tuple[Booking, int]]) -> list[Mailbox]:
    """Return the mailbox of each unsaved booking with an expert (its id), in their order; one statement."""
    asked = [(expert_id, booking.holder, *_parts(booking), *_hashes(booking)) for booking, expert_id in wanted]
    if not asked:
        return []
    with prepared_cursor() as cursor:
        if len(asked) == 1:
            cursor.execute(_OF_ONE, asked[0])
        else:
            cursor.execute(_OF_SEVERAL, [list(column) for column in zip(*asked, strict=True)])
        found = {number: Mailbox(*of_it) for number, *of_it in cursor.fetchall()}
    return [found[number] for number in range(1, len(asked) + 1)]


def _parts(booking: Booking) -> tuple[str, str]:
    local, _at, domain = booking.email.strip().lower().rpartition("@")
    return local.partition("+")[0] or local, domain


def _hashes(booking: Booking) -> tuple[str, str]:
    """Of the address, and of it with the browser; without a browser one that is never kept."""
    return proven_hash(ProvenKind.ADDRESS, booking.email), pair_hash(booking.holder, booking.email)
