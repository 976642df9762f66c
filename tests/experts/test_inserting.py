"""Many rows by one statement: the same rows as Django's own way, and nothing written that would become another."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, IntegrityError, models

from bookings.models import Booking, Idempotency, Status, TurnedAway
from experts.inserting import insert_all, update_row
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


def test_writes_anew_what_django_would_save():
    slot = make_slot(capacity=20)
    plain, full = bookings_of(slot, "D")
    insert_all([plain, full])
    saved, updated = bookings_of(slot, "D"), bookings_of(slot, "D")
    for rows in (saved, updated):
        rows[0].pk, rows[1].pk = full.pk, plain.pk  # each becomes the other
        rows[0].reference, rows[1].reference = rows[1].reference, rows[0].reference
    for row in saved:
        row.save(force_update=True)
    expected = list(Booking.objects.order_by("id").values())
    assert expected[0]["name"] == "Omar"
    for row in (plain, full):
        row.save(force_update=True)
    with asked_of_database() as asked:
        for row in updated:
            update_row(row)
    assert asked.statements == 2
    assert list(Booking.objects.order_by("id").values()) == expected
    assert not any(row._state.adding for row in updated)


def test_a_row_that_is_not_there_is_said():
    [row, _other] = bookings_of(make_slot(capacity=20), "E")
    row.pk = 10**9
    with pytest.raises(DatabaseError):
        update_row(row)


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
