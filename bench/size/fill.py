"""Fill a database in minutes: experts, slots and bookings by the million, as if the site had written them.

Triggers are off while it is filled, and the indexes of the large tables are made afterwards, at once: for a database of
one's own only. What triggers would keep is written as they would leave it: counters of slots, and the first row of each
booking's history.

What an owner, an expert and a program of the middling organisation look at, ``clinic-2``, is the same in a database of
any size: OWN_EXPERTS experts with as many slots, bookings, mails, entries of waitlists and people turned away. What
costs them more in a large one is what all the others have.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db import connection, transaction

from experts.services import count_search_words

Note = Callable[[str], None]
LARGE = (
    "experts_expert",
    "experts_searchword",
    "experts_slot",
    "bookings_booking",
    "bookings_bookingevent",
    "bookings_notification",
)
SLOTS_A_DAY, DAYS_BETWEEN = 5, 3  # an expert works every third day
OWN_EXPERTS = 20  # every fifth of the first hundred


@dataclass(frozen=True)
class Size:
    """How much there is. Each expert has the same number of slots, of which a share, ``past``, is over."""

    experts: int
    slots: int
    bookings: int
    past: float = 0.6

    @property
    def future(self) -> int:
        """Slots that are not over."""
        return round(self.slots * (1 - self.past))

    def with_history(self, times: int) -> "Size":
        """The same experts and future, and so many times the past."""
        past = (self.slots - self.future) * times
        slots = self.future + past
        return Size(self.experts, slots, round(self.bookings * slots / self.slots), past / slots)

    @property
    def organizations(self) -> int:
        return max(min(200, self.experts // 10), 1)

    @property
    def categories(self) -> int:
        return 30

    def __str__(self) -> str:
        return f"{self.experts:,} experts, {self.slots:,} slots ({self.past:.0%} over), {self.bookings:,} bookings"


ZONES = (
    "Europe/London",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Asia/Tokyo",
    "Australia/Sydney",
    "America/Sao_Paulo",
    "UTC",
)
FIRST = ("Lena", "Karim", "Amara", "Jonas", "Priya", "Mateo", "Noor", "Emil", "Hannah", "Tom", "Yuki", "Olga", "Ravi")
# Of a ``slot``: a number as good as random, the same in a database of any size.
DRAWN = "abs(hash_record(ROW(slot.expert_id, slot.starts_at))::bigint)"
WORDS = "'0123456789abcdef', 'aeiourlmntkbvdsz'"  # hexadecimal digits as letters of a surname

ORGANIZATIONS = """
    INSERT INTO experts_organization (name, slug, timezone, accent, logo, contact_email, mail_footer, is_active,
                                      requires_approval, hold_minutes, approval_hours, min_notice, horizon_days,
                                      cancel_until, max_party, embed_origins)
    SELECT 'Clinic ' || n, 'clinic-' || n, 'Europe/London', 'petrol', '', 'clinic' || n || '@example.com', '',
           n %% 40 <> 39, n %% 10 = 0, 5, 24,
           (ARRAY[interval '1 hour', interval '0', interval '2 hours', interval '1 day'])[1 + n / 8 %% 4],
           60, interval '2 hours', 1, '{}'
    FROM generate_series(0, %(organizations)s - 1) AS n
"""
CATEGORIES = """
    INSERT INTO experts_category (name, slug, icon, position)
    SELECT 'Field ' || n, 'field-' || n, 'stethoscope', n FROM generate_series(0, %(categories)s - 1) AS n
