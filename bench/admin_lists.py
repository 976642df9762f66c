"""How the admin's lists fare with 1,000 experts, 1 million slots and 200,000 bookings. From the checkout's root:

    .venv/bin/python -m bench.admin_lists

Makes and fills a database of its own (some minutes) beside whatever DATABASE_URL names, or on servers of its own, opens
each list as a superuser does, and prints for each page its queries, its time (median of 5) and what read a large table
from end to end.
"""

import os
import re
import statistics
import time

from bench.data import make_experts
from bookingsite.devserver import servers

EXPERTS, SLOTS_EACH, BOOKED_OF = 1_000, 1_000, 5  # one slot in five is booked
LARGE = ("experts_slot", "bookings_booking", "bookings_turnedaway", "bookings_bookingevent")
ENVIRONMENT = {
    "ENV_FILE": os.devnull,
    "DEBUG": "on",  # static files by their plain names
    "SECRET_KEY": "a-secret-that-only-the-bench-uses-0123456789-abcdefghijklm",
    "ALLOWED_HOSTS": "testserver",
    "EMAIL_URL": "memory:",
    "DATABASE_POOL": "0",
    "DJANGO_SETTINGS_MODULE": "bookingsite.settings",
}

SEED = [
    """
    INSERT INTO experts_slot (expert_id, date, time, starts_at, ends_at, title, capacity, seats_held, seats_booked,
                              is_closed, version)
    SELECT expert.id, day::date, clock::time, day + clock, day + clock + interval '45 minutes', '', 1, 0,
           CASE WHEN (n + expert.id) % {booked_of} = 0 THEN 1 ELSE 0 END, false, 1
    FROM experts_expert AS expert
    CROSS JOIN generate_series(0, {slots_each} - 1) AS n
    CROSS JOIN LATERAL (SELECT date_trunc('day', now()) + (n / 10 - 50) * interval '1 day' AS day,
                               interval '8 hours' + (n % 10) * interval '1 hour' AS clock) AS at
    """,
    # In the order in which people book: scattered over experts and days.
    """
    INSERT INTO bookings_booking (slot_id, seats, status, name, email, phone, notes, reference, holder, expires_at,
                                  language, timezone, source)
    SELECT slot.id, 1,
           CASE WHEN slot.ends_at < now() THEN 'COMPLETED' WHEN n % 50 = 0 THEN 'PENDING' ELSE 'CONFIRMED' END,
           (ARRAY['Lena', 'Karim', 'Amara', 'Jonas', 'Priya', 'Mateo', 'Noor', 'Émile', 'Hannah', 'Tom'])[1 + n % 10]
               || ' ' || initcap(translate(to_hex(n % 9973 + 4096), '0123456789', 'aeiourlmnt')),
           'person' || n || '@example.com', '', '',
           'EB-' || substr(letters, 1, 4) || '-' || substr(letters, 5), '',
           CASE WHEN slot.ends_at >= now() AND n % 50 = 0 THEN slot.starts_at END, 'en', 'UTC', 'web'
    FROM (SELECT *, row_number() OVER (ORDER BY md5(id::text)) AS n FROM experts_slot WHERE seats_booked = 1) AS slot
    CROSS JOIN LATERAL (SELECT translate(lpad(to_hex(n * 2654435761 % 4294967296), 8, '0'),
                                         '0123456789abcdef', '34679ACDEFGHJKMN') AS letters) AS reference
    """,
    """
    INSERT INTO bookings_turnedaway (slot_id, reason, source, created_at)
    SELECT slot_id, 'full', 'web', now() - (id % 10000) * interval '5 minutes' FROM bookings_booking WHERE id % 2 = 0
    """,
    "ANALYZE",
]


