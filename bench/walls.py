"""What row-level security would cost requests of staff. From the checkout's root:

    .venv/bin/python -m bench.walls                 31 runs of each

In turns, in this process: pages of an owner as they are; the same in one transaction each, which a setting needs behind
PgBouncer; and the same as a role for which policies let only rows of the owner's organisation through. Prints medians
of CPU time, ours and PostgreSQL's (Linux). docs/decisions/0036-no-second-wall.md says what followed from it.
"""

import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.scene import prepare_product

RUNS = int(os.environ.get("RUNS") or 31)
BOOKED = 20_000

# Each table reaches its organisation by as few steps as it can. The list of keys is what reach() has read anyway.
MINE = "ANY (current_setting('expertbook.organizations')::bigint[])"
POLICIES = {
    "experts_expert": f"organization_id = {MINE}",
    "experts_slot": f"""EXISTS (
        SELECT FROM experts_expert e WHERE e.id = experts_slot.expert_id AND e.organization_id = {MINE})""",
    "bookings_booking": f"""EXISTS (
        SELECT FROM experts_slot s JOIN experts_expert e ON e.id = s.expert_id
        WHERE s.id = bookings_booking.slot_id AND e.organization_id = {MINE})""",
}


def build_walls() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE staff NOLOGIN")
        cursor.execute("GRANT staff TO CURRENT_USER")
        cursor.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO staff")
        cursor.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO staff")
        for table, condition in POLICIES.items():
            cursor.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            cursor.execute(f"CREATE POLICY mine ON {table} TO staff USING ({condition})")


@contextlib.contextmanager
def in_transaction(_organizations: list[int]) -> Iterator[None]:
    from django.db import transaction

    with transaction.atomic():
        yield


@contextlib.contextmanager
def behind_wall(organizations: list[int]) -> Iterator[None]:
    from django.db import connection, transaction

    with transaction.atomic():
        with connection.cursor() as cursor:
            mine = "{" + ",".join(map(str, organizations)) + "}"
            cursor.execute(
                "SELECT set_config('role', 'staff', true), set_config('expertbook.organizations', %s, true)", [mine]
            )
        yield


def spent_by(backend: Path) -> float:
    """The seconds of CPU that a session of PostgreSQL has taken."""
    return int(backend.read_text().split()[0]) / 1e9


WAYS: dict[str, Callable[[list[int]], Any]] = {
    "as it is": lambda _organizations: contextlib.nullcontext(),
    "in one transaction": in_transaction,
    "behind the wall": behind_wall,
}


def main() -> None:
    with contextlib.ExitStack() as stack:
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="expertbook-bench-")))
        prepare_product(stack, logs)
        from django.db import connection
        from django.test import Client

        from bookings.models import Booking
        from experts.models import Membership, Organization, Role, Slot, User

        organization = Organization.objects.get(name="Clinic 7")
        owner = User.objects.create_user(email="owner@example.com", is_staff=True)
        Membership.objects.create(user=owner, organization=organization, role=Role.OWNER)
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO bookings_booking (slot_id, seats, status, name, email, phone, notes, reference, holder,"
                " language, timezone, source) SELECT id, 1, 'CONFIRMED', 'Lena ' || id, 'lena' || id || '@example.com',"
                " '', '', 'EB-' || id, '', 'en', '', 'web' FROM experts_slot ORDER BY md5(id::text) LIMIT %s",
                [BOOKED],
            )
            cursor.execute("ANALYZE")
        build_walls()
        mine = Booking.objects.filter(slot__expert__organization=organization)
        booking, slot = mine.first(), Slot.objects.filter(expert__organization=organization).first()
        assert booking and slot
        with behind_wall([organization.pk]):
            seen = Booking.objects.count(), Slot.objects.values("expert__organization").distinct().count()
        assert seen == (mine.count(), 1), "the control: the wall lets through what is theirs, and nothing else"
        client = Client()
        client.force_login(owner, "django.contrib.auth.backends.ModelBackend")
        pages = {
            "first page": "/admin/",
            "slots": "/admin/experts/slot/",
            "bookings": "/admin/bookings/booking/",
            "bookings, searched": "/admin/bookings/booking/?q=lena",
            "one booking": f"/admin/bookings/booking/{booking.pk}/change/",
            "one slot": f"/admin/experts/slot/{slot.pk}/change/",
            "held and unproven": "/admin/bookings/booking/held/",
        }
        backend = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")
        for name, url in pages.items():
            spent: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
            for run in range(RUNS + 2):
                for way, around in WAYS.items():
                    before = time.process_time(), spent_by(backend)
                    with around([organization.pk]):
                        response = client.get(url)
                    assert response.status_code == 200, (url, way, response.status_code)
                    after = time.process_time(), spent_by(backend)
                    if run > 1:
                        spent[way].append((after[0] - before[0], after[1] - before[1]))
            usual = statistics.median(map(sum, spent["as it is"]))
            for way, runs in spent.items():
                whole, theirs = statistics.median(map(sum, runs)), statistics.median(each[1] for each in runs)
                print(  # noqa: T201
                    f"{name}, {way}: {whole * 1000:.1f} ms of CPU, {theirs * 1000:.1f} of them PostgreSQL's, "
                    f"{whole / usual:.2f} times",
                    flush=True,
                )


if __name__ == "__main__":
    main()