"""
# Every tenth works for the first organisation, of the first hundred every fifth for the third, which has no others; the
# others anywhere. One in fifty is away.
EXPERTS = """
    INSERT INTO experts_expert (organization_id, category_id, name, slug, headline, bio, photo, timezone, languages,
                                session_minutes, default_capacity, venue, venue_note, city, is_active, search_text,
                                slots_until)
    SELECT organization.id, category.id, named.name, 'expert-' || n, 'Adviser',
           repeat('Listens, and knows the field. ', 8), '', (%(zones)s::text[])[1 + n %% 8],
           CASE WHEN n %% 300 = 7 THEN '{en,cs}'::text[] WHEN n %% 7 = 0 THEN '{en,de}' ELSE '{en}' END, 45,
           CASE WHEN n %% 10 = 3 THEN 5 ELSE 1 END,
           CASE n %% 20 WHEN 1 THEN 'phone' WHEN 4 THEN 'video' ELSE 'in_person' END, '',
           CASE WHEN n %% 9 = 4 THEN 'City ' || n %% 40 ELSE '' END,
           n %% 50 <> 49, lower(named.name || ' adviser ' || category.name || ' ' || organization.name
                                || ' listens and knows the english in person'),
           current_date + 62
    FROM generate_series(0, %(experts)s - 1) AS n
    CROSS JOIN LATERAL (SELECT (%(first)s::text[])[1 + n %% 13] || ' '
                            || initcap(translate(to_hex(n * 7919 %% 99991 + 4096), {words})) AS name) AS named
    JOIN experts_category AS category ON category.slug = 'field-' || abs(hashint4(n)) %% %(categories)s
    JOIN experts_organization AS organization
      ON organization.slug = 'clinic-' || CASE
             WHEN n %% 10 = 0 THEN 0
             WHEN n %% 5 = 3 AND n < 5 * %(own)s THEN 2
             WHEN abs(hashint4(-n)) %% %(organizations)s = 2 THEN 3
             ELSE abs(hashint4(-n)) %% %(organizations)s END
    ORDER BY n
"""
HOURS = """
    INSERT INTO experts_weeklyhours (expert_id, weekday, start, "end", slot_minutes, buffer_minutes, capacity, title)
    SELECT id, weekday, '08:00', '16:00', 45, 45, default_capacity, ''
    FROM experts_expert CROSS JOIN unnest(ARRAY[0, 2]) AS weekday
"""
# ``draw``, one of 1,000 and as good as random, decides what becomes of a slot. The first expert of each organisation
# will be away for a month: the bookings of that time wait for another one.
SLOTS = """
    INSERT INTO experts_slot (expert_id, date, time, starts_at, ends_at, title, capacity, seats_held, seats_booked,
                              next_hold_expiry, is_closed, version, from_hours)
    SELECT expert.id, day, clock, starts_at, starts_at + interval '45 minutes', '', default_capacity,
           is_held::int, is_booked::int, CASE WHEN is_held THEN now() + interval '5 minutes' END,
           draw = 999 OR is_first AND day BETWEEN current_date + 9 AND current_date + 39, 1 + is_booked::int, true
    FROM (SELECT *, row_number() OVER (ORDER BY id) AS n,
                 row_number() OVER (PARTITION BY organization_id ORDER BY id) = 1 AS is_first
          FROM experts_expert) AS expert
    CROSS JOIN generate_series(0, %(each)s - 1) AS k
    CROSS JOIN LATERAL (SELECT current_date + (k / %(a_day)s - %(days_past)s) * %(between)s + (n %% %(between)s)::int
                                   AS day,
                               time '08:00' + k %% %(a_day)s * interval '90 minutes' + n %% 4 * interval '15 minutes'
                                   AS clock,
                               (n * 7919 + k * 104729) %% 1000 AS draw) AS at
    CROSS JOIN LATERAL (SELECT (day + clock) AT TIME ZONE timezone AS starts_at) AS instant
    CROSS JOIN LATERAL (SELECT draw < 1000 * %(rate)s::float * CASE WHEN starts_at < now() THEN 1.5 ELSE 0.25 END
                                   AS is_booked,
                               draw = 998 AND starts_at > now() AND starts_at < now() + interval '2 days' AS is_held)
                   AS fate
