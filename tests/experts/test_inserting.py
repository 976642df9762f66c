"""Many rows by one statement: the same rows as Django's own way, and nothing written that would become another."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, models

from bookings.models import Booking, Idempotency, Status, TurnedAway
from experts.inserting import insert_all
from tests.cast import make_slot
from tests.statements import asked_of_database

pytestmark = pytest.mark.django_db

AT = datetime(2031, 3, 4, 5, 6, 7, 891011, tzinfo=UTC)


def bookings_of(slot, prefix):
    plain = Booking(slot=slot, status=Status.CONFIRMED, name='Ana "d\'Or" \\ 日本', email=f"{prefix}@example.com")
    full = Booking(
        slot=slot,
        status=Status.PENDING,
        name="Omar",
        email="",
        phone="+49 30 1",
        notes="one\ntwo\t\u2028{}",
        seats=2,
        source="staff",
        network="2001:db8::",
        expires_at=AT + timedelta(hours=1),
        arrived_at=None,
        holder="h" * 32,
        of_expert_id=slot.expert_id,
    )
    found = [plain, full]
    for number, booking in enumerate(found):
        booking.reference, booking.created_at = f"{prefix}-{number}", AT
    return found


def values_of(rows):
    return [{name: value for name, value in row.items() if name not in ("id", "reference", "email")} for row in rows]


def test_writes_what_django_would_write():
    slot = make_slot(capacity=20)
    Booking.objects.bulk_create(bookings_of(slot, "A"))
    made = bookings_of(slot, "B")
    with asked_of_database() as asked:
        insert_all(made)
    assert asked.statements == 1
    stored = [Booking.objects.filter(reference__startswith=prefix).order_by("id").values() for prefix in "AB"]
    assert values_of(stored[0]) == values_of(stored[1])
    assert [booking.pk for booking in made] == [row["id"] for row in stored[1]]
    assert not any(booking._state.adding for booking in made)
    made[0].save(update_fields=["notes"])  # as one that was read


def test_what_is_left_to_the_database_has_its_defaults():
    slot = make_slot()
    insert_all([TurnedAway(slot=slot, reason="full", source="api", people=n) for n in (1, 2)])
    stored = TurnedAway.objects.order_by("people")
    assert [row.people for row in stored] == [1, 2]
    assert all(row.created_at for row in stored)


def test_nothing_asks_nothing():
    with asked_of_database() as asked:
        insert_all([])
    assert asked.statements == 0


def test_all_or_none():
    slot = make_slot(capacity=20)
    made = bookings_of(slot, "C")
    made[1].seats = 0
    with pytest.raises(IntegrityError):
        insert_all(made)


def test_what_would_become_another_value_is_refused():
    slot = make_slot()
    with pytest.raises(TypeError):
        insert_all([Idempotency(scope="s", key="k", request_hash="r")])  # writes its JSON in a way of its own
    with pytest.raises(TypeError):
        insert_all([TurnedAway(slot=slot, reason="full", source="api", people=models.F("id"))])
