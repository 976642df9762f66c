"""What a booking through the API asks of the database when nobody else is there: exact numbers.

Those who come together share them (tests/concurrency/test_together.py). When a number changes, the failing test lists
every statement with the lines that asked it; `pytest -rP` on this file lists all of them.
"""

import json

import pytest

from bookings import services
from tests.cast import day_ahead, make_booking, make_expert, make_slot
from tests.statements import asked_of_database

pytestmark = pytest.mark.django_db(transaction=True)  # so that transactions are seen as they are

# (statements, round trips), the latter with BEGIN and COMMIT.
BOOKED = (4, 6)  # slot · slot with lock and time-out, booking, mail
BOOKED_AND_LOOKED = (6, 8)  # and how well one is known, and how many seats the expert has ahead: once in ten minutes
BOOKED_WITH_KEY = (6, 8)  # as above; the key, its answer
REPEATED = (4, 6)  # slot · slot with lock and time-out, the key, its booking
TAKEN = (4, 4)  # slot, demand, times before and after


@pytest.fixture(autouse=True)
def warm():
    """Whatever is loaded or put together once in a process."""
    slot = make_slot()
    services.book(slot_id=slot.pk, name="Omar", email="omar@example.com", idempotency_key="w")


def costs(expected, client, slot, status, **headers):
    body = json.dumps({"name": "Lena Fischer", "email": "lena@example.com"})
    with asked_of_database() as asked:
        response = client.post(f"/api/v1/slots/{slot.pk}/book", body, content_type="application/json", headers=headers)
    print(asked)  # noqa: T201 (shown when the test fails, and by -rP)
    assert response.status_code == status
    assert (asked.statements, asked.round_trips) == expected, __doc__


def test_a_booking(client):
    costs(BOOKED, client, make_slot(), 201)


def test_limits_and_what_was_asked_lately_cost_no_statement(client, settings):
    """Not with the first, and not for an expert who is booked all day by people unknown."""
    settings.RATE_LIMITS = True
    expert = make_expert()
    for day in range(2, 8):
        costs(BOOKED if day < 5 else BOOKED_AND_LOOKED if day == 5 else BOOKED, client, busy_slot(expert, day), 201)


def busy_slot(expert, day):
    return make_slot(expert, day=day_ahead(day), capacity=50)


def test_a_booking_with_a_key_and_its_repetition(client):
    slot = make_slot(capacity=3)
    costs(BOOKED_WITH_KEY, client, slot, 201, **{"Idempotency-Key": "k"})
    costs(REPEATED, client, slot, 201, **{"Idempotency-Key": "k"})


def test_a_slot_that_is_taken(client):
    expert = make_expert()
    slot = make_slot(expert, at="10:00")
    make_booking(slot)
    costs(TAKEN, client, slot, 409)
    make_slot(expert, at="11:00")
    costs(TAKEN, client, slot, 409)
