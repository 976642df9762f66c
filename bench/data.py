"""What the loads are about: experts with free slots, in the product's database and in those of its peers."""

from pathlib import Path
from typing import Any

import psycopg

EXPERTS, SLOTS = 400, 200_000  # all free, one seat each; 20 a day for 25 days

SLOTS_OF_THE_PRODUCT = """
    INSERT INTO experts_slot (expert_id, date, time, starts_at, ends_at, title, capacity, seats_held, seats_booked,
                              is_closed, version)
    SELECT expert.id, day::date, clock::time, day + clock, day + clock + interval '30 minutes', '', 1, 0, 0, false, 1
    FROM generate_series(0, %(each)s - 1) AS n
    CROSS JOIN experts_expert AS expert
    CROSS JOIN LATERAL (SELECT date_trunc('day', now()) + (n / 20 + 2) * interval '1 day' AS day,
                               interval '8 hours' + (n %% 20) * interval '30 minutes' AS clock) AS at
"""
# The loads come from people whom the houses know: others would be asked to open a link of a mail, for which the peers
# have nothing. What decides about that is looked at for each booking all the same.
KNOWN, PEOPLE = (
    """
    INSERT INTO bookings_proven (hash, kind, proven_at)
    SELECT encode(sha256(convert_to('address p' || n || '@example.com', 'UTF8')), 'hex'), 'address', now()
    FROM generate_series(0, %(people)s) AS n
""",
    1_000_000,
)
SLOTS_OF_EXPRESS = """
    INSERT INTO slots (expert_id, starts_at, capacity)
    SELECT expert, now() + n * interval '10 minutes', 1
    FROM generate_series(0, %(each)s - 1) AS n CROSS JOIN generate_series(1, %(experts)s) AS expert
"""


def make_experts(count: int, organizations: list[Any], categories: list[Any]) -> None:
    """Spread as many experts evenly over organisations and categories."""
    from experts.models import Expert

    Expert.objects.bulk_create(
        Expert(
            organization=organizations[n % len(organizations)],
            category=categories[n % len(categories)],
            name=f"Expert Number{n}",
            slug=f"expert-{n}",
            headline="Physiotherapist",
            timezone="UTC",
        )
        for n in range(count)
    )
    Expert.objects.all().refresh_search_text()


def seed_product(slots: int = SLOTS) -> None:
    """Fill the database that Django is connected to."""
    from django.db import connection, transaction

    from experts.models import Category, Organization

    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")  # nobody waits for it, and a process that answers people bounds it
    organizations = [
        Organization.objects.create(name=f"Clinic {n}", slug=f"clinic-{n}", contact_email=f"clinic{n}@example.com")
        for n in range(20)
    ]
    category = Category.objects.create(name="Health", slug="health", icon="stethoscope")
    make_experts(EXPERTS, organizations, [category])
    with transaction.atomic(), connection.cursor() as cursor:
        # The triggers would look at each row; this is what they would leave.
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(SLOTS_OF_THE_PRODUCT, {"each": slots // EXPERTS})
        cursor.execute(KNOWN, {"people": PEOPLE})
    with connection.cursor() as cursor:
        # Not those without rows: of a table that was found empty, PostgreSQL believes for a minute that its indexes are
        # not worth a look.
        cursor.execute("VACUUM ANALYZE experts_expert, experts_organization, experts_category, experts_slot")
        cursor.execute("VACUUM ANALYZE bookings_proven")


def seed_express(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute((Path(__file__).parent / "peers" / "express" / "schema.sql").read_text())
        connection.execute(SLOTS_OF_EXPRESS, {"each": SLOTS // EXPERTS, "experts": EXPERTS})
        connection.execute("VACUUM ANALYZE")


class Slots:
    """Free slots of one server, handed out once each: ranges from the front, single ones from the back."""

    def __init__(self, database_url: str, table: str) -> None:
        self.database_url, self.table = database_url, table
        self._next, self._last = 1, SLOTS

    def take(self, count: int) -> list[int]:
        """The first id and how many follow it: what ``load`` calls slots."""
        first, self._next = self._next, self._next + count
        assert self._next <= self._last, "the bench has no free slots left: raise SLOTS"
        return [first, count]

    def give_back_after(self, slot: int) -> None:
        """Hand out that slot next: those from there on were taken last and are free still."""
        self._next = slot

    def take_one(self, seats: int) -> list[int]:
        """One slot with that many seats, for everybody."""
        slot, self._last = self._last, self._last - 1
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute(f"UPDATE {self.table} SET capacity = %s WHERE id = %s", [seats, slot])
        return [slot, 1]

    def pages(self, count: int) -> list[dict[str, Any]]:
        """As many of the product's slots with the expert and the day whose page shows each."""
        return self.shown_by(*self.take(count))

    def shown_by(self, first: int, count: int) -> list[dict[str, Any]]:
        """These slots of the product with the expert and the day whose page shows each."""
        query = """
            SELECT slot.id, expert.slug, slot.date::text FROM experts_slot AS slot
            JOIN experts_expert AS expert ON expert.id = slot.expert_id WHERE slot.id >= %s AND slot.id < %s
            ORDER BY slot.id
        """
        with psycopg.connect(self.database_url) as connection:
            rows = connection.execute(query, [first, first + count]).fetchall()
        return [{"slot": slot, "slug": slug, "day": day} for slot, slug, day in rows]