def seed() -> None:
    from django.db import connection, transaction

    from experts.models import Category, Organization, User

    organizations = [Organization.objects.create(name=f"Clinic {n}", slug=f"clinic-{n}") for n in range(50)]
    categories = [Category.objects.create(name=f"Field {n}", slug=f"field-{n}", icon="stethoscope") for n in range(10)]
    make_experts(EXPERTS, organizations, categories)
    User.objects.bulk_create(User(email=f"user{n}@example.com", password="!", is_staff=True) for n in range(1_000))
    with transaction.atomic(), connection.cursor() as cursor:
        # Triggers keep counters and history row by row; here the counters are written as they will be.
        cursor.execute("SET LOCAL session_replication_role = replica")
        for statement in SEED:
            cursor.execute(statement.format(slots_each=SLOTS_EACH, booked_of=BOOKED_OF))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def pages() -> list[tuple[str, str, dict]]:
    """What is opened: a name, the admin's page, and what is asked of it."""
    from datetime import timedelta

    from django.utils import timezone

    from bookings.models import Booking
    from experts.models import Expert

    booking = Booking.objects.order_by("pk")[100_000 * SLOTS_EACH * EXPERTS // 1_000_000]
    expert = Expert.objects.order_by("pk")[EXPERTS // 2]
    today = timezone.localdate()
    week = {"slot__date_from": f"{today:%Y-%m-%d}", "slot__date_to": f"{today + timedelta(days=6):%Y-%m-%d}"}
    bookings, slots = "bookings_booking_changelist", "experts_slot_changelist"
    return [
        ("Today", "index", {}),
        ("Bookings", bookings, {}),
        ("Bookings, page 2,000", bookings, {"p": 2_000}),
        ("Bookings, beyond the last page", bookings, {"p": 90_000_000}),
        ("Bookings by reference", bookings, {"q": booking.reference}),
        ("Bookings by address", bookings, {"q": booking.email}),
        ("Bookings by part of an address", bookings, {"q": booking.email.partition("@")[0]}),
        ("Bookings by name", bookings, {"q": booking.name}),
        ("Bookings by a frequent name", bookings, {"q": "karim"}),
        ("Bookings by a name nobody has", bookings, {"q": "zzyzx"}),
        ("Bookings that are pending", bookings, {"status__exact": "PENDING"}),
        ("Bookings that are cancelled (none)", bookings, {"status__exact": "CANCELLED"}),
        ("Bookings by source (none)", bookings, {"source__exact": "api"}),
        ("Bookings of an expert", bookings, {"slot__expert__id__exact": expert.pk}),
        ("Bookings of this week", bookings, week),
        ("Bookings of a week long ago (none)", bookings, {"slot__date_to": "2001-01-07"}),
        ("Bookings of an expert this week", bookings, {"slot__expert__id__exact": expert.pk, **week}),
        ("Bookings of a slot", bookings, {"slot__id__exact": booking.slot_id}),
        ("Slots", slots, {}),
        ("Slots of the past", slots, {"when": "past"}),
        ("Slots, all", slots, {"when": "all"}),
        ("Slots, page 2,000", slots, {"p": 2_000, "when": "all"}),
        ("Slots of an expert", slots, {"expert__id__exact": expert.pk}),
        ("Slots of a day", slots, {"date_from": f"{today}", "date_to": f"{today}"}),
        ("Slots by words and day", slots, {"q": f"{expert.name} {today + timedelta(days=3)}"}),
        ("Slots by words nobody has", slots, {"q": "zzyzx"}),
        ("Slots that are closed (none)", slots, {"is_closed__exact": 1}),
        ("Turned away", "bookings_turnedaway_changelist", {}),
        ("Turned away, an expert", "bookings_turnedaway_changelist", {"slot__expert__id__exact": expert.pk}),
        ("Turned away, by API (none)", "bookings_turnedaway_changelist", {"source__exact": "api"}),
        ("Experts", "experts_expert_changelist", {}),
        ("Experts by words", "experts_expert_changelist", {"q": "number77"}),
        ("Organisations", "experts_organization_changelist", {}),
        ("Categories", "experts_category_changelist", {}),
        ("Users", "experts_user_changelist", {}),
        ("Book for somebody", "bookings_booking_add", {"slot": booking.slot_id}),
    ]


def measure() -> None:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext
    from django.urls import reverse

    from experts.models import User

    user = User.objects.filter(email="bench@example.com").first() or User.objects.create_superuser("bench@example.com")
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    print(f"{'page':36} {'queries':>7} {'ms':>7}  reads from end to end")  # noqa: T201
    for name, page, query in pages():
        url, spans = reverse(f"admin:{page}"), []
        for _ in range(5):
            start = time.perf_counter()
            response = client.get(url, query, follow=True)
            spans.append((time.perf_counter() - start) * 1000)
            assert response.status_code == 200, (name, response.status_code)
        with CaptureQueriesContext(connection) as captured:
            client.get(url, query, follow=True)
        whole = sorted({table for query in captured.captured_queries for table in read_whole(query["sql"])})
        print(f"{name:36} {len(captured):7} {statistics.median(spans):7.0f}  {', '.join(whole)}", flush=True)  # noqa: T201


def read_whole(sql: str) -> list[str]:
    """The large tables that PostgreSQL reads from end to end for a query."""
    from django.db import connection

    if not sql.startswith("SELECT") or not any(table in sql for table in LARGE):
        return []
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}".replace("%", "%%"), ())
        plan = "\n".join(row[0] for row in cursor.fetchall())
    return [table for table in re.findall(r"Seq Scan on (\w+)", plan) if table in LARGE]


def main() -> None:
    with servers.running_for_tests(environ=os.environ) as embedded:
        os.environ.update(ENVIRONMENT | embedded.urls)
        import django

        django.setup()

        from django.conf import settings
        from django.db import connection

        settings.DEBUG = False  # Django would keep each query, and the first page of an error is nobody's measure
        connection.settings_dict["TEST"]["NAME"] = "expertbook_bench"
        connection.creation.create_test_db(verbosity=0, keepdb=True, serialize=False)

        from experts.models import Slot

        if not Slot.objects.exists():
            start = time.perf_counter()
            seed()
            print(f"filled in {time.perf_counter() - start:.0f} s", flush=True)  # noqa: T201
        measure()


if __name__ == "__main__":
    main()