"""
# In the order in which people book: scattered over experts and days. One in thirty was cancelled.
BOOKINGS = """
    INSERT INTO bookings_booking (slot_id, seats, status, name, email, phone, notes, reference, holder, expires_at,
                                  language, timezone, source, of_expert_id,
                                  of_organization_id, over_at, created_at)
    SELECT slot.id, 1, status, CASE WHEN status = 'HELD' THEN '' ELSE
               (%(first)s::text[])[1 + drawn %% 13] || ' '
               || initcap(translate(to_hex(n %% 99991 + 4096), {words})) END,
           CASE WHEN status = 'HELD' THEN '' ELSE 'person' || n %% %(people)s || '@example.com' END,
           CASE WHEN status <> 'HELD' AND drawn %% 3 = 0
                THEN '+447' || lpad((n %% %(people)s * 7919 %% 1000000000)::text, 9, '0') ELSE '' END, '',
           'EB-' || substr(letters, 1, 4) || '-' || substr(letters, 5),
           CASE WHEN drawn %% 2 = 0 THEN md5(n::text) ELSE '' END,
           CASE status WHEN 'PENDING' THEN slot.starts_at WHEN 'HELD' THEN slot.next_hold_expiry END,
           'en', 'UTC', (ARRAY['web', 'api', 'staff'])[1 + drawn %% 3],
           CASE WHEN drawn %% 6 = 1 THEN slot.expert_id END,
           expert.organization_id, slot.ends_at, now() - (%(bookings)s - n) * interval '1 second'
    FROM (SELECT *, row_number() OVER (ORDER BY hashint8(id)) AS n, {drawn} AS drawn FROM experts_slot AS slot
          WHERE seats_booked = 1 OR seats_held = 1 OR {drawn} %% 97 = 0) AS slot
    CROSS JOIN LATERAL (SELECT translate(lpad(to_hex(n * 2654435761 %% 4294967296), 8, '0'),
                                         '0123456789abcdef', '34679ACDEFGHJKMN') AS letters,
                               CASE WHEN seats_held = 1 THEN 'HELD' WHEN seats_booked = 0 THEN 'CANCELLED'
                                    WHEN slot.ends_at < now() AND drawn / 16 %% 25 = 0 THEN 'NO_SHOW'
                                    WHEN slot.ends_at < now() THEN 'COMPLETED'
                                    WHEN drawn / 16 %% 30 = 0 THEN 'PENDING'
                                    ELSE 'CONFIRMED' END AS status) AS more
    JOIN experts_expert AS expert ON expert.id = slot.expert_id
    ORDER BY n
"""
REST = [
    """
    INSERT INTO bookings_bookingevent (pgh_created_at, pgh_label, pgh_obj_id, id, slot_id, seats, status, name, email,
                                       phone, reference, expires_at, language, timezone, sequence, source, created_at)
    SELECT created_at, 'insert', id, id, slot_id, seats, status, name, email, phone, reference, expires_at, language,
           timezone, sequence, source, created_at
    FROM bookings_booking ORDER BY id
    """,
    """
    INSERT INTO bookings_notification (message_id, kind, audience, "to", booking_id, status, attempts, last_attempt_at,
                                       sent_at, last_error, created_at, of_organization_id)
    SELECT '<' || booking.id || '@example.com>', 'confirmed', 'customer', email, booking.id, 'sent', 1, created_at,
           created_at, '', created_at, of_organization_id
    FROM bookings_booking AS booking JOIN experts_slot AS slot ON slot.id = slot_id
    WHERE email <> '' AND {drawn} %% 3 = 0 ORDER BY booking.id
    """,
    """
    INSERT INTO bookings_turnedaway (slot_id, reason, source, created_at, of_organization_id)
    SELECT slot_id, 'full', 'web', now() - {drawn} %% 86400 * interval '1 minute', of_organization_id
    FROM bookings_booking AS booking JOIN experts_slot AS slot ON slot.id = slot_id
    WHERE {drawn} %% 20 = 0 ORDER BY booking.id
    """,
    """
    INSERT INTO bookings_waitlistentry (slot_id, name, email, seats, status, is_echo, visitor, language, timezone,
                                        of_organization_id)
    SELECT slot.id, 'Lena Fischer', 'person' || slot.id || '@example.com', 1, 'WAITING', false, '', 'en', 'UTC',
           organization_id
    FROM experts_slot AS slot JOIN experts_expert AS expert ON expert.id = expert_id
    JOIN experts_organization AS organization ON organization.id = organization_id
    WHERE seats_booked = capacity AND starts_at > now()
      AND {drawn} %% CASE organization.slug WHEN 'clinic-2' THEN 1 ELSE 30 END = 0
    """,
    "UPDATE experts_slot SET is_waited_for = true WHERE id IN (SELECT slot_id FROM bookings_waitlistentry)",
    # Two types, which the first experts of one organisation offer.
    """
    INSERT INTO experts_sessiontype (organization_id, name, slug, description, minutes, buffer_before, buffer_after,
                                     price_currency, price_words, venue, venue_note, is_group, audience, colour,
                                     position, is_active)
    SELECT organization.id, kind.name, kind.slug, '', kind.minutes, 0, 0, '', '', '', '', false, 'everybody', '',
           kind.position, true
    FROM experts_organization AS organization
    CROSS JOIN (VALUES ('First visit', 'first-visit', 45, 0), ('Short talk', 'short-talk', 30, 1))
               AS kind (name, slug, minutes, position)
    WHERE organization.slug = 'clinic-1'
    """,
    """
    INSERT INTO experts_offeredtype (expert_id, session_type_id, price_words)
    SELECT expert.id, kind.id, ''
    FROM experts_sessiontype AS kind
    CROSS JOIN LATERAL (SELECT id FROM experts_expert WHERE organization_id = kind.organization_id AND is_active
                        ORDER BY id LIMIT 5) AS expert
    """,
    """
    INSERT INTO experts_timeoff (expert_id, first_day, last_day, reason)
    SELECT id, current_date + (id %% 300)::int, current_date + (id %% 300)::int + 6, 'Holidays'
    FROM experts_expert WHERE (id + id / 5) %% 5 = 0
    """,
    """
    INSERT INTO experts_user (email, password, is_staff, is_active, is_superuser, name)
    SELECT 'user' || n || '@example.com', '!', true, true, false, 'User ' || n
    FROM generate_series(1, 1000) AS n
    """,
]
# Unready indexes are not written to; VACUUM FULL makes them anew, and does not check constraints row by row.
INDEXES_ARE_READY = """
    UPDATE pg_index SET indisready = %s, indisvalid = %s
    WHERE indrelid = ANY(%s::regclass[]) AND NOT indisprimary
