"""Compare the seats that slots say are taken with the bookings that take them, and mend what differs.

The trigger on Booking keeps them right whoever writes (docs/decisions/0002-counters-kept-by-triggers.md). They can be
wrong all the same where it did not run: rows that were loaded past it, or a table that was restored alone.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from bookings.models.booking_triggers import BOOKED_IN_SQL
from experts import publisher
from experts.locking import lock_slots, slot_transaction
from experts.models import Slot

BATCH = 2000  # slots that one statement looks at

# The rule of the trigger (bookings/models/booking_triggers.py), as a sum over rows instead of differences.
_COUNTED = """
WITH looked_at AS MATERIALIZED (
    SELECT id, capacity, seats_held, seats_booked, next_hold_expiry FROM experts_slot WHERE {which}
), taken AS (
    SELECT slot_id, status, seats, expires_at FROM bookings_booking
    WHERE slot_id IN (SELECT id FROM looked_at)
    UNION ALL
    SELECT one.id, status, seats, expires_at FROM bookings_booking, unnest(more_slots) AS one (id)
    WHERE more_slots && (SELECT coalesce(array_agg(id), '{{}}') FROM looked_at) AND more_slots <> '{{}}'
), counted AS (
    SELECT slot_id, coalesce(sum(seats) FILTER (WHERE status = 'HELD'), 0) AS held,
           coalesce(sum(seats) FILTER (WHERE status IN {booked}), 0) AS booked,
           min(expires_at) FILTER (WHERE status = 'HELD') AS expiry
    FROM taken GROUP BY slot_id
)
SELECT id, seats_held, seats_booked, coalesce(held, 0), coalesce(booked, 0), expiry, capacity
FROM looked_at LEFT JOIN counted ON slot_id = id
WHERE (seats_held, seats_booked) <> (coalesce(held, 0), coalesce(booked, 0))
   OR next_hold_expiry IS DISTINCT FROM expiry
ORDER BY id
"""
# The trigger on Slot lets counters through from other triggers only: so they are written by one, which is there for as
# long as this transaction lasts.
_BEGIN = (
    "CREATE TEMP TABLE mended_counters (slot_id bigint, held int, booked int, expiry timestamptz) ON COMMIT DROP",
    "CREATE FUNCTION pg_temp.mend_counters() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    " UPDATE experts_slot SET seats_held = NEW.held, seats_booked = NEW.booked, next_hold_expiry = NEW.expiry"
    " WHERE id = NEW.slot_id; RETURN NULL; END $$",
    "CREATE TRIGGER mends AFTER INSERT ON mended_counters FOR EACH ROW EXECUTE FUNCTION pg_temp.mend_counters()",
)
_END = ("DROP TABLE mended_counters", "DROP FUNCTION pg_temp.mend_counters()")
_NEXT = "SELECT max(id) FROM (SELECT id FROM experts_slot WHERE id > %s ORDER BY id LIMIT %s) AS next"
_MEND = "INSERT INTO mended_counters SELECT * FROM unnest(%s::bigint[], %s::int[], %s::int[], %s::timestamptz[])"


@dataclass(frozen=True)
class WrongCounters:
    """A slot that says other than its bookings how many seats are held and booked, or when the first hold ends."""

    slot_id: int
    says_held: int
    says_booked: int
    held: int
    booked: int
    expiry: datetime | None
    capacity: int

    @property
    def is_overbooked(self) -> bool:
        """Whether more is taken than there is: no counter can say that, and people have to decide."""
        return self.held + self.booked > self.capacity


def wrong_counters() -> Iterator[WrongCounters]:
    """Yield all slots whose counters are wrong. Reads so many at a time, each statement for itself, without locks."""
    last = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_NEXT, [last, BATCH])
            [(until,)] = cursor.fetchall()
        if until is None:
            return
        yield from _counted("id > %s AND id <= %s", [last, until])
        last = until


def mend_counters(*, slot_ids: Collection[int]) -> int:
    """Count the seats of slots again, under their locks, and write what differs. Returns how many slots were mended.

    What is overbooked stays as it is. Raises NotFound and Busy.
    """
    with slot_transaction():
        lock_slots(slot_ids)
        wrong = [it for it in _counted("id = ANY(%s)", [list(slot_ids)]) if not it.is_overbooked]
        if wrong:
            with connection.cursor() as cursor:
                for statement in _BEGIN:
                    cursor.execute(statement)
                cursor.execute(
                    _MEND,
                    [
                        [it.slot_id for it in wrong],
                        [it.held for it in wrong],
                        [it.booked for it in wrong],
                        [it.expiry for it in wrong],
                    ],
                )
                for statement in _END:
                    cursor.execute(statement)
            for slot in Slot.objects.filter(pk__in=[it.slot_id for it in wrong]).only("expert_id", "date"):
                publisher.slot_changed(slot)
        return len(wrong)


def _counted(which: str, values: list[Any]) -> list[WrongCounters]:
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED.format(which=which, booked=BOOKED_IN_SQL), values)
        return [WrongCounters(*row) for row in cursor.fetchall()]