"""


def fill(size: Size, note: Note) -> None:
    """Fill the empty, migrated database that Django is connected to. Says each step and its seconds."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(INDEXES_ARE_READY, [False, False, list(LARGE)])
        insert(size, note)
        cursor.execute(INDEXES_ARE_READY, [True, True, list(LARGE)])
    with connection.cursor() as cursor:
        cursor.execute("SET maintenance_work_mem = '1GB'")
        for number, table in enumerate(LARGE, 1):
            started = time.monotonic()
            cursor.execute(f"VACUUM (FULL, ANALYZE) {table}")
            note(f"  {number}/{len(LARGE)} indexes of {table} in {time.monotonic() - started:.0f} s")
        cursor.execute("VACUUM ANALYZE")  # as autovacuum would have done by then


def insert(size: Size, note: Note) -> None:
    """Insert the rows, with indexes as they are. Within a transaction."""
    steps = [
        ("organisations", ORGANIZATIONS),
        ("categories", CATEGORIES),
        ("experts", EXPERTS),
        ("weekly hours", HOURS),
        ("slots", SLOTS),
        ("bookings", BOOKINGS),
        *((f"what follows from them, {n} of {len(REST)}", sql) for n, sql in enumerate(REST, 1)),
    ]
    each = size.slots // size.experts
    values = {
        "organizations": size.organizations,
        "categories": size.categories,
        "experts": size.experts,
        "own": OWN_EXPERTS,
        "each": each,
        "a_day": SLOTS_A_DAY,
        "between": DAYS_BETWEEN,
        "days_past": round(each * size.past / SLOTS_A_DAY),
        "rate": size.bookings / size.slots,
        "bookings": size.bookings,
        "people": max(size.bookings // 4, 1),  # who have booked four times each
        "zones": list(ZONES),
        "first": list(FIRST),
    }
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("SET LOCAL work_mem = '256MB'")
        for number, (name, sql) in enumerate(steps, 1):
            started = time.monotonic()
            cursor.execute(sql.replace("{words}", WORDS).replace("{drawn}", DRAWN), values)
            note(f"  {number}/{len(steps)} {name}: {cursor.rowcount:,} rows in {time.monotonic() - started:.0f} s")
        cursor.execute("SET LOCAL session_replication_role = origin")
    note("  words of searches")
    count_search_words()
